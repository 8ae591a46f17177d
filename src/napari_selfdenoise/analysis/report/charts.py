"""The autocorrelation of a residual, drawn."""

from __future__ import annotations

import numpy as np

from napari_selfdenoise.analysis.report.markup import Html, tag
from napari_selfdenoise.analysis.residual import ResidualCheck

_WIDTH, _HEIGHT, _MARGIN = 260, 104, 18
_BAR, _STEP, _GROUP = 14, 22, 122
"""Width of a bar, from one distance to the next, and from axis to axis."""
_SMALLEST = 0.3
"""Largest correlation of the scale at least, so that chance looks small."""


def scale_of(checks: list[ResidualCheck]) -> float:
    """Return the largest correlation to draw, one for all charts."""
    values = [
        np.abs(np.nan_to_num(each))
        for check in checks
        for each in (check.autocorrelation, check.noise_autocorrelation)
    ]
    largest = max((float(each.max()) for each in values), default=0.0)
    return min(max(_SMALLEST, largest), 1.0)


def autocorrelation(check: ResidualCheck, largest: float) -> Html:
    """Return bars of the residual's correlation and lines of the noise's, along Y and X."""
    middle = _HEIGHT / 2
    unit = (middle - _MARGIN) / largest

    def height(value: float) -> float:
        return unit * max(-largest, min(largest, float(np.nan_to_num(value))))

    parts = []
    for row, axis in enumerate("YX"):
        left = 12 + row * _GROUP
        end = left + _STEP * check.autocorrelation.shape[1]
        parts.append(_line("axis", left - 4, end, middle))
        parts.append(tag("text", f"along {axis}", x=left, y=12))
        pairs = zip(check.autocorrelation[row], check.noise_autocorrelation[row], strict=True)
        for lag, (of_residual, of_noise) in enumerate(pairs):
            at = left + lag * _STEP
            tall = height(of_residual)
            told = f"{lag + 1} px along {axis}: {of_residual:+.2f}, noise {of_noise:+.2f}"
            top = middle - max(tall, 0)
            parts.append(
                tag(
                    "rect",
                    tag("title", told),
                    class_="bar",
                    x=at,
                    y=f"{top:.1f}",
                    width=_BAR,
                    height=f"{max(abs(tall), 0.6):.1f}",
                )
            )
            parts.append(_line("noise", at - 2, at + _BAR + 2, middle - height(of_noise)))
            parts.append(tag("text", str(lag + 1), x=at + 4, y=_HEIGHT - 3, class_="small"))
    first = check.autocorrelation[:, 0]
    label = f"Autocorrelation; neighbours along Y {first[0]:+.2f}, along X {first[1]:+.2f}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return tag("svg", parts, viewBox=box, role="img", aria_label=label, class_="chart")


def _line(kind: str, start: float, end: float, y: float) -> Html:
    return tag("line", class_=kind, x1=start, x2=end, y1=f"{y:.1f}", y2=f"{y:.1f}")
