"""Folders of image files: which files in them are images, and how results are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_selfdenoise.core.errors import FileError, UsageError
from napari_selfdenoise.data.io import PICTURE_SUFFIXES, TIFF_SUFFIXES, is_zarr

_IMAGES = "denoised|residual|posterior_std|dropout_std|samples|generated_noise|prior|direct"
_RESULT = re.compile(rf"\.\w+\.({_IMAGES})\.(tif|ome\.zarr)$")
"""How the names of results end, which are no inputs."""


def image_files(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Return the image files in a folder, OME-Zarr folders among them, by name.

    Results of former runs and hidden files are left out.

    Parameters
    ----------
    folder : Path
        Where to look.
    recursive : bool
        Look into the folders inside it, too, but for hidden ones.

    Raises
    ------
    FileError
        If there is no such folder.
    UsageError
        If it holds no image file.
    """
    if not folder.is_dir():
        raise FileError(f"There is no folder {folder}.")
    found = sorted(each for each in _files(folder, recursive=recursive) if _is_image(each))
    if not found:
        raise UsageError(
            f"The folder {folder} holds no TIFF, PNG or JPEG image and no OME-Zarr."
        )
    return found


def result_name(path: Path, method: str, image: str, suffix: str = ".tif") -> str:
    """Return the file name of an image of the result, ``"denoised"`` for example."""
    return f"{path.stem.removesuffix('.ome')}.{method}.{image}{suffix}"


def free_name(name: str, path_of: Callable[[str], Path]) -> str:
    """Return a name under which there is no file: itself, or "name (2)", "name (3)", ...

    Parameters
    ----------
    name : str
        The name wanted.
    path_of : callable
        Returns where a file of some name would be.
    """
    found, number = name, 1
    while path_of(found).exists():
        number += 1
        found = f"{name} ({number})"
    return found


def _files(folder: Path, *, recursive: bool) -> Iterator[Path]:
    """Yield files and zarr folders that are not hidden."""
    for each in folder.iterdir():
        if each.name.startswith("."):
            continue
        if each.is_file() or is_zarr(each):  # a zarr folder holds thousands of files
            yield each
        elif recursive and each.is_dir():
            yield from _files(each, recursive=True)


def _is_image(path: Path) -> bool:
    known = path.suffix.lower() in TIFF_SUFFIXES + PICTURE_SUFFIXES if path.is_file() else True
    return known and not _RESULT.search(path.name)
