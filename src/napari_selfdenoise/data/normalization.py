"""Intensities to the range a network likes, and back by what did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.planes import Planes

Policy = Literal["standard", "range"]


@dataclass(frozen=True)
class Normalization:
    """A linear map of intensities, one per colour channel; saved with the model.

    Attributes
    ----------
    offset, scale : tuple of float
        ``normalised = (intensity - offset) / scale``, in the image's intensities.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, sources: Sequence[Planes], policy: Policy) -> Self:
        """Measure the map on every pixel of `sources`, reading plane by plane.

        Parameters
        ----------
        sources : sequence of Planes
            All of the same number of colour channels.
        policy : {"standard", "range"}
            ``"standard"``: mean 0 and standard deviation 1. ``"range"``: minimum 0 and
            maximum 1.
        """
        channels, count = sources[0].channels, 0
        total, squares = np.zeros(channels), np.zeros(channels)
        low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
        # Around the first pixel, so that a large offset does not cost the variance digits.
        around = sources[0].read(0)[:, :1, :1].astype(float)
        for planes in sources:
            for plane in range(len(planes)):
                values = planes.read(plane) - around
                count += values[0].size
                total += values.sum(axis=(1, 2))
                squares += np.square(values).sum(axis=(1, 2))
                low = np.minimum(low, values.min(axis=(1, 2)))
                high = np.maximum(high, values.max(axis=(1, 2)))
        if policy == "standard":
            offset = total / count
            scale = np.sqrt(np.maximum(squares / count - offset**2, 0))
        else:
            offset, scale = low, high - low
        scale = np.where(scale > 0, scale, 1.0)  # a constant channel stays as it is
        offset = offset + around[:, 0, 0]
        return cls(tuple(offset.tolist()), tuple(scale.tolist()))

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise intensities of shape (..., channels, Y, X)."""
        return ((values - _column(self.offset)) / _column(self.scale)).astype(np.float32)

    def undo(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return intensities of shape (..., channels, Y, X)."""
        return (values * _column(self.scale) + _column(self.offset)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"offset": list(self.offset), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Make it from what `to_json` returned."""
        return cls(tuple(values["offset"]), tuple(values["scale"]))


def _column(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, float)[:, np.newaxis, np.newaxis]
