"""Opening the files to train on, without those that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Note, Progress, Run, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.checks import check_alike, check_image, check_takes_targets
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.pairs import check_pairs
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig


@dataclass(frozen=True)
class TrainingFiles:
    """What can be trained on, and what cannot.

    Attributes
    ----------
    images : tuple of Image
        Checked; see `data.checks`. Their pixels are read when they are needed.
    targets : tuple of Image
        One for each image, or none at all.
    failed : tuple of (Path, SelfDenoiseError)
        Image files that are left out, and why.
    """

    images: tuple[Image, ...]
    targets: tuple[Image, ...]
    failed: tuple[tuple[Path, SelfDenoiseError], ...]


def open_training_files(
    method: LearnedMethod[Any],
    files: Sequence[Path],
    targets: Sequence[Path],
    config: TrainingConfig,
    context: Context,
    *,
    axes: str = "",
) -> Run[TrainingFiles | None]:
    """Open and read every file once, and leave out those that cannot be used.

    These are files that cannot be read, hold no image to learn from, do not fit their target
    or have other channels or colour samples than most. A note tells of each.

    Parameters
    ----------
    method, config, context
        As for `engine.runs.train`.
    files, targets : sequence of Path
        The n-th target is that of the n-th image; none for methods that need none.
    axes : str
        As for `read_image`.

    Returns
    -------
    TrainingFiles or None
        ``None`` if a stop was asked for.

    Raises
    ------
    UsageError
        If the method needs targets and there are none, or takes none and there are some; if
        targets are not as many as images, or are named otherwise (see `data.pairs`).
    """
    check_takes_targets(method.title, method.target, targets)
    if targets:
        check_pairs(files, targets)
    else:
        finish(method.pairs([], []))  # one that cannot do without says so
    usable: list[tuple[Path, Sequence[Image]]] = []
    failed: list[tuple[Path, SelfDenoiseError]] = []
    for number, path in enumerate(files):
        if context.stopping:
            context.honour_stop()
            return None
        try:
            together = [path, *targets[number : number + 1]]
            usable.append((path, _open(method, together, axes, context)))
        except SelfDenoiseError as error:
            failed.append((path, error))
            yield _left_out(path, error)
        yield Progress(number + 1, len(files), "reading")
    alike, odd = _most_alike(usable, planes=config.network_per == "plane")
    for path, unlike in odd:
        yield _left_out(path, unlike)
    images = tuple(each[0] for each in alike)
    return TrainingFiles(images, tuple(each[1] for each in alike if targets), (*failed, *odd))


def _open(
    method: LearnedMethod[Any], paths: Sequence[Path], axes: str, context: Context
) -> Sequence[Image]:
    """Open an image, and its target if there is one."""
    images = [read_image(path, axes) for path in paths]
    finish(method.pairs(images[:1], images[1:]))  # shapes are compared before pixels are read
    return [check_image(image, fill_nan=context.fill_nan).image for image in images]


def _most_alike(
    usable: Sequence[tuple[Path, Sequence[Image]]], *, planes: bool
) -> tuple[list[Sequence[Image]], list[tuple[Path, SelfDenoiseError]]]:
    """Return those with the most common number of channels, and the others with an error."""
    kinds = [
        (image.size("C"), image.size("S"), len(channel_planes(image)[0]) if planes else 0)
        for _, (image, *_) in usable
    ]
    alike: list[Sequence[Image]] = []
    odd: list[tuple[Path, SelfDenoiseError]] = []
    if not usable:
        return alike, odd
    usual = usable[kinds.index(Counter(kinds).most_common(1)[0][0])][1][0]
    for path, images in usable:
        try:
            check_alike([usual, images[0]], planes=planes)
            alike.append(images)
        except SelfDenoiseError as error:
            odd.append((path, error))
    return alike, odd


def _left_out(path: Path, error: SelfDenoiseError) -> Note:
    return Note(f"{path.name} is left out: {error}", "warning")
