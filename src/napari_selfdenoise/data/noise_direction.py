"""Along which axis of an image the noise is correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.noise_correlation import noise_autocorrelation

Axis = Literal["x", "y", "none"]

CORRELATED = 0.1
"""Correlation of neighbours from which on noise counts as correlated."""
BOTH = 0.35
"""Correlation of neighbours along both axes from which on it is no longer that of texture."""
APART = 0.05
"""What structure is left in the measurement is much the same along rows and columns: noise
along one of them shows in the difference."""


@dataclass(frozen=True)
class NoiseDirection:
    """Along which axis noise is correlated, and what that was concluded from.

    Attributes
    ----------
    axis : {"x", "y", "none"}
        The axis; "none" if neighbours are independent.
    along_x, along_y : float
        Correlation of neighbours along the rows and along the columns.
    """

    axis: Axis
    along_x: float
    along_y: float

    @property
    def both(self) -> bool:
        """Whether neighbours are correlated along the other axis too."""
        return self.axis != "none" and min(self.along_x, self.along_y) > BOTH

    def __str__(self) -> str:
        words = {"x": "along rows", "y": "along columns", "none": "along neither axis"}
        return (
            "The correlation of neighbouring pixels in flat places is "
            f"{self.along_x:.2f} along rows and {self.along_y:.2f} along columns: noise is "
            f"taken to be correlated {words[self.axis]}"
        )


def noise_direction(stacks: list[NDArray[Any]]) -> NoiseDirection:
    """Measure along which axis the noise of neighbouring pixels is correlated.

    Parameters
    ----------
    stacks : list of ndarray (planes, Y, X)
        Planes of one kind of image, for example one stack per channel; finite values.
    """
    correlations = np.mean([noise_autocorrelation(stack, 1)[-2:, 0] for stack in stacks], 0)
    along_y, along_x = map(float, correlations)
    axis: Axis = "none"
    if max(along_x, along_y) > CORRELATED and abs(along_x - along_y) > APART:
        axis = "x" if along_x > along_y else "y"
    return NoiseDirection(axis, along_x, along_y)
