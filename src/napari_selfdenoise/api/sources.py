"""What the functions of the Python API take: images, and settings of every run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError, keeping
from napari_selfdenoise.core.events import Event, Run, finish
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.output_files import FileOutputs
from napari_selfdenoise.engine.planewise import read_from
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


def run_into(
    out: str | os.PathLike[str] | None,
    overwrite: bool,
    context: Context,
    run: Run[Result],
    on_event: Listener | None,
) -> Result:
    """Drive a run that has not begun to its end; its image goes to the file `out`, if any.

    Raises
    ------
    FileError
        If the file exists and `overwrite` is false, or cannot be written.
    """
    if out is None:
        return finish(run, on_event)
    with FileOutputs(Path(out), overwrite=overwrite) as outputs:
        context.outputs = outputs
        result = finish(run, on_event)
        with keeping(result.model):
            return read_from(result, outputs.finish(result["denoised"], result.provenance))


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
