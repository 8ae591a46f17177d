"""Learning curves, drawn while they grow."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_selfdenoise.core.events import Metrics
from napari_selfdenoise.gui.curve_legend import CurveLegend, colours, many
from napari_selfdenoise.gui.curve_pointer import CurvePointer
from napari_selfdenoise.gui.learning_curves import LearningCurves, Points, label_of
from napari_selfdenoise.gui.still_plot import StillPlot
from napari_selfdenoise.gui.value_axis import ValueAxis

_REDRAW = 200
"""Milliseconds between two drawings."""
_SLIM = """
QComboBox { padding: 1px 2px 1px 6px; }
QComboBox::drop-down { width: 16px; }
QComboBox::down-arrow { width: 9px; height: 9px; }
"""
"""Like the viewer's lists, but no higher than a line of the legend."""


class LivePlot(QWidget):
    """One curve per metric over the training steps, in the viewer's colours.

    Metrics are called ``"group/name"``, and the curves of one group are drawn at a time: the
    losses, or the group that was chosen from the list beside the legend.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = StillPlot(110, axisItems={"left": ValueAxis("left")})
        self._legend = CurveLegend()
        self._choice = QComboBox()
        self._choice.setStyleSheet(_SLIM)
        self._choice.setToolTip("Which curves to show.")
        self._choice.textActivated.connect(self._on_chosen)
        self._pointer = CurvePointer(self._plot)
        self._record = LearningCurves()
        self._chosen = ""  # by the user; kept for the next run
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(_REDRAW)
        self._redraw.timeout.connect(self._draw)
        self._lay_out()
        self.set_theme(theme)
        self.clear()

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        above.setSpacing(6)
        above.addWidget(self._choice, 0, Qt.AlignmentFlag.AlignTop)
        above.addWidget(self._legend, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(above)
        layout.addWidget(self._plot)

    @property
    def points(self) -> dict[str, Points]:
        """Steps and values of each curve, shown or not."""
        return self._record.points

    @property
    def groups(self) -> list[str]:
        """Titles of the groups there are to choose from."""
        return self._record.titles

    @property
    def group(self) -> str:
        """Title of the group that is shown; empty if there is none."""
        titles = self._record.titles
        return self._chosen if self._chosen in titles else next(iter(titles), "")

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        self._plot.set_theme(name)

    def clear(self) -> None:
        """Forget all curves, and hide until there are new ones.

        A group that was chosen is shown again if the new curves have it.
        """
        self._redraw.stop()
        self._record = LearningCurves()
        self._replace_curves([])
        self._choice.clear()
        self._choice.hide()
        self.hide()

    def add(self, metrics: Metrics) -> None:
        """Append one point to each curve; steps that start again go on to the right."""
        if not metrics.values:
            return
        self._record.add(metrics)
        if not self._redraw.isActive():
            self._redraw.start()
        self.show()

    def _on_chosen(self, title: str) -> None:
        self._chosen = title
        self._draw()

    def _draw(self) -> None:
        self._offer_groups()
        group = self._record.group(self.group)
        if list(self._curves) != list(group.points):
            self._replace_curves(list(group.points))
        # Losses fall by orders of magnitude and differ by as much; some may be negative.
        self._plot.setLogMode(y=group.positive)
        for name, (steps, values) in group.points.items():
            self._curves[name].setData(steps, values)

    def _offer_groups(self) -> None:
        titles = self._record.titles
        for index, title in enumerate(titles):  # the list only grows: an open one stays open
            if self._choice.itemText(index) != title:
                self._choice.insertItem(index, title)
        self._choice.setCurrentText(self.group)
        self._choice.setVisible(len(titles) > 1)

    def _replace_curves(self, names: list[str]) -> None:
        """Draw other curves: of another group, or with others that have come."""
        self._pointer.follow({})
        self._plot.clear()
        width = 1 if many(len(names)) else 2
        self._curves = {
            name: self._plot.plot([], [], pen=pg.mkPen(colour, width=width))
            for name, colour in zip(names, colours(len(names)), strict=True)
        }
        labels = [label_of(name) for name in names]
        self._legend.show_names(labels)
        self._pointer.follow(dict(zip(labels, self._curves.values(), strict=True)))
