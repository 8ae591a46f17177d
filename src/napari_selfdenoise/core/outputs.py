"""Where a run puts the images it makes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from napari_selfdenoise.core.image import ArrayLike, Image


class WritableArray(ArrayLike, Protocol):
    """An array that is written by parts, too."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a part."""


class Outputs:
    """Makes the arrays that a run fills: in memory here, in files for large images.

    Attributes
    ----------
    in_memory : bool
        Whether they are kept in memory.
    watched : bool
        Whether a user looks at them while they are filled: they must hold nothing then but
        what the run will return.
    """

    in_memory: bool = True
    watched: bool = False

    def new(self, image: Image) -> WritableArray:
        """Return an array for the denoised `image`: of its shape, float32, all NaN."""
        return np.full(image.shape, np.nan, np.float32)

    def scratch(self) -> Outputs:
        """Return where arrays come from that are needed while the run lasts, and no longer."""
        return self
