"""Runs that denoise all images of a folder; torch is imported when they start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Event, Note, Progress, Run
from napari_selfdenoise.core.one_of_many import until_stop
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.folder import image_files, result_name
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.methods import load_model


@dataclass(frozen=True)
class Written:
    """What came of the images of a folder.

    Attributes
    ----------
    files : tuple of Path
        The results that were written.
    there : int
        Images that were passed over, because their results were there already.
    failed : mapping of Path to str
        A sentence for each image that could not be denoised.
    left : int
        Images that were not begun or not finished, because of a stop.
    """

    files: tuple[Path, ...]
    there: int
    failed: Mapping[Path, str]
    left: int

    def sentence(self) -> str:
        """Say it in words."""
        done = len(self.files)
        told = [f"{done} image{'s' * (done != 1)} denoised, beside the originals."]
        if self.left:
            told = [f"Stopped: {done} denoised, {self.left} left."]
        if self.there:
            told.append(f"{self.there} had results already.")
        if self.failed:
            names = ", ".join(path.name for path in self.failed)
            told.append(f"{len(self.failed)} could not be denoised: {names}.")
        return " ".join(told)


def applying(model_file: Path, folder: Path, context: Context) -> Run[Written]:
    """Denoise every image of a folder with a model, each result beside its image.

    Results that are there already stay as they are, so that what was stopped can be taken
    up. An image that cannot be denoised is named in a note and left out. A stop drops the
    image at hand.
    """
    yield Progress(0, 1, "loading the model")
    model = load_model(model_file)
    files = image_files(folder)
    written: list[Path] = []
    failed: dict[Path, str] = {}
    there = 0
    for number, file in enumerate(files):
        target = folder / result_name(file, model.method.name, "denoised")
        place = f"{file.name} ({number + 1} of {len(files)})"
        if target.exists():
            there += 1
            continue
        try:
            yield Progress(0, 1, f"{place}, reading")
            result = yield from _one(model, file, place, context)
            if result is None:
                break
            write_tiff(target, result["denoised"], provenance=result.provenance)
            written.append(target)
        except SelfDenoiseError as error:
            failed[file] = str(error)
            yield Note(f"{file.name}: {error}", "warning")
    left = len(files) - len(written) - len(failed) - there
    return Written(tuple(written), there, failed, left)


def _one(model: Any, file: Path, place: str, context: Context) -> Run[Result | None]:
    """Denoise one image, as if it were alone; None if it was stopped."""
    from napari_selfdenoise.engine import runs

    def shown(event: Event) -> Event:
        return (
            replace(event, stage=f"{place}, {event.stage}")
            if isinstance(event, Progress)
            else event
        )

    run = runs.apply(model, read_image(file), context.alone())
    result = yield from until_stop(run, context, shown)
    if result is None:
        context.honour_stop()
    return result
