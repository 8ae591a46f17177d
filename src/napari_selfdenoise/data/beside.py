"""A plane with those above and below it, or the frames before and after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import WHOLE, Planes, Window


def stacked_axis(image: Image, axes: str = "ZT") -> str | None:
    """Return the axis along which neighbours of a plane show nearly what it shows.

    That is the first of `axes` along which there are several planes; ``None`` if there is but
    one.
    """
    return next((axis for axis in axes if image.size(axis) > 1), None)


def neighbours(at: int, length: int, beside: int) -> list[int]:
    """Return the planes beside plane `at` of `length` planes, nearest first: -1, +1, -2, ...

    What would lie beyond the end is taken from the other side, or from nearer by. It is never
    the plane itself: methods that hide a pixel of a plane rely on that.
    """
    chosen = []
    for distance in range(1, beside + 1):
        for side in (-1, 1):
            nearer = range(distance, 0, -1)
            candidates = (at + way * far for far in nearer for way in (side, -side))
            chosen.append(next(each for each in candidates if 0 <= each < length))
    return chosen


def read_beside(
    planes: Planes, plane: int, beside: int = 0, window: Window = WHOLE
) -> NDArray[np.float32]:
    """Return a window of a plane, and after it of those beside it.

    Parameters
    ----------
    planes : Planes
        Of an image with a `stacked_axis`, unless `beside` is 0.
    plane : int
        Which of them.
    beside : int
        Planes on each side.
    window : Window
        Part of the planes.

    Returns
    -------
    ndarray (1 + 2 beside, channels, height, width)
        Intensities; the plane itself comes first.
    """
    read = [planes.read(plane, window)]
    if beside and (axis := stacked_axis(planes.image)):
        places = planes.places(plane)
        for at in neighbours(places[axis], planes.image.size(axis), beside):
            other = Planes(planes.image, {**places, axis: at})
            read.append(other.read(0, window))
    return np.stack(read)


def as_channels(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return planes, (planes, channels, Y, X), as channels of one: (all channels, Y, X)."""
    return planes.reshape(-1, *planes.shape[2:])
