"""Image files in and out, with axes, scale and units."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.lazy import UNDECODABLE, FileArray
from napari_selfdenoise.data.tiff_layout import is_big, tiff_layout

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
_ZARR_FILES = ("zarr.json", ".zattrs", ".zarray", ".zgroup")
_OME_TYPES = {"float16": "float32", "int64": "float64", "uint64": "float64"}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read_image(path: str | os.PathLike[str], axes: str = "") -> Image:
    """Return the image in a file, whose pixels are read when they are needed.

    A file does not stay open, so there is no limit to the number of images.

    Parameters
    ----------
    path : path
        A TIFF (plain, ImageJ or OME), PNG or JPEG file, or the folder of an OME-Zarr image
        or a zarr array.
    axes : str
        One letter per axis as stored, out of T, C, Z, Y, X, S (colour) and Q (posterior
        samples), if the file's own are missing or wrong. Where neither tells, they are
        guessed: see `Image.axes_guessed`. Q comes first in the image, wherever a TIFF
        stores it.

    Raises
    ------
    FileError
        If there is no such file, or it is damaged or of an unknown kind.
    AxesError, ImageError
        If `axes` does not fit, or the file holds something else than an intensity image.
    """
    path = Path(path)
    if not path.exists():
        raise FileError(f"There is no file {path}.")
    if is_zarr(path):
        from napari_selfdenoise.data.ome_zarr import read_ome_zarr

        return read_ome_zarr(path, axes)
    if path.is_dir():
        raise FileError(f"{path} is a folder; name the image files in it.")
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        # tifffile and zarr are needed for TIFF only, and take a while to load.
        from napari_selfdenoise.data.tiff import read_tiff

        return read_tiff(path, axes)
    if suffix in PICTURE_SUFFIXES:
        return _read_picture(path, axes)
    raise FileError(
        f"{path.name} is of a kind that cannot be read ({suffix or 'no suffix'}); TIFF, PNG, "
        "JPEG and OME-Zarr can. Fiji saves most microscope files as OME-TIFF."
    )


def is_zarr(path: Path) -> bool:
    """Whether a folder is an image (or array) in zarr format, as far as its files tell."""
    return any((path / name).is_file() for name in _ZARR_FILES)


def write_tiff(
    path: str | os.PathLike[str],
    image: Image,
    *,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> None:
    """Write `image` as an uncompressed OME-TIFF, readable by Fiji, QuPath and tifffile.

    The file appears whole or not at all. Axes come in OME's order: what is neither Y, X
    nor colour first, as it stands in the image, then Y, X and colour. Posterior samples (Q)
    take the place of one of T, Z, C that the image lacks; if it has all, they share its
    first.

    Parameters
    ----------
    path : path
        Ends in ``.tif``; its folder exists.
    image : Image
        Read plane by plane. float32 stays float32; the types OME does not know
        (float16, 64-bit integers) become the next larger float.
    overwrite : bool
        Replace an existing file, which is an error otherwise.
    provenance : Provenance, optional
        How the image came about; kept as JSON in an OME annotation.

    Raises
    ------
    FileError
        If the file exists, or cannot be written; no part of it is left then.
    """
    path = Path(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise FileError(f"{path.name} must end in .tif: images are written as OME-TIFF.")
    if path.exists() and not overwrite:
        raise FileError(f"{path} exists already. Remove it, or allow to overwrite it.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _write_ome(partial, image, provenance)
        partial.replace(path)
    except OSError as error:
        raise not_written(path, image, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _write_ome(path: Path, image: Image, provenance: Provenance | None) -> None:
    import tifffile

    dtype = np.dtype(_OME_TYPES.get(image.dtype.name, image.dtype.name))
    told = "" if provenance is None else json.dumps(provenance.to_json())
    layout = tiff_layout(image, dtype, told)
    with tifffile.TiffWriter(path, ome=True, bigtiff=is_big(layout)) as writer:
        planes = (plane.astype(dtype) for plane in _planes(image, layout.axes))
        writer.write(planes, **layout.options)


def _planes(image: Image, axes: str) -> Iterator[NDArray[Any]]:
    """Read one (Y, X) or (Y, X, S) plane after the other, in the order of `axes`."""
    outer = [axis for axis in axes if axis not in "YXS"]
    kept = [axis for axis in image.axes if axis in "YXS"]
    order = [kept.index(axis) for axis in axes if axis in "YXS"]
    for place in product(*(range(image.size(axis)) for axis in outer)):
        at = dict(zip(outer, place, strict=True))
        index = tuple(at.get(axis, slice(None)) for axis in image.axes)
        yield image.read(index).transpose(order)


def not_written(path: Path, image: Image, error: OSError) -> FileError:
    """Return what says why an image could not be written to a file."""
    # numpy's own writing tells only how many bytes were taken, without an error number.
    if error.errno in _FULL or (error.errno is None and "written" in str(error)):
        needed = int(np.prod(image.shape, dtype=np.int64)) * image.dtype.itemsize / 1e6
        free = shutil.disk_usage(path.parent).free / 1e6
        return FileError(
            f"The disk is full: {path.name} needs {needed:.0f} MB, and {free:.0f} MB are free "
            f"in {path.parent}. Nothing was written."
        )
    return FileError(f"{path} cannot be written: {error.strerror or error}.")


def _read_picture(path: Path, axes: str) -> Image:
    _refuse_deep_colour(path)
    pixels = _decoded(path)
    data = _Picture(path, pixels.shape, pixels.dtype, pixels)
    return Image(data, axes=axes or ("YX" if pixels.ndim == 2 else "YXS"), name=path.stem)


class _Picture(FileArray):
    """A PNG or JPEG image, which is decoded as a whole."""

    def open(self) -> NDArray[Any]:
        return _decoded(self.path)


def _decoded(path: Path) -> NDArray[Any]:
    from PIL import Image as Picture
    from PIL import UnidentifiedImageError

    try:
        with Picture.open(path) as picture:
            indirect = picture.mode in ("P", "CMYK", "YCbCr", "LA", "PA")
            pixels = np.array(picture.convert("RGB") if indirect else picture)
    except UnidentifiedImageError as error:
        raise FileError(f"{path.name} is no PNG or JPEG image, or it is damaged.") from error
    except UNDECODABLE as error:
        raise FileError(f"{path.name} is damaged or truncated: {error}.") from error
    if pixels.ndim == 3:
        pixels = pixels[..., :3]  # transparency is no intensity
        if (pixels == pixels[..., :1]).all():
            pixels = pixels[..., 0]  # a grey image saved as colour
    return pixels


def _refuse_deep_colour(path: Path) -> None:
    """Refuse a PNG of 16 bits per colour, which would be read as 8 bits without a word."""
    with path.open("rb") as file:
        head = file.read(26)
    if head[:4] == b"\x89PNG" and len(head) == 26 and head[24] == 16 and head[25] in (2, 4, 6):
        raise FileError(
            f"{path.name} is a PNG of 16 bits per colour, which cannot be read without loss. "
            "Save it as TIFF."
        )
