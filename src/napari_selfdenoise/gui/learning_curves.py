"""The record of a run's metrics: curves over the training steps, by group.

A metric is called ``"group/name"``. ``"train/..."`` and ``"validation/..."`` belong together,
as losses; every other prefix is a group of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_selfdenoise.core.events import Metrics

Points = tuple[list[float], list[float]]
"""Steps and values of a curve."""
LOSS = "Loss"
"""Title of the group of the losses, which comes first."""

_LOSSES = ("train", "validation")
_SPACES = str.maketrans("/_", "  ")
_MAX_POINTS = 1000


def title_of(name: str) -> str:
    """Return the title of the group that a metric belongs to."""
    prefix, slash, _ = name.partition("/")
    if not slash or prefix in _LOSSES:
        return LOSS
    return (prefix[:1].upper() + prefix[1:]).translate(_SPACES)


def label_of(name: str) -> str:
    """Return what a metric is called within its group."""
    prefix, _, rest = name.partition("/")
    return (name if prefix in _LOSSES else rest or name).translate(_SPACES)


@dataclass
class CurveGroup:
    """Curves that are drawn together; they count the same steps and share an axis."""

    points: dict[str, Points] = field(default_factory=dict)
    _start: int = 0
    _last: int = 0

    @property
    def positive(self) -> bool:
        """Whether all values are above zero, so that a logarithmic axis can show them."""
        return all(min(values) > 0 for _, values in self.points.values())

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append one point to each curve; steps that start again go on to the right."""
        if step < self._last:
            self._start += self._last
        self._last = step
        for name, value in values.items():
            steps, curve = self.points.setdefault(name, ([], []))
            steps.append(self._start + step)
            curve.append(value)
            if len(steps) > _MAX_POINTS:  # thin out: the shape of the curve stays
                del steps[1::2], curve[1::2]


class LearningCurves:
    """All curves of a run, in the order in which they came."""

    def __init__(self) -> None:
        self._groups: dict[str, CurveGroup] = {}

    @property
    def titles(self) -> list[str]:
        """Titles of the groups, that of the losses first."""
        return sorted(self._groups, key=lambda title: title != LOSS)

    @property
    def points(self) -> dict[str, Points]:
        """Steps and values of each curve of all groups."""
        groups = self._groups.values()
        return {name: points for group in groups for name, points in group.points.items()}

    def group(self, title: str) -> CurveGroup:
        """Return a group by its title."""
        return self._groups[title]

    def add(self, metrics: Metrics) -> None:
        """Append one point to each curve, in whichever group it is."""
        parts: dict[str, dict[str, float]] = {}
        for name, value in metrics.values.items():
            parts.setdefault(title_of(name), {})[name] = value
        for title, values in parts.items():
            self._groups.setdefault(title, CurveGroup()).add(metrics.step, values)
