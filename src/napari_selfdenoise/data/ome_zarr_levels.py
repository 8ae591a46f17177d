"""The levels of an OME-Zarr image: the full resolution and the smaller versions of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zarr

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.data.lazy import UNDECODABLE
from napari_selfdenoise.data.ome_zarr import OWN, StoredArray
from napari_selfdenoise.data.reordered import reordered


def levels_of(path: Path, image: Image) -> list[ArrayLike]:
    """Return the arrays of an image that this package wrote, the largest first.

    Parameters
    ----------
    path : Path
        The OME-Zarr folder, complete.
    image : Image
        The image in it, for the order of the axes.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    try:
        group = zarr.open_group(path, mode="r")
        told: Any = group.attrs.asdict()
        stored = str(told[OWN]["axes"])
        datasets = told["ome"]["multiscales"][0]["datasets"]
        arrays = [zarr.open_array(path / each["path"], mode="r") for each in datasets]
    except UNDECODABLE as error:
        raise FileError(f"{path.name} cannot be read as an OME-Zarr image: {error}") from error
    return [reordered(StoredArray(each, path), stored, image.axes) for each in arrays]
