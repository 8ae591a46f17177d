"""The axis of values of a low plot: labels that do not overlap where it is logarithmic."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import ceil, floor, log10

import pyqtgraph as pg

_GAP = 16
"""Pixels between two labels."""
_NARROW = log10(4)
"""Decades below which the labelled values are evenly spaced."""
_DIGITS = ((1, 2, 5), (1, 3), (1,))
"""First digits to label in each decade: the most for which there is room."""

Ticks = list[tuple[float | None, list[float]]]


class ValueAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph is untyped
    """Labels a few round values where pyqtgraph writes all of 1 to 9 into each other."""

    def logTickValues(  # noqa: N802
        self,
        minVal: float,  # noqa: N803
        maxVal: float,  # noqa: N803
        size: float,
        stdTicks: Ticks,  # noqa: N803
    ) -> Ticks:
        """Return the decimal logarithms of the values with a label, and of those without."""
        if not minVal < maxVal:
            return []
        if maxVal - minVal < _NARROW:
            spacing = self.tickSpacing(10**minVal, 10**maxVal, size)[0][0]
            first, last = ceil(10**minVal / spacing), floor(10**maxVal / spacing)
            labelled = [log10(count * spacing) for count in range(first, last + 1)]
        else:
            labelled = _labelled(minVal, maxVal, size)
        return [(1.0, labelled), (None, _ticks(minVal, maxVal, range(1, 10)))]

    def logTickStrings(  # noqa: N802
        self, values: list[float], scale: float, spacing: float | None
    ) -> list[str]:
        """Return the labels: plain numbers."""
        if spacing is None:
            return [""] * len(values)
        return [f"{scale * 10**value:.7g}" for value in values]


def _labelled(low: float, high: float, size: float) -> list[float]:
    """Return as many round values between two decimal logarithms as can be labelled."""
    decade = size / (high - low)
    for digits in _DIGITS:
        closest = min(log10(b / a) for a, b in pairwise((*digits, 10)))
        if closest * decade >= _GAP:
            return _ticks(low, high, digits)
    return _ticks(low, high, (1,), every=ceil(_GAP / decade))


def _ticks(low: float, high: float, digits: Iterable[int], every: int = 1) -> list[float]:
    """Return the decimal logarithms of digits times powers of ten within the limits."""
    powers = [power for power in range(floor(low), ceil(high) + 1) if power % every == 0]
    ticks = [power + log10(digit) for power in powers for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]
