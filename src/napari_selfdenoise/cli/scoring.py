"""Scores without a clean image, on a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_selfdenoise.analysis import ranking
from napari_selfdenoise.analysis.heldout import TAU
from napari_selfdenoise.analysis.residual import ResidualCheck, check_residual
from napari_selfdenoise.analysis.resolution import Resolution, resolution
from napari_selfdenoise.cli.running import DONE, STOPPED, Terminal, drive, print_json
from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.planes import sample_planes
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import get

_WIDTH = 96


def rank(
    path: Path,
    methods: Sequence[str],
    context: Context,
    *,
    draws: int,
    axes: str,
    as_json: bool,
) -> int:
    """Rank methods, each named as ``NAME`` or ``NAME:setting=value,...``."""
    ways = {each: candidate(*parsed_way(each), Preparation(), TAU) for each in methods}
    image = read_image(path, axes)
    run = ranking.rank(image, ways, context, draws=draws)
    found = drive(run, context, Terminal(image.name))
    if as_json:
        print_json({"image": str(path), **found.to_json()})
    else:
        print(table(found))
    return STOPPED if context.stopped else DONE


def parsed_way(named: str) -> tuple[Method[Any], Config]:
    """Return the method and the settings of ``NAME`` or ``NAME:setting=value,...``.

    Raises
    ------
    UsageError
        If there is no such method or setting.
    """
    name, _, listed = named.partition(":")
    method = get(name)
    pairs = [part.partition("=") for part in filter(None, listed.split(","))]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise UsageError(
            f"{wrong[0]!r} in {named!r} is no setting; write {name}:setting=value,..."
        )
    return method, method.Config.from_strings({key.strip(): value for key, _, value in pairs})


def table(found: ranking.Ranking) -> str:
    """Return a ranking as lines, the best first."""
    width = max(len(row.name) for row in found.rows)
    lines = [f"{'':{width}}  estimated error  behind the best      removed  seconds"]
    for row in found.rows:
        behind = f"{row.behind:.3g} +- {row.behind_error:.2g}"
        even = " =" if row.as_good_as_the_best else ""
        lines.append(
            f"{row.name:{width}}  {row.score.mse:15.4g}  {behind + even:19}"
            f"  {row.removed:7.1%}  {row.seconds:7.1f}"
        )
    told = (
        "Estimated mean squared error, for the order alone; = is as good as the best, within "
        "two standard errors. Removed: share of the region where something real was removed, "
        "above chance."
    )
    return "\n".join([*lines, textwrap.fill(told, _WIDTH)])


def score(noisy: Path, denoised: Path, *, axes: str, as_json: bool) -> int:
    """Print what residual and resolution tell of each channel and colour."""
    before, after = (read_image(path, axes) for path in (noisy, denoised))
    if after.shape != before.shape:
        raise ImageError(
            f"{after.name} is {after.describe()}, but {before.name} is {before.describe()}; "
            "they must show the same pixels."
        )
    checks = [
        check_residual(*stacks)
        for stacks in zip(sample_planes([before]), sample_planes([after]), strict=True)
    ]
    resolutions = _resolutions(before), _resolutions(after)
    if as_json:
        print_json(_json(checks, *resolutions))
    else:
        print(_words(checks, *resolutions))
    return DONE


def _resolutions(image: Image) -> tuple[Resolution, ...]:
    try:
        return resolution(image)
    except ImageError:  # too small, or of pixels that are not square
        return ()


def _words(
    checks: Sequence[ResidualCheck],
    before: Sequence[Resolution],
    after: Sequence[Resolution],
) -> str:
    lines = []
    for number, check in enumerate(checks):
        about = f"Channel {number}: " if len(checks) > 1 else ""
        findings = check.findings or ("Nothing but noise is found in the residual.",)
        lines += [textwrap.fill(about + finding, _WIDTH) for finding in findings]
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        about = f"Channel {number}, b" if len(before) > 1 else "B"
        told = f"{about}efore: {one} After: {other}"
        lines.append(textwrap.fill(told, _WIDTH))
    return "\n".join(lines)


def _json(
    checks: Sequence[ResidualCheck],
    before: Sequence[Resolution],
    after: Sequence[Resolution],
) -> dict[str, Any]:
    def values(found: Sequence[Resolution]) -> list[Any]:
        return [
            {"value": each.value if math.isfinite(each.value) else None, "unit": each.unit}
            for each in found
        ]

    return {
        "residual": [check.to_json() for check in checks],
        "resolution_noisy": values(before),
        "resolution": values(after),
    }
