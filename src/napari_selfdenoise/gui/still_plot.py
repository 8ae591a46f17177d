"""A plot to look at: it does not move under the mouse, and has the viewer's colours."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from napari.utils.theme import get_theme


class StillPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """A plot of fixed height.

    Parameters
    ----------
    height : int
        In pixels.
    below, beside : str
        Labels of its axes, with their units.
    **options
        As `pyqtgraph.PlotWidget` takes them.
    """

    def __init__(self, height: int, below: str = "", beside: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFixedHeight(height)
        if below or beside:
            self.getPlotItem().setContentsMargins(0, 2, 4, 6)  # else labels lose their feet
            self.name_axes(below, beside)

    def name_axes(self, below: str, beside: str) -> None:
        """Label the axes."""
        for side, label in (("bottom", below), ("left", beside)):
            self.setLabel(side, label)
            # Else grey levels are told in thousands.
            self.getAxis(side).enableAutoSIPrefix(False)

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        theme = get_theme(name)
        self.setBackground(theme.background.as_hex())
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(theme.secondary.as_hex())
            axis.setTextPen(theme.text.as_hex())
