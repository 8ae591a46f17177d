"""An image seen as its sub-images of every n-th pixel, and put together again.

Noise that is correlated over a few pixels is nearly white in an image of every n-th pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from napari_selfdenoise.core.image import ArrayLike, Image

Region = tuple[slice, ...]


def sub_images(image: Image, stride: int) -> Image:
    """Return the image whose planes are the sub-images of the planes of `image`.

    The ``stride ** 2`` sub-images of a plane follow each other along the time axis, which
    is put in front if there is none. Sides that are no multiple of the stride are
    mirrored. Nothing is read before it is asked for.
    """
    data = _SubImages(image, stride)
    factors = {"Y": stride, "X": stride}
    scale = tuple(
        size * factors.get(axis, 1) for axis, size in zip(image.axes, image.scale, strict=True)
    )
    front = "T" not in image.axes
    return Image(
        data,
        data.axes,
        (1.0, *scale) if front else scale,
        ("pixel", *image.units) if front else image.units,
        image.name,
    )


def region_of_sub_images(image: Image, region: Region, stride: int) -> Region:
    """Return where `sub_images` has the pixels that lie in a region of `image`."""
    places = {}
    for axis, place in zip(image.axes, region, strict=True):
        start, stop, _ = place.indices(image.size(axis))
        if axis in "YX":
            start, stop = start // stride, -(-stop // stride)
        elif axis == "T":
            start, stop = start * stride**2, stop * stride**2
        places[axis] = slice(start, stop)
    return tuple(places.get(axis, slice(0, stride**2)) for axis in _axes(image))


def region_of_image(image: Image, region: Region, stride: int) -> Region:
    """Return the region of `image` that a region of its sub-images covers."""
    places = dict(zip(_axes(image), region, strict=True))
    covered = []
    for axis in image.axes:
        start, stop = places[axis].start, places[axis].stop
        if axis in "YX":
            start, stop = start * stride, min(stop * stride, image.size(axis))
        elif axis == "T":
            start, stop = start // stride**2, stop // stride**2
        covered.append(slice(start, stop))
    return tuple(covered)


def interleave(
    values: NDArray[np.float32], image: Image, shape: tuple[int, ...], stride: int
) -> NDArray[np.float32]:
    """Put sub-images back in place.

    Parameters
    ----------
    values : ndarray
        Of the axes of ``sub_images(image, stride)``; the whole of it, or a region.
    image : Image
        For its axes.
    shape : tuple of int
        Of the array to return, which may be a region of `image`.
    stride : int
        As the sub-images were made.
    """
    out = np.empty(shape, np.float32)
    time = image.axes.find("T")
    numbered = np.moveaxis(values, max(time, 0), 0)
    for number in range(stride**2):
        first = dict(zip("YX", divmod(number, stride), strict=True))
        target = out[
            tuple(
                slice(first[axis], None, stride) if axis in first else slice(None)
                for axis in image.axes
            )
        ]
        part = numbered[number :: stride**2]
        part = part[0] if time < 0 else np.moveaxis(part, 0, time)
        target[...] = part[tuple(map(slice, target.shape))]
    return out


class Interleaved:
    """The data of an image put together from its sub-images where it is read.

    Parameters
    ----------
    values : array
        Of the shape of ``sub_images(image, stride)``.
    image : Image
        For its axes and shape.
    stride : int
        As the sub-images were made.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, values: ArrayLike, image: Image, stride: int) -> None:
        self._values, self._image, self._stride = values, image, stride
        self.shape = image.shape

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]:
        given = key if isinstance(key, tuple) else (key,)
        given += (slice(None),) * (len(self.shape) - len(given))
        image, stride = self._image, self._stride
        # Y and X are put together as a whole: a sub-image's pixel lies in a square of them.
        region = tuple(
            slice(None) if axis in "YX" else at if isinstance(at, slice) else slice(at, at + 1)
            for axis, at in zip(image.axes, given, strict=True)
        )
        values = np.asarray(self._values[region_of_sub_images(image, region, stride)])
        shape = tuple(len(range(side)[at]) for side, at in zip(self.shape, region, strict=True))
        inside = tuple(
            at if axis in "YX" else slice(None) if isinstance(at, slice) else 0
            for axis, at in zip(image.axes, given, strict=True)
        )
        return interleave(values, image, shape, stride)[inside]


def blend(plane: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Return the mean of all sub-images of a plane, each interpolated to the full grid.

    The sub-images are denoised independently, so that what is left of the noise differs
    from pixel to pixel when they are interleaved. Each of them is an estimate of the whole
    plane; linear interpolation of each and the mean of all is one filter on the interleaved
    plane, whose width follows from the stride.

    Parameters
    ----------
    plane : ndarray (..., Y, X)
        Interleaved sub-images.
    stride : int
        As the sub-images were made.
    """
    weights = np.convolve(np.ones(stride), np.ones(stride)) / stride**2
    for axis in (-2, -1):
        plane = convolve1d(plane, weights, axis=axis, mode="reflect")
    return plane


def _axes(image: Image) -> str:
    return image.axes if "T" in image.axes else "T" + image.axes


class _SubImages:
    """An image's data, of which every n-th pixel is taken when they are read."""

    def __init__(self, image: Image, stride: int) -> None:
        self._image, self._stride = image, stride
        self.axes = _axes(image)
        self.dtype = image.dtype
        sizes = {axis: image.size(axis) for axis in self.axes}
        sizes["T"] *= stride**2
        sizes |= {axis: -(-sizes[axis] // stride) for axis in "YX"}
        self.shape = tuple(sizes[axis] for axis in self.axes)

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        given = key if isinstance(key, tuple) else (key,)
        rest = (slice(None),) * (len(self.shape) - len(given))
        places = dict(zip(self.axes, (*given, *rest), strict=True))
        time = places.pop("T")
        numbers = np.arange(self.shape[self.axes.index("T")])[time]
        if numbers.ndim == 0:
            return self._read(int(numbers), places)
        kept = [axis for axis in self.axes if axis == "T" or isinstance(places[axis], slice)]
        parts = [self._read(int(number), places) for number in numbers]
        return np.stack(parts, axis=kept.index("T"))

    def _read(self, number: int, places: dict[str, Any]) -> NDArray[Any]:
        """Return a part of one sub-image, without the time axis."""
        image, stride = self._image, self._stride
        time, offset = divmod(number, stride**2)
        wanted = {
            axis: self._pixels(axis, first, places[axis])
            for axis, first in zip("YX", divmod(offset, stride), strict=True)
        }
        spans = {axis: slice(at.min(), at.max() + 1) for axis, at in wanted.items()}
        values = image.read(
            tuple(time if axis == "T" else (places | spans)[axis] for axis in image.axes)
        )
        kept = [axis for axis in image.axes if axis != "T" and isinstance(places[axis], slice)]
        for axis, at in wanted.items():
            values = values.take(at - at.min(), axis=kept.index(axis))
        return values

    def _pixels(self, axis: str, first: int, window: slice) -> NDArray[np.int_]:
        """Return the places in the image of a window of a sub-image; mirrored at the end."""
        length = self._image.size(axis)
        at = np.arange(self.shape[self.axes.index(axis)])[window] * self._stride + first
        last = length - 1
        mirrored: NDArray[np.int_] = np.clip(np.where(at > last, 2 * last - at, at), 0, last)
        return mirrored
