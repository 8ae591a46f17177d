"""Splitting an image of several channels, and the part of it that is scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.heldout import Kind, Split, split
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_model import NoiseModel

Array = NDArray[Any]

SIDE, FRAMES = 256, 8
"""Pixels along Y and X, and planes along T and Z, of the region that is scored by default."""


def middle(image: Image) -> tuple[slice, ...]:
    """Return the middle of an image: at most 256 x 256, and 8 planes along T and Z."""
    largest = {"Y": SIDE, "X": SIDE, "T": FRAMES, "Z": FRAMES}
    return tuple(
        slice((side - part) // 2, (side - part) // 2 + part)
        for axis, side in zip(image.axes, image.shape, strict=True)
        for part in [min(side, largest.get(axis, side))]
    )


def split_image(
    image: Image, models: Sequence[NoiseModel], rng: np.random.Generator, tau: float, kind: Kind
) -> Split:
    """Split every channel and colour of an image by its own noise model.

    Returns
    -------
    Split
        Of arrays with the axes of the image.
    """
    out = Split(*(np.empty(image.shape, dtype) for dtype in (np.float32, float, float, float)))
    values = image.read()
    for channel in range(image.size("C")):
        for colour in range(image.size("S")):
            fixed = {"C": channel, "S": colour}
            part = tuple(fixed.get(axis, slice(None)) for axis in image.axes)
            kept = "".join(axis for axis in image.axes if axis not in "CS")
            model = models[channel * image.size("S") + colour if len(models) > 1 else 0]
            own = split(planes_last(values[part], kept), model, rng, tau, kind)
            for name in Split._fields:
                planes_last(getattr(out, name)[part], kept)[...] = getattr(own, name)
    return out


def planes_last(values: Array, axes: str) -> Array:
    """Return a view with Y and X as the last axes."""
    return np.moveaxis(values, (axes.index("Y"), axes.index("X")), (-2, -1))
