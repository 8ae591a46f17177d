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


def image_files(folder: Path) -> list[Path]:
    """Return the image files in a folder, by name.

    Results of former runs, hidden files and folders inside it are left out.

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
        for each in sorted(folder.iterdir())
        if each.suffix.lower() in TIFF_SUFFIXES + PICTURE_SUFFIXES
        and each.is_file()
        and not each.name.startswith(".")
        and not _RESULT.search(each.name)
    ]
    if not found:
        raise UsageError(f"The folder {folder} holds no TIFF, PNG or JPEG image to denoise.")
    return found


def result_name(path: Path, method: str, image: str) -> str:
    """Return the file name of an image of the result, ``"denoised"`` for example."""
    return f"{path.stem.removesuffix('.ome')}.{method}.{image}.tif"
