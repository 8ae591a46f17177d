"""The plots of a noise check: photon transfer, autocorrelation, power spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.analysis.noise_report import NoiseCheck
from napari_selfdenoise.gui.curve_legend import CurveLegend, colours
from napari_selfdenoise.gui.labels import heading, sentence_label
from napari_selfdenoise.gui.still_plot import StillPlot

Array = NDArray[Any]

_HEIGHT = 140
_AXES = {
    "X": "X (pixels)",
    "Y": "Y (pixels)",
    "Z": "Z (planes)",
    "T": "T (frames)",
    "Q": "Q (samples)",
}


class NoisePlots(QWidget):
    """Shows the numbers of one `NoiseCheck`, in the viewer's colours.

    Attributes
    ----------
    points, line : pyqtgraph.PlotDataItem
        Variance of the noise against brightness, and the photon-transfer line.
    lags : dict of str to pyqtgraph.PlotDataItem
        Autocorrelation along each axis over the distance.
    power : pyqtgraph.PlotDataItem
        Mean power over spatial frequency; 1 at all frequencies for white noise.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        first, second = colours(2)
        self.transfer = StillPlot(_HEIGHT, "Brightness (grey levels)", "grey levels²")
        self.line = self.transfer.plot(pen=pg.mkPen(second, width=2))
        self.points = self.transfer.plot(
            pen=None, symbol="o", symbolSize=6, symbolBrush=first, symbolPen=None
        )
        self._unmeasured = sentence_label()
        self.correlation = StillPlot(_HEIGHT, "Distance", "Correlation")
        self._legend = CurveLegend()
        self.lags: dict[str, pg.PlotDataItem] = {}
        self.spectrum = StillPlot(_HEIGHT, "Spatial frequency (cycles per pixel)", "Power")
        self._levels = [_level(self.correlation, 0), _level(self.spectrum, 1)]
        self.power = self.spectrum.plot(
            pen=pg.mkPen(first, width=2), symbol="o", symbolSize=5, symbolBrush=first
        )
        self.spectrum.setXRange(0, 0.5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (
            heading("Variance of the noise against brightness"),
            self._unmeasured,
            self.transfer,
            heading("Correlation of the noise over distance"),
            self._legend,
            self.correlation,
            heading("Power spectrum of the noise, relative to its mean"),
            self.spectrum,
        ):
            layout.addWidget(widget)
        self.set_theme(theme)

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        for plot in (self.transfer, self.correlation, self.spectrum):
            plot.set_theme(name)
        for level in self._levels:
            level.setPen(
                pg.mkPen(get_theme(name).secondary.as_hex(), style=Qt.PenStyle.DashLine)
            )

    def show_check(self, check: NoiseCheck) -> None:
        """Show another check."""
        self._show_transfer(check)
        self._show_lags(check.autocorrelation)
        # Frequency 0 goes with the slope that is taken out of each tile; small tiles lack more.
        there = check.radial > 1e-9
        self.power.setData(check.frequencies[there], check.radial[there])
        self.spectrum.setYRange(0, max(2.0, float(np.max(check.radial))))

    def _show_transfer(self, check: NoiseCheck) -> None:
        found = check.transfer
        self._unmeasured.say(check.unmeasured, "warning")
        self.transfer.setVisible(found is not None)
        if found is None:
            return
        order = np.argsort(found.means)
        self.points.setData(found.means[order], found.variances[order])
        self.line.setData(found.means[order], found.line[order])
        # From 0, so that the height over the axis is the strength of the noise.
        self.transfer.setYRange(0, 1.05 * float(max(found.variances.max(), found.line.max())))

    def _show_lags(self, autocorrelation: dict[str, Array]) -> None:
        for curve in self.lags.values():
            self.correlation.removeItem(curve)
        axes = list(reversed(autocorrelation))  # X first
        self.lags = {}
        for axis, colour in zip(axes, colours(len(axes)), strict=True):
            along = autocorrelation[axis]
            known = np.isfinite(along)  # an axis may be shorter than the longest distance
            self.lags[axis] = self.correlation.plot(
                np.arange(1, len(along) + 1)[known],
                along[known],
                pen=pg.mkPen(colour, width=2),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
        self._legend.show_names([_AXES.get(axis, axis) for axis in axes])
        found = np.concatenate(list(autocorrelation.values()))
        found = found[np.isfinite(found)]
        low, high = float(found.min(initial=0)), float(found.max(initial=0))
        # At least so high that the jitter of white noise does not look like correlation.
        self.correlation.setYRange(min(-0.1, low), max(0.3, high))


def _level(plot: pg.PlotWidget, value: float) -> pg.InfiniteLine:
    """Draw the value of white noise."""
    level = pg.InfiniteLine(value, angle=0)
    plot.addItem(level)
    return level
