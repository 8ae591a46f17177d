"""An image seen on the scale on which its noise is even."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_model import NoiseModel


def stabilised(image: Image, models: Sequence[NoiseModel]) -> Image:
    """Return the image with noise of about unit variance, computed where it is read.

    Parameters
    ----------
    image : Image
        Not modified.
    models : sequence of NoiseModel
        One for all, or one for each channel (axis C) and in it each colour sample (axis S).
    """
    return image.like(_Stabilised(image, models))


class _Stabilised:
    """An image's data, transformed when they are read."""

    dtype = np.dtype(np.float32)

    def __init__(self, image: Image, models: Sequence[NoiseModel]) -> None:
        self._image, self._models = image, models
        self.shape = image.shape

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]:
        values = np.asarray(self._image.data[key])
        out = np.empty(values.shape, np.float32)
        for number, part in self._parts(key):
            out[part] = self._models[number].stabilise(values[part])
        return out

    def _parts(self, key: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield the number of a model and the part of what is read that is its own."""
        if len(self._models) == 1:
            yield 0, (...,)
            return
        image = self._image
        places = dict(zip(image.axes, key if isinstance(key, tuple) else (key,), strict=False))
        kept = [axis for axis in image.axes if isinstance(places.get(axis, slice(None)), slice)]
        numbers = {
            axis: np.atleast_1d(np.arange(image.size(axis))[places.get(axis, slice(None))])
            for axis in "CS"
        }
        for channel, c in enumerate(numbers["C"]):
            for colour, s in enumerate(numbers["S"]):
                at = {"C": channel, "S": colour}
                part = tuple(at.get(axis, slice(None)) for axis in kept)
                yield int(c) * image.size("S") + int(s), part
