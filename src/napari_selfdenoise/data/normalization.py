"""Intensities to the range a network likes, and back by what did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.planes import Planes

Policy = Literal["standard", "range", "robust"]
SAMPLED_PIXELS = 2**22
"""Pixels, evenly spaced over all planes, of which percentiles are taken."""
PERCENTILES = 0.1, 99.9
HEADROOM = 0.1
"""How far a robust range goes beyond the largest intensity, as a share of the range."""


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
        policy : {"standard", "range", "robust"}
            ``"standard"``: mean 0 and standard deviation 1. ``"range"``: minimum 0 and
            maximum 1. ``"robust"``: nearly so, but single pixels that are far from all
            others do not count, and there is some room above the maximum.
        """
        if policy == "robust":
            return cls(*_robust_range(sources))
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


def _robust_range(
    sources: Sequence[Planes],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return offset and scale: of all but a few pixels, and of everything that is no pixel.

    Percentiles leave out hot pixels, but small bright structures, too. These are wider than
    a pixel: what four pixels of a square reach together belongs to the range.
    """
    total = sum(len(planes) * planes.shape[1] * planes.shape[2] for planes in sources)
    step = -(-total // SAMPLED_PIXELS)
    seen, sampled, lows, highs = 0, [], [], []
    for planes in sources:
        for plane in range(len(planes)):
            values = planes.read(plane)
            some = values.reshape(len(values), -1)[:, -seen % step :: step]
            sampled.append(some.copy())  # a view would keep the whole plane in memory
            seen += values[0].size
            lows.append(_of_squares(values, np.maximum).min(axis=(1, 2)))
            highs.append(_of_squares(values, np.minimum).max(axis=(1, 2)))
    low, high = np.percentile(np.concatenate(sampled, axis=1), PERCENTILES, axis=1)
    low, high = np.minimum(low, np.min(lows, axis=0)), np.maximum(high, np.max(highs, axis=0))
    scale = (1 + HEADROOM) * (high - low)
    scale = np.where(scale > 0, scale, 1.0)
    return tuple(low.tolist()), tuple(scale.tolist())


def _of_squares(values: NDArray[np.float32], chosen: np.ufunc) -> NDArray[np.float32]:
    """Return the smallest (or largest) pixel of each square of 2 x 2 pixels."""
    for axis in (1, 2):
        count = values.shape[axis]
        if count > 1:
            first = values.take(range(count - 1), axis)
            values = chosen(first, values.take(range(1, count), axis))
    return values


def _column(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, float)[:, np.newaxis, np.newaxis]
