"""OME-Zarr 0.5 images, written by parts: zarr 3, with smaller versions of each plane.

Next-generation file formats, https://ngff.openmicroscopy.org/0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.ome_zarr import OWN, StoredArray
from napari_selfdenoise.data.reordered import reordered

CHUNK = 512
"""Side of a chunk in pixels, of one plane each."""
COARSEST = 512
"""Planes are halved until their sides are no longer than this, in pixels."""
_TYPES = {"T": "time", "C": "channel", "S": "channel", "Q": "sample"}
_NAMES = {"S": "c", "Q": "sample"}


class OmeZarrWriter:
    """An OME-Zarr image that is written by parts.

    Parameters
    ----------
    folder : Path
        Where it is made; there is nothing yet.
    image : Image
        For its axes, shape, scale, units and name; its pixels are not read.

    Attributes
    ----------
    array : array
        Of the image's shape and axes, float32, NaN where it was not written.

    Raises
    ------
    FileError
        If OME-Zarr has no place for one of the axes.
    """

    def __init__(self, folder: Path, image: Image) -> None:
        self._image, self.axes = image, stored_axes(image)
        shape = tuple(image.size(axis) for axis in self.axes)
        self._group = zarr.create_group(folder, zarr_format=3)
        self._levels = [self._level(shape)]
        self.array: WritableArray = reordered(self._levels[0], self.axes, image.axes)

    def complete(self, provenance: Provenance | None = None) -> None:
        """Make the smaller versions, and write what the image is."""
        while max(self._levels[-1].shape[-2:]) > COARSEST:
            self._halve()
        own: dict[str, Any] = {"axes": self.axes}
        if provenance is not None:
            own["provenance"] = provenance.to_json()
        described: Any = {"version": "0.5", "multiscales": [self._described()]}
        self._group.attrs.update({"ome": described, OWN: own})

    def opened(self, folder: Path) -> ArrayLike:
        """Return the pixels where the complete image is now."""
        stored = StoredArray(zarr.open_array(folder / "0", mode="r"), folder)
        array: ArrayLike = reordered(stored, self.axes, self._image.axes)
        return array

    def _level(self, shape: tuple[int, ...]) -> Any:
        chunks = (1,) * (len(shape) - 2) + tuple(min(side, CHUNK) for side in shape[-2:])
        return self._group.create_array(
            str(len(self._group)),
            shape=shape,
            chunks=chunks,
            dtype="float32",
            fill_value=np.nan,
            # Fast, and a sixth smaller than without: what is denoised is smooth.
            compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
            dimension_names=[_NAMES.get(axis, axis.lower()) for axis in self.axes],
        )

    def _halve(self) -> None:
        """Add a level whose pixels are the means of two by two of the last one."""
        fine = self._levels[-1]
        *outer, height, width = fine.shape
        coarse = self._level((*outer, -(-height // 2), -(-width // 2)))
        for place in product(*map(range, outer)):
            for rows in _parts(height, 4 * CHUNK):
                means = _halved(fine[(*place, rows)])
                top = rows.start // 2
                coarse[(*place, slice(top, top + len(means)))] = means
        self._levels.append(coarse)

    def _described(self) -> dict[str, Any]:
        image = self._image
        axes, scale = [], []
        for axis in self.axes:
            place = image.axes.index(axis)
            each = {"name": _NAMES.get(axis, axis.lower()), "type": _TYPES.get(axis, "space")}
            if image.units[place] != "pixel":
                each["unit"] = image.units[place]
            axes.append(each)
            scale.append(image.scale[place])
        datasets = []
        for level in range(len(self._levels)):
            factors = [2.0**level if axis in "YX" else 1.0 for axis in self.axes]
            sizes = [size * factor for size, factor in zip(scale, factors, strict=True)]
            # The middle of a coarse pixel lies between those of the fine ones it covers.
            shift = [size * (f - 1) / 2 for size, f in zip(scale, factors, strict=True)]
            moved = [{"type": "translation", "translation": shift}] if level else []
            datasets.append(
                {
                    "path": str(level),
                    "coordinateTransformations": [{"type": "scale", "scale": sizes}, *moved],
                }
            )
        return {"name": image.name, "axes": axes, "datasets": datasets, "type": "mean"}


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of two by two pixels; at odd ends of what there is of them.

    By sums of slices, which take a tenth of the time of a mean over two axes.
    """
    plane = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    rows = plane[::2] + plane[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) * np.float32(1 / 4)


def scratch_array(folder: Path, image: Image) -> WritableArray:
    """Return an array of the shape of `image` in a folder, float32 and all NaN."""
    array: WritableArray = zarr.create_array(
        folder,
        shape=image.shape,
        chunks=tuple(
            side if axis in "YXS" else 1
            for axis, side in zip(image.axes, image.shape, strict=True)
        ),
        dtype="float32",
        fill_value=np.nan,
        compressors=None,
    )
    return array


def stored_axes(image: Image) -> str:
    """Return the axes of an image in the order OME-Zarr wants: time, channel, space.

    Raises
    ------
    FileError
        If there are two of channels, colours and posterior samples, of which it has one.
    """
    between = [axis for axis in image.axes if axis in "CSQ"]
    if len(between) > 1:
        raise FileError(
            f"OME-Zarr has one axis beside time and space, but {image.name} has "
            f"{' and '.join(between)} ({image.axes}). Write it as TIFF."
        )
    return "".join(axis for axis in ("T", *between, "Z", "Y", "X") if axis in image.axes)


def _parts(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
