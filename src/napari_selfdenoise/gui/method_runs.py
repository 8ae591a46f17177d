"""Comparing methods on an image, in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from napari_selfdenoise.analysis.comparing import DRAWS, Way, compare
from napari_selfdenoise.analysis.comparison import Comparison
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import METHODS, get


def comparing(
    image: Image,
    names: Sequence[str],
    reference: Image | None,
    preparation: Preparation,
    context: Context,
    *,
    heldout: bool,
) -> Run[Comparison]:
    """Denoise an image with several methods with their defaults, one after the other."""
    methods = {name: get(name) for name in names}
    ways = {
        name: Way(method, partial(candidate, method, method.Config(), preparation))
        for name, method in methods.items()
    }
    advised = [get(name) for name in METHODS]
    draws = DRAWS if heldout else 0
    return compare(image, ways, advised, context, reference=reference, draws=draws)


def reporting(comparison: Comparison, path: Path) -> Run[Path]:
    """Write the report of a comparison; the user was asked before one is replaced."""
    from napari_selfdenoise.analysis.report.page import write_report

    yield Progress(0, 1, "writing the report")
    write_report(path, comparison, overwrite=True)
    return path
