"""One of several layers at a time, the next one at a key: differences jump to the eye."""

from __future__ import annotations

from collections.abc import Sequence

from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer

KEY = "Shift-B"
"""Shows the next layer."""
INTERVAL = 700
"""Milliseconds for which a layer is shown when they change by themselves."""


class Blink(QObject):
    """Shows layers one by one.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are shown.
    parent : QObject
        With which it ends.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: list[Layer] = []
        self._shown = 0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL)
        self._timer.timeout.connect(self.next)

    def start(self, layers: Sequence[Layer]) -> None:
        """Show the first of these layers, and the next one at the key."""
        self._layers, self._shown = list(layers), -1
        self._viewer.bind_key(KEY, lambda _: self.next(), overwrite=True)
        self.next()

    def go_on(self, on: bool) -> None:
        """Change from layer to layer without the key, or do not any more."""
        if on:
            self._timer.start()
        else:
            self._timer.stop()

    def next(self) -> None:
        """Show the next layer that is still there."""
        there = [layer for layer in self._layers if layer in self._viewer.layers]
        if not there:
            return
        self._shown = (self._shown + 1) % len(there)
        for layer in self._viewer.layers:
            if isinstance(layer, ImageLayer):
                layer.visible = layer is there[self._shown]

    def stop(self) -> None:
        """Let go of the key; what is visible stays so."""
        self._timer.stop()
        if self._layers:
            self._viewer.bind_key(KEY, None, overwrite=True)
        self._layers = []
