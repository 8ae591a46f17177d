"""A line and a point that the user puts into the viewer, along which profiles are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_selfdenoise.gui.layer_adapter import METADATA, PREVIEW
from napari_selfdenoise.gui.layer_look import LayerLook
from napari_selfdenoise.gui.own_layers import added


class ProfileProbe:
    """A layer with one line, and one with one point; both are gone when it leaves.

    ``changed`` is emitted when either is drawn, moved or removed.

    Parameters
    ----------
    viewer : napari.Viewer
        In which they are drawn.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._lines: Layer | None = None
        self._points: Layer | None = None
        viewer.layers.events.removed.connect(self._on_removed)

    def draw_line(self, over: ImageLayer) -> None:
        """Let the user draw a line over a layer; the last one drawn counts."""
        if self._lines is None:
            with added(self._viewer):
                self._lines = self._viewer.add_shapes(
                    ndim=2, name="profile line", edge_color="yellow", **_like(over)
                )
            self._lines.events.data.connect(self._on_data)
        self._lines.mode = "add_line"
        self._viewer.layers.selection.active = self._lines

    def put_point(self, over: ImageLayer) -> None:
        """Let the user click at a point of a layer; the last one counts."""
        if self._points is None:
            with added(self._viewer):
                self._points = self._viewer.add_points(
                    ndim=2,
                    name="profile point",
                    face_color="#ffffff00",
                    border_color="yellow",
                    symbol="cross",
                    **_like(over),
                )
            self._points.events.data.connect(self._on_data)
        self._points.mode = "add"
        self._viewer.layers.selection.active = self._points

    @property
    def line(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Ends of the line in the world, along the displayed axes; ``None`` without one."""
        if self._lines is None or not len(self._lines.data):
            return None
        start, *_, stop = (
            np.asarray(self._lines.data_to_world(end)) for end in self._lines.data[-1]
        )
        return start, stop

    @property
    def point(self) -> NDArray[np.float64] | None:
        """The point in the world, along the displayed axes; ``None`` without one."""
        if self._points is None or not len(self._points.data):
            return None
        return np.asarray(self._points.data_to_world(self._points.data[-1]))

    def leave(self) -> None:
        """Remove both from the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for layer in (self._lines, self._points):
            if layer is not None:
                layer.events.data.disconnect(self._on_data)
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        self._lines = self._points = None

    def _on_data(self) -> None:
        self.changed.emit()

    def _on_removed(self) -> None:
        layers = self._viewer.layers
        gone = [each for each in (self._lines, self._points) if each and each not in layers]
        if not gone:
            return
        self._lines = None if self._lines in gone else self._lines
        self._points = None if self._points in gone else self._points
        self.changed.emit()


def _like(over: ImageLayer) -> dict[str, Any]:
    placed = LayerLook.of(over).last(2).placed([0, 0])
    return placed | {"metadata": {METADATA: {"kind": PREVIEW}}}
