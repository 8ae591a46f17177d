"""The noise check on a terminal."""

from __future__ import annotations

import textwrap
from pathlib import Path

from napari_selfdenoise.analysis.advice import Advice, Diagnosis, diagnose
from napari_selfdenoise.cli.running import DONE, print_json
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.methods import METHODS, get

_WIDTH = 96


def check(path: Path, axes: str, region: str, *, as_json: bool) -> int:
    """Print what the noise of an image is like, and which methods fit."""
    places = parsed_region(region)
    found = diagnose(read_image(path, axes), [get(name) for name in METHODS], places)
    if as_json:
        print_json(found.to_json())
    else:
        print(_words(found))
    return DONE


def _words(found: Diagnosis) -> str:
    parts = [
        "\n".join([_filled(f"{check.name}: {check}"), *map(_filled, check.signs)])
        for check in found.checks
    ]
    for title, fits in (("Methods that fit", True), ("Methods that do not", False)):
        rows = [_row(each) for each in found.advice if each.fits is fits]
        if rows:
            parts.append("\n".join([title, *rows]))
    if found.at_once is not None:
        parts.append(
            f"The best of those that need not learn, and take seconds: {found.at_once.method}"
        )
    return "\n\n".join(parts)


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _row(advice: Advice) -> str:
    return textwrap.fill(
        advice.reason,
        _WIDTH,
        initial_indent=f"  {advice.method:<13} ",
        subsequent_indent=" " * 16,
    )


def parsed_region(region: str) -> dict[str, tuple[int, int]]:
    """Return ``"Y=0:100,X=50:200"`` as numbers by axis."""
    found = {}
    for part in filter(None, region.split(",")):
        axis, _, bounds = part.partition("=")
        start, _, stop = bounds.partition(":")
        try:
            found[axis.strip().upper()] = int(start), int(stop)
        except ValueError:
            raise UsageError(
                f"--region {part} is not of the form AXIS=START:STOP, such as Y=100:400."
            ) from None
    return found
