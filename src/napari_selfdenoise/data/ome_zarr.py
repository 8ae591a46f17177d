"""OME-Zarr images: read by region, versions 0.4 and 0.5, and plain zarr arrays.

Next-generation file formats, https://ngff.openmicroscopy.org/0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_selfdenoise.core.axes import KNOWN
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.lazy import UNDECODABLE
from napari_selfdenoise.data.reordered import reordered
from napari_selfdenoise.data.units import unit_name

OWN = "napari-selfdenoise"
"""Under which a group's attributes hold what OME-Zarr has no place for."""


def read_ome_zarr(path: Path, axes: str = "") -> Image:
    """Return the image in a zarr folder, at full resolution; read when it is needed.

    Parameters
    ----------
    path : Path
        An OME-Zarr image, or an array.
    axes : str
        One letter per axis as stored, if the image's own are missing or wrong.

    Raises
    ------
    FileError
        If it is damaged or holds no image.
    AxesError, ImageError
        If `axes` does not fit, or it holds something else than an intensity image.
    """
    try:
        found = zarr.open(path, mode="r")
        if isinstance(found, zarr.Array):
            return _plain(found, path, axes)
        return _multiscale(found, path, axes)
    except UNDECODABLE as error:
        raise FileError(f"{path.name} cannot be read as a zarr image: {error}") from error


def _plain(array: zarr.Array[Any], path: Path, axes: str) -> Image:
    names = "".join(
        str(name)[:1] for name in getattr(array.metadata, "dimension_names", None) or ()
    )
    known = set(names.upper()) <= set(KNOWN) and len(set(names)) == len(array.shape)
    return Image(
        StoredArray(array, path), axes or (names.upper() if known else ""), name=_name(path)
    )


def _multiscale(group: zarr.Group, path: Path, axes: str) -> Image:
    attributes: Mapping[str, Any] = group.attrs.asdict()
    told = attributes.get("ome", attributes)
    if "multiscales" not in told and "bioformats2raw.layout" in told and "0" in group:
        return read_ome_zarr(path / "0", axes)  # the first of a series of images
    if "multiscales" not in told:
        kind = "a plate of many images" if "plate" in told else "no image"
        raise FileError(
            f"{path.name} holds {kind} of OME-Zarr; name a folder in it with an image: "
            f"{', '.join(list(group)[:3])}..."
        )
    described = told["multiscales"][0]
    full = described["datasets"][0]
    data = group[full["path"]]
    if not isinstance(data, zarr.Array):
        raise FileError(f"{path.name} has no array {full['path']}, which it names.")
    letters, units = _axes(described.get("axes", ()))
    own = attributes.get(OWN, {}).get("axes", letters)  # colours and samples, too
    stored = axes or own
    shown = "Q" * ("Q" in stored) + stored.replace("Q", "").replace("S", "")
    shown += "S" * ("S" in stored)
    if len(stored) != data.ndim or len(set(stored)) != data.ndim:
        return Image(StoredArray(data, path), stored, name=_name(path))  # it says what is wrong
    scale = _scale(
        [
            *full.get("coordinateTransformations", ()),
            *described.get("coordinateTransformations", ()),
        ],
        data.ndim,
    )
    order = [stored.index(axis) for axis in shown]
    units = units or ["pixel"] * data.ndim
    return Image(
        reordered(StoredArray(data, path), stored, shown),
        shown,
        tuple(scale[place] for place in order),
        tuple(units[place] for place in order),
        str(described.get("name") or _name(path)),
    )


def _axes(described: Sequence[Any]) -> tuple[str, list[str]]:
    """Return letters and units; no letters if they are none that we know."""
    named = [each if isinstance(each, dict) else {"name": each} for each in described]
    letters = "".join(str(each["name"])[:1].upper() for each in named)
    if not set(letters) <= set(KNOWN) or len(set(letters)) < len(letters):
        letters = ""
    return letters, [unit_name(str(each.get("unit", ""))) for each in named]


def _scale(transformations: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    """Return the size of a pixel: the product of all scales, one after the other."""
    scale = np.ones(count)
    for each in transformations:
        if each.get("type") == "scale" and len(each.get("scale", ())) == count:
            scale *= each["scale"]
    return [float(size) for size in scale]


def _name(path: Path) -> str:
    return path.name.removesuffix(".zarr").removesuffix(".ome")


class StoredArray:
    """An array in a zarr folder; what cannot be decoded is told in a sentence."""

    def __init__(self, array: zarr.Array[Any], path: Path) -> None:
        self._array, self._path = array, path
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        try:
            return np.asarray(self._array[key])
        except UNDECODABLE as error:
            raise FileError(f"{self._path.name} cannot be decoded: {error}") from error
