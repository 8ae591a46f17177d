"""The part of the comparison desk that shows profiles of the chosen layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from napari import Viewer
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.latest_run import LatestRun
from napari_selfdenoise.gui.pick_box import PickBox
from napari_selfdenoise.gui.profile_plot import ProfilePlot
from napari_selfdenoise.gui.profile_probe import ProfileProbe
from napari_selfdenoise.gui.profiles import (
    Plan,
    Profile,
    Reader,
    along_axis,
    along_line,
    pixel_of,
    reading,
    sliders,
)

_DELAY = 60
"""Milliseconds without a change after which profiles are taken."""


class ProfileBar(QWidget):
    """Lets the user draw one line and set one point, and plots all chosen layers along them.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are plotted.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._layers = viewer, list[ImageLayer]()
        self.probe = ProfileProbe(viewer)
        self._draw, self._put = QPushButton("Draw a line"), QPushButton("Set a point")
        self._draw.setToolTip("Profiles of all checked layers along one line, drawn once.")
        self._put.setToolTip("Profiles of all checked layers at one point, along a slider.")
        self.axes = PickBox("no slider")
        self.axes.setToolTip("The slider along which profiles at the point are taken.")
        self.line_plot, self.point_plot = ProfilePlot(viewer.theme), ProfilePlot(viewer.theme)
        self._says = sentence_label()
        self.reading = LatestRun(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY)
        self._timer.timeout.connect(self.measure)
        buttons = QHBoxLayout()
        for each in (self._draw, self._put, self.axes):
            buttons.addWidget(each, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        for part in (self._says, self.line_plot, self.point_plot):
            layout.addWidget(part)
        self.reading.found.connect(self._show)
        self._draw.clicked.connect(lambda: self._on_draw())
        self._put.clicked.connect(lambda: self._on_put())
        self.axes.picked_changed.connect(self._soon)
        self.probe.changed.connect(self._soon)
        viewer.dims.events.current_step.connect(self._soon)

    def show_layers(self, layers: Sequence[ImageLayer]) -> None:
        """Take profiles of other layers."""
        self._layers = list(layers)
        found = sliders(self._viewer)
        self.axes.offer([(str(axis), name) for axis, name in found])
        self.axes.setVisible(bool(found))
        self._put.setVisible(bool(found))
        self._draw.setEnabled(bool(layers))
        self._put.setEnabled(bool(layers))
        self._soon()

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        for plot in (self.line_plot, self.point_plot):
            plot.set_theme(name)

    def leave(self) -> None:
        """Remove the line and the point, and stop reading and listening to the viewer."""
        self._timer.stop()
        self.reading.forget()
        self._viewer.dims.events.current_step.disconnect(self._soon)
        self.probe.leave()

    def measure(self) -> None:
        """Take the profiles, and plot them when they are read."""
        layers = [layer for layer in self._layers if layer in self._viewer.layers]
        plans = [self._along_line(layers), self._at_point(layers)]
        if any(plan.readers for plan in plans):
            self.reading.request("Profiles", partial(reading, plans))
        else:  # sliders move a thousand times without a line or a point
            self.reading.forget()
            self._show([(plan, {}) for plan in plans])

    def _along_line(self, layers: Sequence[ImageLayer]) -> Plan:
        readers, line = dict[str, Reader](), self.probe.line
        if line is not None and layers:
            step = min(map(pixel_of, layers))
            for layer in layers:
                readers[layer.name] = along_line(layer, self._viewer, *line, step)
        return Plan(f"Distance ({self._unit(layers)})", readers)

    def _at_point(self, layers: Sequence[ImageLayer]) -> Plan:
        point, picked = self.probe.point, self.axes.key
        if point is None or not picked:
            return Plan("", {})
        axis = int(picked)
        readers = {layer.name: along_axis(layer, self._viewer, axis, point) for layer in layers}
        along = f"{self.axes.currentText()} ({self._unit(layers, axis)})"
        return Plan(along, readers, float(self._viewer.dims.point[axis]))

    def _show(self, found: Sequence[tuple[Plan, Mapping[str, Profile]]]) -> None:
        for plot, (plan, profiles) in zip(
            (self.line_plot, self.point_plot), found, strict=True
        ):
            plot.show_profiles(profiles, plan.along, plan.marker)

    def _unit(self, layers: Sequence[ImageLayer], axis: int = -1) -> str:
        """Return the unit along an axis of the viewer, the last one if omitted."""
        for layer in layers:
            own = axis if axis < 0 else axis - (self._viewer.dims.ndim - layer.ndim)
            if axis < 0 or own >= 0:
                return f"{layer.units[own]:~P}" if _is_unit(layer.units[own]) else "pixel"
        return "pixel"

    def _on_draw(self) -> None:
        self.probe.draw_line(self._layers[0])
        self._says.say("Click where the line begins, and where it ends.")

    def _on_put(self) -> None:
        self.probe.put_point(self._layers[0])
        self._says.say("Click at the point; move the slider to see where it is.")

    def _soon(self) -> None:
        self._timer.start()


def _is_unit(unit: object) -> bool:
    return str(unit) not in ("", "pixel", "pixels")
