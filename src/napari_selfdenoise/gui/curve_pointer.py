"""Tells which learning curve the mouse points at: name, value and step in a tooltip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, QObject, QPointF
from qtpy.QtWidgets import QToolTip

_WIDER = 2.0
"""Pixels by which the curve pointed at is wider."""


class CurvePointer(QObject):
    """Marks the curve of a plot that is nearest to the mouse, and names it.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
        The plot whose mouse is followed.
    """

    def __init__(self, plot: pg.PlotWidget) -> None:
        super().__init__(plot)
        self._plot = plot
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._marked: pg.PlotDataItem | None = None
        plot.scene().sigMouseMoved.connect(self._on_moved)
        plot.viewport().installEventFilter(self)

    def follow(self, curves: Mapping[str, pg.PlotDataItem]) -> None:
        """Tell of these curves from now on, by their names."""
        self._leave()
        self._curves = dict(curves)

    def nearest(self, position: QPointF) -> str | None:
        """Return the name of the curve nearest to a position in the plot's scene.

        Returns
        -------
        str or None
            None where there are no curves, or outside the axes.
        """
        view = self._plot.getViewBox()
        if not view.sceneBoundingRect().contains(position):
            return None
        at, pixel = view.mapSceneToView(position), view.viewPixelSize()
        distances = {name: _distance(curve, at, pixel) for name, curve in self._curves.items()}
        name = min(distances, key=distances.__getitem__, default=None)
        return None if name is None or np.isinf(distances[name]) else name

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Point at nothing when the mouse is gone."""
        if event is not None and event.type() == QEvent.Type.Leave:
            self._leave()
        return super().eventFilter(watched, event)

    def _on_moved(self, position: QPointF) -> None:
        name = self.nearest(position)
        if name is None:
            self._leave()
            return
        curve = self._curves[name]
        self._mark(curve)
        steps, values = curve.getOriginalDataset()
        index = int(
            np.abs(steps - self._plot.getViewBox().mapSceneToView(position).x()).argmin()
        )
        text = f"{name}: {values[index]:.4g} at step {steps[index]:.0f}"
        place = self._plot.mapToGlobal(self._plot.mapFromScene(position))
        QToolTip.showText(place, text, self._plot)

    def _leave(self) -> None:
        if self._marked is not None:
            QToolTip.hideText()
        self._mark(None)

    def _mark(self, curve: pg.PlotDataItem | None) -> None:
        if curve is self._marked:
            return
        for item, wider in ((self._marked, -_WIDER), (curve, _WIDER)):
            if item is not None:
                pen = pg.mkPen(item.opts["pen"])
                pen.setWidthF(pen.widthF() + wider)
                item.setPen(pen)
                item.setZValue(float(wider > 0))
        self._marked = curve


def _distance(curve: pg.PlotDataItem, at: QPointF, pixel: tuple[float, float]) -> float:
    """Return the pixels from a place to a curve, straight up or down where it can be."""
    steps, values = curve.getData()  # as drawn: logarithms on a logarithmic axis
    if steps is None:
        return np.inf
    finite = np.isfinite(values)
    if not finite.any():
        return np.inf
    steps, values = steps[finite], values[finite]
    across = at.x() - np.clip(at.x(), steps[0], steps[-1])
    along = at.y() - np.interp(at.x(), steps, values)
    return float(np.hypot(across / pixel[0], along / pixel[1]))
