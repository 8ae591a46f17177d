"""Learning curves, drawn while they grow."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_selfdenoise.core.events import Metrics

_COLOURS = ("#4c9be8", "#e8a34c", "#6cc26c", "#d26cc2", "#c2c26c")
_SPACES = str.maketrans("/_", "  ")
_MAX_POINTS = 2000
_REDRAW = 200
"""Milliseconds between two drawings."""


class LivePlot(QWidget):
    """One curve per metric over the training steps, in the viewer's colours."""

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = pg.PlotWidget()
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._legend = QLabel()
        self._legend.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._legend.setWordWrap(True)
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._points: dict[str, tuple[list[float], list[float]]] = {}
        self._start = self._last = 0
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(_REDRAW)
        self._redraw.timeout.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._legend)
        layout.addWidget(self._plot)
        self._plot.setFixedHeight(110)
        self.set_theme(theme)
        self.hide()

    @property
    def points(self) -> dict[str, tuple[list[float], list[float]]]:
        """Steps and values of each curve."""
        return self._points

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        theme = get_theme(name)
        text = theme.text.as_hex()
        self._plot.setBackground(theme.background.as_hex())
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(theme.secondary.as_hex())
            axis.setTextPen(text)

    def clear(self) -> None:
        """Forget all curves, and hide until there are new ones."""
        for name in self._curves:
            self._plot.removeItem(self._curves[name])
        self._curves, self._points = {}, {}
        self._start = self._last = 0
        self.hide()

    def add(self, metrics: Metrics) -> None:
        """Append one point to each curve; steps that start again go on to the right."""
        if metrics.step < self._last:
            self._start += self._last
        self._last = metrics.step
        for name, value in metrics.values.items():
            steps, values = self._points.setdefault(name, ([], []))
            steps.append(self._start + metrics.step)
            values.append(value)
            if len(steps) > _MAX_POINTS:  # thin out: the shape of the curve stays
                del steps[1::2], values[1::2]
        if not self._redraw.isActive():
            self._redraw.start()
        self.show()

    def _draw(self) -> None:
        # Losses fall by orders of magnitude and differ by as much; some may be negative.
        positive = all(min(values) > 0 for _, values in self._points.values())
        self._plot.setLogMode(y=positive)
        for name, (steps, values) in self._points.items():
            self._curve(name).setData(steps, values)

    def _curve(self, name: str) -> pg.PlotDataItem:
        if name not in self._curves:
            colour = _COLOURS[len(self._curves) % len(_COLOURS)]
            self._curves[name] = self._plot.plot([], [], pen=pg.mkPen(colour, width=2))
            self._legend.setText(_legend(self._curves))
        return self._curves[name]


def _legend(names: Iterable[str]) -> str:
    """Return the names of the curves, each behind a dash of its colour."""
    return " &nbsp; ".join(
        f"<span style='color: {colour}'>&#9473;</span> {name.translate(_SPACES)}"
        for name, colour in zip(names, cycle(_COLOURS), strict=False)
    )
