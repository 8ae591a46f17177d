"""What the functions of the Python API take: images, and settings of every run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, cast

from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.engine.preparation import Preparation

ImageSource = Image | ArrayLike | str | os.PathLike[str]
"""What can be denoised: an `Image`, an array, or the path of a file."""
Stabilise = Literal["auto", "on", "off"]
Decorrelate = Literal["auto", "off", "2", "3", "4", "5", 2, 3, 4, 5]
Listener = Callable[[Event], None]


def preparation_of(stabilise: str, decorrelate: str | int) -> Preparation:
    """Return how an image is prepared, as the arguments of `denoise` say."""
    return Preparation.from_json({"stabilise": stabilise, "decorrelate": str(decorrelate)})


def open_image(source: ImageSource, axes: str) -> Image:
    """Return what was given as an image, reading no pixel yet.

    Raises
    ------
    UsageError
        If it is no image.
    SelfDenoiseError
        If it is a file that cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        return read_image(source, axes)
    if isinstance(source, Image):
        return replace(source, axes=axes) if axes else source
    if not hasattr(source, "shape"):
        raise UsageError(
            f"An image is an array, an Image or a file's path, not {type(source).__name__}."
        )
    return Image(source, axes=axes)


def open_images(sources: ImageSource | Sequence[ImageSource] | None, axes: str) -> list[Image]:
    """Return one image or several as a list; of ``None`` an empty one.

    Raises
    ------
    UsageError, SelfDenoiseError
        As for `open_image`.
    """
    if sources is None:
        return []
    several = sources if isinstance(sources, (list, tuple)) else [cast(ImageSource, sources)]
    return [open_image(each, axes) for each in several]
