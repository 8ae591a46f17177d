"""Comparing methods from a terminal: a table, and a page to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from napari_selfdenoise.analysis.comparing import Way, compare
from napari_selfdenoise.analysis.comparison import Compared, Comparison
from napari_selfdenoise.analysis.report.page import check_free, write_report
from napari_selfdenoise.analysis.report.words import outcome
from napari_selfdenoise.cli.checking import parsed_region
from napari_selfdenoise.cli.running import (
    DONE,
    FAILED,
    STOPPED,
    Terminal,
    drive,
    print_json,
)
from napari_selfdenoise.cli.scoring import parsed_way
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import METHODS, get

_WIDTH = 96


def run(
    path: Path,
    methods: Sequence[str],
    out: Path,
    context: Context,
    *,
    reference: Path | None,
    region: str,
    draws: int,
    axes: str,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Compare methods on an image, write the report, and print table and path."""
    check_free(out, overwrite=overwrite)
    ways = {name: _way(name) for name in split_names(methods)}
    image = read_image(path, axes)
    found = drive(
        compare(
            image,
            ways,
            [get(name) for name in METHODS],
            context,
            region=parsed_region(region),
            reference=None if reference is None else read_image(reference, axes),
            draws=draws,
        ),
        context,
        Terminal(image.name),
    )
    write_report(out, found, overwrite=overwrite)
    if as_json:
        print_json({"report": str(out), **found.to_json()})
    else:
        print(table(found))
        print(out)
    if context.stopped:
        return STOPPED
    return FAILED if found.failed else DONE


def split_names(listed: Sequence[str]) -> list[str]:
    """Return the ways of ``a,b:setting=value,setting=value,c``, each once.

    A comma is followed by a setting of the way before where there is ``=`` and no ``:``
    before it.
    """
    names: list[str] = []
    for words in listed:
        started = False
        for part in filter(None, map(str.strip, words.split(","))):
            if started and "=" in part and ":" not in part.partition("=")[0]:
                names[-1] += f",{part}"
            else:
                names.append(part)
                started = True
    return list(dict.fromkeys(names))


def _way(name: str) -> Way:
    method, config = parsed_way(name)
    return Way(method, partial(candidate, method, config, Preparation()))


def table(found: Comparison) -> str:
    """Return a comparison as lines, the best first."""
    width = max(len(row.name) for row in found.rows)
    scored, clean = found.ranking is not None, found.reference is not None
    head = f"{'':{width}}"
    head += f"  {'held-out error':>14}  {'behind the best':<19}" if scored else ""
    head += "  PSNR in dB   SSIM" if clean else ""
    lines = [f"{head}  seconds"]
    for row in found.rows:
        line = f"{row.name:{width}}"
        line += _heldout(row) if scored else ""
        line += (
            f"  {_number(row, 'psnr', 2):>10}  {_number(row, 'ssim', 3):>5}" if clean else ""
        )
        lines.append(f"{line}  {row.seconds:7.1f}")
    told = [outcome(found)]
    told += [found.refused] if found.refused else []
    told += [f"{name} failed: {reason}" for name, reason in found.failed.items()]
    told += [f"{name} was not scored: {reason}" for name, reason in found.doubts.items()]
    return "\n".join([*lines, *(textwrap.fill(each, _WIDTH) for each in told)])


def _heldout(row: Compared) -> str:
    if row.heldout is None:
        return f"  {'-':>14}  {'':19}"
    behind = f"{row.heldout.behind:.3g} +- {row.heldout.behind_error:.2g}"
    even = " =" if row.heldout.as_good_as_the_best else ""
    return f"  {row.heldout.score.mse:14.4g}  {behind + even:19}"


def _number(row: Compared, name: str, digits: int) -> str:
    value = None if row.scores is None else getattr(row.scores, name)
    return "-" if value is None else f"{value:.{digits}f}"
