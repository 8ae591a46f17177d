"""Which target file belongs to which image file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_selfdenoise.core.errors import UsageError


def check_pairs(images: Sequence[Path], targets: Sequence[Path]) -> None:
    """Refuse targets that are not those of the images: the n-th is taken for the n-th.

    The names must agree as far as they tell: what distinguishes the images from each other
    (without what all their names begin and end with) is compared with what distinguishes the
    targets. ``1_noisy, 2_noisy`` goes with ``clean/1, clean/2``, and ``a, b`` with ``x, y``,
    whose names tell nothing; but ``1, 2`` does not go with ``2, 3``. Files that are images
    and targets at the same time, as of a row of captures, are taken as they are given.

    Raises
    ------
    UsageError
        If the numbers differ, or names do not agree.
    """
    if len(targets) != len(images):
        raise UsageError(
            f"There are {len(images)} images, but {len(targets)} targets: each image needs "
            "its own. They are paired in their order, those of a folder in the order of names."
        )
    first, second = _marks(images), _marks(targets)
    if set(images) & set(targets) or not set(first) & set(second):
        return
    for image, target, one, other in zip(images, targets, first, second, strict=True):
        if one != other:
            raise UsageError(
                f"{image} would be paired with {target}, but their names do not agree, while "
                "those of other files do. Name images and targets alike, and leave out those "
                "that have no counterpart."
            )


def _marks(paths: Sequence[Path]) -> list[str]:
    """Return what is left of each name without what all have in common at both ends."""
    names = [path.with_suffix("").as_posix().removesuffix(".ome") for path in paths]
    start = _common(names)
    rests = [name[start:] for name in names]
    end = _common([rest[::-1] for rest in rests])
    return [rest[: len(rest) - end] for rest in rests]


def _common(names: Sequence[str]) -> int:
    """Return with how many letters all names begin alike."""
    return len(os.path.commonprefix(names))  # noqa: RUF071 - letters, not folders, are meant
