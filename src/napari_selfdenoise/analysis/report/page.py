"""The page of a comparison, part by part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from napari_selfdenoise.analysis.advice import Advice
from napari_selfdenoise.analysis.compared_planes import ComparedPlane
from napari_selfdenoise.analysis.comparison import Compared, Comparison
from napari_selfdenoise.analysis.report.charts import autocorrelation, scale_of
from napari_selfdenoise.analysis.report.markup import Html, citation, joined, tag
from napari_selfdenoise.analysis.report.pictures import (
    AROUND_ZERO,
    BEYOND_CHANCE,
    FROM_ZERO,
    key,
    picture,
)
from napari_selfdenoise.analysis.report.score_table import score_table
from napari_selfdenoise.analysis.report.style import STYLE
from napari_selfdenoise.analysis.report.words import (
    methods_paragraph,
    outcome,
    place,
    references,
)
from napari_selfdenoise.analysis.residual_map import FOLLOWS
from napari_selfdenoise.core.errors import FileError

SPREAD = 3.0
"""Residuals are shown from minus to plus so many standard deviations of the noise."""
_FOLLOWS = 2 * FOLLOWS
"""Maps of where a residual follows the signal are shown from minus to plus this."""
_AGREE = 1.0
"""Disagreement that has the brightest colour, in standard deviations of the noise."""

# The policy keeps even what should slip in from loading anything.
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
</body>
</html>
""")


def write_report(
    path: str | os.PathLike[str], comparison: Comparison, *, overwrite: bool
) -> None:
    """Write the page of a comparison to a file.

    Raises
    ------
    FileError
        If the file exists, or cannot be written; no part of it is left then.
    """
    path = Path(path)
    check_free(path, overwrite=overwrite)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(page(comparison), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise FileError(f"The report {path} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a place for the report before anything runs.

    Raises
    ------
    FileError
        If the name is not one of a page, its folder is missing, or the file exists.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise FileError(f"{path.name} must end in .html: the report is a page.")
    if not path.parent.is_dir():
        raise FileError(f"There is no folder {path.parent} to write {path.name} to; make it.")
    if path.exists() and not overwrite:
        raise FileError(f"{path} exists already. Remove it, or allow to overwrite it.")


def page(comparison: Comparison) -> str:
    """Return the page: HTML with its style and pictures inside."""
    body = joined(
        _head(comparison),
        score_table(comparison),
        _failures(comparison),
        tag("h2", "Images"),
        tag("p", "All pictures of a channel share their contrast.", class_="dim"),
        [_images(each, comparison.rows) for each in comparison.planes],
        _noise(comparison),
        tag("h2", "What was taken away"),
        _residuals(comparison),
        _disagreements(comparison.planes),
        tag("h2", "For the Methods section"),
        tag("p", methods_paragraph(comparison), class_="methods"),
        tag("ol", [tag("li", citation(each)) for each in references(comparison)]),
        tag("h2", "Settings and versions"),
        [_record(row) for row in comparison.rows],
    )
    title = joined(f"Comparison of denoising: {comparison.image}")
    return _PAGE.substitute(title=title, style=STYLE, body=body)


def _head(comparison: Comparison) -> Html:
    created = comparison.rows[0].provenance.created[:10]
    about = f"{place(comparison)} of the image: {comparison.noisy.describe()}. {created}."
    return joined(
        tag("p", "Comparison of denoising methods", class_="dim"),
        tag("h1", comparison.image),
        tag("p", about, class_="dim"),
        tag("p", outcome(comparison), class_="lead"),
    )


def _failures(comparison: Comparison) -> Html:
    rows = [*comparison.failed.items(), *comparison.doubts.items()]
    if not rows:
        return Html()
    items = [tag("li", tag("b", name), f": {reason}") for name, reason in rows]
    return joined(tag("h3", "What failed"), tag("ul", items, class_="warn"))


def _noise(comparison: Comparison) -> Html:
    found = comparison.diagnosis
    parts = [tag("h2", "Noise")]
    for check in found.checks:
        parts.append(tag("p", tag("b", check.name), f": {check}"))
        parts += [tag("p", sign, class_="warn") for sign in check.signs]
    compared = {row.provenance.method for row in comparison.rows}
    ours = [each for each in found.advice if each.method in compared]
    others = [each for each in found.advice if each.fits and each.method not in compared]
    parts += [tag("h3", "Advice for this noise"), _advice(ours)]
    if others:
        title = f"{len(others)} other methods fit"
        parts.append(tag("details", tag("summary", title), _advice(others)))
    return joined(parts)


def _advice(advice: Sequence[Advice]) -> Html:
    rows = [
        tag(
            "tr",
            tag("td", each.method),
            tag("td", "fits" if each.fits else "no"),
            tag("td", each.reason),
        )
        for each in advice
    ]
    heads = tag("tr", [tag("th", name) for name in ("Method", "", "Why")])
    return tag("div", tag("table", heads, rows, class_="advice"), class_="wide")


def _images(plane: ComparedPlane, rows: Sequence[Compared]) -> Html:
    low, high = plane.limits
    pictures = [picture(plane.noisy, (low, high), "Noisy", "as recorded")]
    if plane.reference is not None:
        pictures.append(picture(plane.reference, (low, high), "Clean", "the reference"))
    pictures += [
        picture(plane.denoised[row.name], (low, high), row.name, row.title) for row in rows
    ]
    height, width = plane.noisy.shape
    size = f"{width} x {height} pixels"
    if plane.unit != "pixel":
        size += f", {width * plane.pixel:.3g} {plane.unit} wide"
    about = f"{size}; black to white: {low:.4g} to {high:.4g}."
    return joined(
        tag("h3", plane.name) if plane.name else "",
        tag("div", pictures, class_="grid"),
        tag("p", about, class_="dim"),
    )


def _residuals(comparison: Comparison) -> Html:
    parts = [
        tag(
            "p",
            "Noisy minus denoised should look like noise alone: structures seen here were "
            "taken from the image, and flat places still hold their noise. The map tells "
            "where that is more than chance: above 4 the residual follows the signal, and "
            "something real was removed; below -4 it goes against it, and contrast was added "
            "or noise was left. The map of held-out noise is surer, as what was left in the "
            "result cannot mislead it; that of the residual finds the lesser part of what "
            "was lost. Bars are the correlation of the residual with its neighbours at 1 to 4 "
            "pixels, lines that of the noise itself: a bar above its line says that structure "
            "was removed, one below it that the smooth part of the noise was left.",
            class_="dim",
        )
    ]
    for number, plane in enumerate(comparison.planes):
        checks = {row.name: row.residuals[number] for row in comparison.rows if row.residuals}
        largest = scale_of(list(checks.values()))
        limit = SPREAD * plane.noise
        figures = []
        for row in comparison.rows:
            residual = plane.noisy - plane.denoised[row.name]
            shown = joined(
                picture(residual, (-limit, limit), row.name, "residual", AROUND_ZERO),
                _map(plane, row.name),
            )
            check = checks.get(row.name)
            if check is not None:
                findings = check.findings or ("Nothing but noise is found in the residual.",)
                items = [tag("li", each) for each in findings]
                chart = autocorrelation(check, largest)
                shown = joined(shown, chart, tag("ul", items, class_="findings"))
            figures.append(tag("div", shown))
        parts.append(tag("h3", plane.name) if plane.name else Html())
        parts.append(key(f"-{limit:.3g}", f"+{limit:.3g}", AROUND_ZERO, "residual"))
        parts.append(key(f"-{_FOLLOWS:g}", f"+{_FOLLOWS:g}", BEYOND_CHANCE, "map"))
        parts.append(tag("div", figures, class_="grid"))
    return joined(parts)


def _map(plane: ComparedPlane, name: str) -> Html:
    """Return where something real was removed, of independent noise if that is known."""
    found = plane.removed.get(name)
    if found is None:
        found, about = plane.follows[name], "of the residual"
    else:
        about = "of held-out noise"
    if found.shape != plane.noisy.shape:
        about += f", middle {found.shape[1]} x {found.shape[0]}"
    return picture(found, (-_FOLLOWS, _FOLLOWS), "Map", about, BEYOND_CHANCE)


def _disagreements(planes: Sequence[ComparedPlane]) -> Html:
    pictures = [
        picture(each.disagreement, (0, _AGREE), each.name or "Disagreement", colours=FROM_ZERO)
        for each in planes
        if each.disagreement is not None
    ]
    if not pictures:
        return Html()
    return joined(
        tag("h2", "Where they disagree"),
        tag(
            "p",
            "Standard deviation between the results, in multiples of the noise. Look at bright "
            "places before believing what is there; where it is dark, all may still err alike. "
            "One poor method is seen everywhere.",
            class_="dim",
        ),
        key("0", f"{_AGREE:g} or more", FROM_ZERO),
        tag("div", pictures, class_="grid"),
    )


def _record(row: Compared) -> Html:
    found = row.provenance
    facts: dict[str, Any] = {
        "Settings": ", ".join(f"{name} = {value}" for name, value in found.settings.items()),
        "Seed": found.seed,
        "Device": f"{found.device}, {found.precision}",
        "Seconds": f"{found.seconds:g}",
        "Preparation": _plain(found.preparation),
        "Sampling": _plain(found.sampling),
        "Versions": ", ".join(f"{name} {number}" for name, number in found.versions.items()),
        "Input": f"{found.input_name}, hash {found.input_hash}",
        "Made": found.created,
    }
    lines = [
        joined(tag("dt", name), tag("dd", str(value)))
        for name, value in facts.items()
        if value not in ("", None)
    ]
    lines.append(joined(tag("dt", "Citation"), tag("dd", citation(found.reference))))
    notes = [tag("li", note) for note in found.notes]
    return tag(
        "section",
        tag("h3", f"{row.title} ({row.name})"),
        tag("dl", lines),
        tag("ul", notes, class_="findings") if notes else "",
        class_="card",
    )


def _plain(values: Any) -> str:
    """Return nested plain values in one line, numbers rounded."""
    if isinstance(values, dict):
        return ", ".join(f"{name}: {_plain(value)}" for name, value in values.items())
    if isinstance(values, (list, tuple)):
        return "; ".join(f"({_plain(each)})" for each in values) or "none"
    return f"{values:.4g}" if isinstance(values, float) else str(values)
