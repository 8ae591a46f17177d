"""Profiles of several layers in one plot, calibrated in the viewer's unit."""

from __future__ import annotations

from collections.abc import Mapping

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.gui.curve_legend import CurveLegend, colours
from napari_selfdenoise.gui.profiles import Profile
from napari_selfdenoise.gui.still_plot import StillPlot

_HEIGHT = 190


class ProfilePlot(QWidget):
    """One curve per layer; takes no room while there are none.

    Attributes
    ----------
    curves : dict of str to pyqtgraph.PlotDataItem
        By the layers' names.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = StillPlot(_HEIGHT, "Distance", "Intensity")
        self._legend = CurveLegend()
        self._marker = pg.InfiniteLine(0, angle=90)
        self.curves: dict[str, pg.PlotDataItem] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._legend)
        layout.addWidget(self._plot)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        self._plot.set_theme(name)

    @property
    def label(self) -> str:
        """What the horizontal axis says."""
        return str(self._plot.getAxis("bottom").labelText)

    def show_profiles(
        self, profiles: Mapping[str, Profile], along: str, marker: float | None = None
    ) -> None:
        """Draw other profiles.

        Parameters
        ----------
        profiles : mapping of str to Profile
            By the layers' names.
        along : str
            What the distance is, with its unit.
        marker : float, optional
            Where the viewer's slider stands.
        """
        self._plot.clear()
        there = {name: each for name, each in profiles.items() if len(each.values)}
        self.curves = {
            name: self._plot.plot(each.distances, each.values, pen=pg.mkPen(colour, width=2))
            for (name, each), colour in zip(there.items(), colours(len(there)), strict=True)
        }
        if marker is not None:
            self._marker.setValue(marker)
            self._plot.addItem(self._marker)
        self._plot.name_axes(along, "Intensity")
        self._legend.show_names(list(there))
        self.setVisible(bool(there))
