"""Images to train one model on, with their targets: from layers, or from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Note, Progress, Run, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.data.checks import check_alike, check_image, check_targets
from napari_selfdenoise.data.folder import image_files
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.pairs import check_pairs
from napari_selfdenoise.engine.learned import LearnedMethod


@dataclass(frozen=True)
class TrainingSet:
    """Images to train on.

    Attributes
    ----------
    images : tuple of Image
        All with the same channels and colour samples.
    targets : tuple of Image
        One for each image, or none at all.
    skipped : tuple of str
        A sentence for each file that was left out.
    """

    images: tuple[Image, ...]
    targets: tuple[Image, ...] = ()
    skipped: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say how much it is: ``"12 images, 3.1 million pixels"``."""
        count, pixels = len(self.images), sum(prod(each.shape) for each in self.images)
        sides = f"{pixels / 1e6:.1f} million" if pixels >= 1e5 else f"{pixels}"
        return f"{count} image{'s' * (count != 1)}, {sides} pixels"


def check_targets_given(method: Method[Any], given: TrainingSet) -> None:
    """Raise with a sentence if the method cannot learn from these pairs; no pixel is read."""
    if isinstance(method, LearnedMethod):
        finish(method.pairs(given.images, given.targets))


def in_folder(folder: Path, targets: Path | None = None) -> Run[TrainingSet]:
    """Open the images in a folder, and their targets in another, in the order of names.

    Files that cannot be read, or have other channels than the first, are skipped together
    with what they are paired with. Pixels of TIFF files are read when they are needed.

    Raises
    ------
    UsageError
        If a folder holds no images, their names do not agree, or none can be used.
    """
    files = image_files(folder)
    paired: list[tuple[Path, ...]] = [(path,) for path in files]
    if targets is not None:
        other = image_files(targets)
        check_pairs(files, other)
        paired = list(zip(files, other, strict=True))
    kept: list[tuple[Image, ...]] = []
    skipped = []
    for number, paths in enumerate(paired):
        yield Progress(number, len(paired), "reading")
        try:
            read = tuple(map(read_image, paths))
            check_alike([kept[0][0] if kept else read[0], read[0]])
            if targets is not None:
                check_targets("Training", "a target", read[:1], read[1:])
            kept.append(read)
        except SelfDenoiseError as error:
            skipped.append(str(error))
    if not kept:
        raise UsageError(f"No image in {folder} can be used: {skipped[0]}")
    return _set(kept, skipped)


def usable(given: TrainingSet, context: Context) -> Run[TrainingSet | None]:
    """Return the images without those that cannot be trained on, which are named in notes.

    Every pixel is read once: what is damaged inside, not finite or constant shows now and
    not after hours of training. ``None`` if a stop was asked for.

    Raises
    ------
    UsageError
        If none is left.
    """
    kept: list[tuple[Image, ...]] = []
    for number, image in enumerate(given.images):
        if context.stopping:
            context.honour_stop()
            return None
        yield Progress(number, len(given.images), "reading")
        pair = (image, *given.targets[number : number + 1])
        try:
            checked = (check_image(each, fill_nan=context.fill_nan) for each in pair)
            kept.append(tuple(each.image for each in checked))
        except SelfDenoiseError as error:
            yield Note(f"Skipped: {error}", "warning")
    if not kept:
        raise UsageError("None of the images can be trained on.")
    return _set(kept)


def _set(kept: Sequence[tuple[Image, ...]], skipped: Sequence[str] = ()) -> TrainingSet:
    """Return images, each alone or with its target, as a set."""
    columns = list(zip(*kept, strict=True))
    return TrainingSet(columns[0], columns[1] if len(columns) > 1 else (), tuple(skipped))
