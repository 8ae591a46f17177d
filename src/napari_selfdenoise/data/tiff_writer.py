"""OME-TIFF images, written by parts."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import tifffile

from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.lazy import MappedArray
from napari_selfdenoise.data.reordered import reordered
from napari_selfdenoise.data.tiff_layout import is_big, tiff_layout

_LATER = "provenance is written at the end"


class OmeTiffWriter:
    """An uncompressed OME-TIFF image that is written by parts.

    Parameters
    ----------
    path : Path
        Where it is made.
    image : Image
        For its axes, shape, scale, units and name; its pixels are not read.

    Attributes
    ----------
    array : array
        Of the image's shape and axes, float32.
    """

    def __init__(self, path: Path, image: Image) -> None:
        self._path = path
        layout = tiff_layout(image, np.dtype(np.float32), _LATER)
        self.axes, self._shape = layout.axes, layout.shape
        where: Any = tifffile.imwrite(
            path, ome=True, bigtiff=is_big(layout), returnoffset=True, **layout.options
        )
        self._offset, self._image_axes = where[0], image.axes
        self._pixels = _Pixels(path, self._shape, self._offset)
        self.array: WritableArray = reordered(self._pixels, self.axes, image.axes)

    def complete(self, provenance: Provenance | None = None) -> None:
        """Fill planes that were not written with NaN, and write the provenance."""
        outer = [
            range(side)
            for side, axis in zip(self._shape, self.axes, strict=True)
            if axis not in "YXS"
        ]
        for place in product(*outer):
            if place not in self._pixels.written:
                self._pixels[place] = np.nan
        told = "" if provenance is None else json.dumps(provenance.to_json())
        described = tifffile.tiffcomment(self._path)
        assert isinstance(described, str)
        tifffile.tiffcomment(self._path, described.replace(_LATER, escape(told)).encode())

    def opened(self, path: Path) -> ArrayLike:
        """Return the pixels where the complete image is now."""
        pixels = MappedArray(path, self._shape, "<f4", self._offset)
        array: ArrayLike = reordered(pixels, self.axes, self._image_axes)
        return array


class _Pixels(MappedArray):
    """The pixels of a file, which is mapped for each part that is read or written."""

    def __init__(self, path: Path, shape: tuple[int, ...], offset: int) -> None:
        super().__init__(path, shape, "<f4", offset)
        self.written: set[tuple[int, ...]] = set()
        """Where planes were written."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        mapped = np.memmap(self.path, self.dtype, "r+", self._offset, self.shape)
        mapped[key] = value
        places = key if isinstance(key, tuple) else (key,)
        self.written.add(tuple(at for at in places if isinstance(at, int)))

    def _check_unchanged(self) -> None:
        """Change it, as this does."""
