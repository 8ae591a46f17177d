"""The scores of a comparison as a table, with the meaning of each."""

from __future__ import annotations

from collections.abc import Callable

from napari_selfdenoise.analysis.comparison import Compared, Comparison
from napari_selfdenoise.analysis.report.markup import Html, joined, tag
from napari_selfdenoise.analysis.report.words import MEANINGS

Cell = Callable[[Compared], str | Html]


def score_table(comparison: Comparison) -> Html:
    """Return the table; columns without any value are left out."""
    columns: dict[str, Cell] = {}
    if comparison.ranking is not None:
        columns["Held-out error"] = _heldout
    if comparison.reference is not None:
        columns["PSNR"] = _psnr
        columns["SSIM"] = _ssim
    if any(row.residuals for row in comparison.rows):
        columns["Residual"] = _strength
    if comparison.ranking is not None:
        columns["Removed"] = _removed
    columns["Seconds"] = _seconds
    heads = tag("tr", tag("th", "Method"), [tag("th", name) for name in columns])
    ranked = comparison.order != "none"
    rows = [
        tag(
            "tr",
            tag("td", row.name, tag("small", row.title)),
            [tag("td", cell(row)) for cell in columns.values()],
            class_="best" if ranked and place == 0 else "",
        )
        for place, row in enumerate(comparison.rows)
    ]
    meanings = [
        tag("li", tag("b", name), f": {MEANINGS[name]}") for name in columns if name in MEANINGS
    ]
    refused = tag("p", comparison.refused, class_="warn") if comparison.refused else ""
    return joined(
        tag("h2", "Scores"),
        refused,
        tag("div", tag("table", heads, _before(comparison, columns), rows), class_="wide"),
        tag("ul", meanings, class_="findings"),
    )


def _before(comparison: Comparison, columns: dict[str, Cell]) -> Html:
    """Return the row of the noisy image, whose only scores are against a clean one."""
    scores = comparison.rows[0].scores
    if scores is None:
        return Html()
    known = {"PSNR": _number(scores.psnr_noisy, 2), "SSIM": _number(scores.ssim_noisy, 3)}
    cells = [tag("td", known.get(name, "")) for name in columns]
    return tag("tr", tag("td", "noisy", tag("small", "as recorded")), cells)


def _heldout(row: Compared) -> Html | str:
    found = row.heldout
    if found is None:
        return "-"
    if not found.behind:
        behind = "best"
    else:
        behind = f"+{found.behind:.3g} \N{PLUS-MINUS SIGN} {found.behind_error:.2g}"
        behind += " =" if found.as_good_as_the_best else ""
    return joined(f"{found.score.mse:.4g}", tag("small", behind))


def _psnr(row: Compared) -> str:
    return _number(None if row.scores is None else row.scores.psnr, 2)


def _ssim(row: Compared) -> str:
    return _number(None if row.scores is None else row.scores.ssim, 3)


def _strength(row: Compared) -> str:
    known = [check.strength for check in row.residuals if check.strength == check.strength]
    return ", ".join(f"{each:.2f}" for each in known) or "-"


def _removed(row: Compared) -> str:
    return "-" if row.heldout is None else f"{row.heldout.removed:.1%}"


def _seconds(row: Compared) -> str:
    return f"{row.seconds:.1f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
