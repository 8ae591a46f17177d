"""An image seen as a row of planes, read one at a time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import WritableArray

Window = tuple[slice, slice]
"""Rows and columns of a part of a plane."""
WHOLE: Window = (slice(None), slice(None))
SAMPLED_PLANES, SAMPLED_SIDE = 8, 1024
"""Planes, and pixels of each along a side, on which the noise of images is measured."""
MOST_SAMPLED = 64
"""Planes that are taken if they are small."""


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes of shape (channels, Y, X) of one image, read one at a time.

    ``channels`` is 1, or the number of colour samples of an RGB image (axis S): colours
    belong to one plane, while fluorescence channels (axis C) are images of their own.

    Attributes
    ----------
    image : Image
        The image they belong to.
    fixed : mapping of str to int
        Positions along axes that do not change, for example ``{"C": 1}``.
    """

    image: Image
    fixed: Mapping[str, int]

    @property
    def channels(self) -> int:
        """Colour samples of a plane; 1 for a grey image."""
        return self.image.size("S")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one plane, (channels, Y, X)."""
        return self.channels, self.image.size("Y"), self.image.size("X")

    @property
    def name(self) -> str:
        """The image's name and what is fixed, for messages."""
        places = "".join(f", {axis} = {at}" for axis, at in self.fixed.items())
        return self.image.name + places

    def __len__(self) -> int:
        return int(np.prod([self.image.size(axis) for axis in self._free()], dtype=int))

    def index(self, plane: int, window: Window = WHOLE) -> tuple[Any, ...]:
        """Return what to put into ``data[...]`` to reach a window of a plane."""
        positions = self.places(plane)
        parts = {"Y": window[0], "X": window[1], "S": slice(None)}
        return tuple(parts.get(axis, positions.get(axis)) for axis in self.image.axes)

    def places(self, plane: int) -> dict[str, int]:
        """Return where a plane is along every axis but those in it."""
        sizes = [range(self.image.size(axis)) for axis in self._free()]
        if not 0 <= plane < len(self):
            raise IndexError(f"plane {plane} of {len(self)}")
        return dict(zip(self._free(), _nth(sizes, plane), strict=True)) | dict(self.fixed)

    def read(self, plane: int, window: Window = WHOLE) -> NDArray[np.float32]:
        """Return a window of a plane as float32 of shape (channels, height, width)."""
        values = self.image.read(self.index(plane, window)).astype(np.float32)
        kept = [axis for axis in self.image.axes if axis in "YXS"]
        if "S" not in kept:
            values, kept = values[np.newaxis], ["S", *kept]
        return values.transpose([kept.index(axis) for axis in "SYX"])

    def write(
        self,
        out: WritableArray,
        plane: int,
        values: NDArray[np.float32],
        window: Window = WHOLE,
    ) -> None:
        """Write (channels, height, width) values into an array of the image's shape."""
        kept = [axis for axis in self.image.axes if axis in "YXS"]
        if "S" not in kept:
            values, order = values[0], ["Y", "X"]
        else:
            order = ["S", "Y", "X"]
        out[self.index(plane, window)] = values.transpose([order.index(axis) for axis in kept])

    def each_alone(self) -> list[Planes]:
        """Return one `Planes` of a single plane for every plane."""
        free = self._free()
        return [
            Planes(self.image, {**self.fixed, **dict(zip(free, place, strict=True))})
            for place in product(*(range(self.image.size(axis)) for axis in free))
        ]

    def _free(self) -> list[str]:
        return [
            axis for axis in self.image.axes if axis not in "YXS" and axis not in self.fixed
        ]


def channel_planes(image: Image) -> list[Planes]:
    """Return the planes of each fluorescence channel (axis C); one entry if there is none."""
    if "C" not in image.axes:
        return [Planes(image, {})]
    return [Planes(image, {"C": channel}) for channel in range(image.size("C"))]


def typical(images: Sequence[Image]) -> list[Image]:
    """Return the images without those that are smaller than most of them."""
    sides = [min(image.size("Y"), image.size("X")) for image in images]
    most = statistics.median_low(sides)
    return [image for image, side in zip(images, sides, strict=True) if side >= most]


def sample_planes(images: Sequence[Image]) -> list[NDArray[np.float32]]:
    """Return what noise is measured on: some planes of each channel and colour.

    Returns
    -------
    list of ndarray (planes, Y, X)
        One entry for each channel (axis C) and in it each colour sample (axis S): the middle
        of a few planes, more if they are small, evenly spaced over all images but those
        smaller than most.
    """
    images = typical(images)
    height, width = (
        min(SAMPLED_SIDE, *(image.size(axis) for image in images)) for axis in "YX"
    )
    count = min(SAMPLED_PLANES * SAMPLED_SIDE**2 // (height * width), MOST_SAMPLED)
    samples = []
    for channels in zip(*map(channel_planes, images), strict=True):
        places = [(planes, at) for planes in channels for at in range(len(planes))]
        read = []
        for planes, at in places[:: -(-len(places) // count)]:
            window = tuple(
                slice((side - cut) // 2, (side - cut) // 2 + cut)
                for side, cut in zip(planes.shape[1:], (height, width), strict=True)
            )
            read.append(planes.read(at, (window[0], window[1])))
        samples += list(np.stack(read, axis=1))
    return samples


def _nth(ranges: list[range], n: int) -> tuple[int, ...]:
    return (
        tuple(map(int, np.unravel_index(n, [len(each) for each in ranges]))) if ranges else ()
    )
