"""Folders of image files: which files in them are images, and how results are named."""

from __future__ import annotations

import re
from pathlib import Path

from napari_selfdenoise.core.errors import FileError, UsageError
from napari_selfdenoise.data.io import PICTURE_SUFFIXES, TIFF_SUFFIXES

_RESULT = re.compile(
    r"\.\w+\.(denoised|residual|posterior_std|samples|generated_noise|prior|direct)\.tif$"
)
"""How the names of results end, which are no inputs."""


def image_files(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Return the image files in a folder, by name.

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
    found = [
        each
        for each in sorted(folder.rglob("*") if recursive else folder.iterdir())
        if each.suffix.lower() in TIFF_SUFFIXES + PICTURE_SUFFIXES
        and each.is_file()
        and not any(part.startswith(".") for part in each.relative_to(folder).parts)
        and not _RESULT.search(each.name)
    ]
    if not found:
        raise UsageError(f"The folder {folder} holds no TIFF, PNG or JPEG image.")
    return found


def result_name(path: Path, method: str, image: str) -> str:
    """Return the file name of an image of the result, ``"denoised"`` for example."""
    return f"{path.stem.removesuffix('.ome')}.{method}.{image}.tif"
