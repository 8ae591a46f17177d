"""Layers of a result that is being written: they grow, until the finished ones come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from napari import Viewer
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, QTimer

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui.layer_adapter import METADATA, PREVIEW, LayerAdapter, Taken
from napari_selfdenoise.gui.layer_look import LayerLook
from napari_selfdenoise.gui.lazy_pixels import sample_of
from napari_selfdenoise.gui.result_layer import result_layer
from napari_selfdenoise.gui.written_results import GrowingOutputs

INTERVAL = 1000
"""Milliseconds between two looks, at least."""
_SHARE = 10
"""Of the time, looking takes no more than one part in so many."""
_KEPT = ("visible", "opacity", "gamma", "colormap", "blending", "interpolation2d")
"""What finished layers take over from growing ones, and contrast limits that a user set."""


class GrowingLayers(QObject):
    """Shows what a run has written so far, looking again now and then.

    Parameters
    ----------
    viewer : napari.Viewer
        To which layers are added.
    adapter : LayerAdapter
        Adds them.
    parent : QObject
        With which this ends.
    """

    def __init__(self, viewer: Viewer, adapter: LayerAdapter, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._adapter = viewer, adapter
        self._source: tuple[Taken, GrowingOutputs, str] | None = None
        self._layers: dict[str, ImageLayer] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)

    def watch(self, taken: Taken, outputs: GrowingOutputs, title: str) -> None:
        """Show what is written to `outputs` above the layer it was taken from."""
        self._source = taken, outputs, title
        self._layers, self._limits = {}, {}
        self._timer.start(INTERVAL)

    def end(self) -> dict[str, dict[str, Any]]:
        """Take the layers away, and return how the user had each kind of image shown."""
        self._timer.stop()
        self._source = None
        shown: dict[str, dict[str, Any]] = {}
        for kind, layer in self._layers.items():
            if layer not in self._viewer.layers:
                continue
            shown[kind] = {name: getattr(layer, name) for name in _KEPT}
            if self._set_by_user(kind):
                shown[kind]["contrast_limits"] = layer.contrast_limits
            self._viewer.layers.remove(layer)
        self._layers = {}
        return shown

    def _on_time(self) -> None:
        if self._source is None:
            return
        since = time.monotonic()
        taken, outputs, title = self._source
        images = outputs.begun
        if images and not self._layers:
            self._adapter.hide_preview()
            self._add(taken, images, title)
        else:
            self._look_again(taken.look)
        took = 1000 * (time.monotonic() - since)
        self._timer.start(max(INTERVAL, round(_SHARE * took)))

    def _add(self, taken: Taken, images: Mapping[str, Image], title: str) -> None:
        start = [part.start for part in taken.region]
        with self._adapter.added_by_us():
            for kind, image in reversed(list(images.items())):
                layer = self._viewer.add_image(
                    name=f"{taken.look.name} · {title} · {kind}, being written",
                    visible=kind == next(iter(images)),
                    cache=False,  # it changes
                    metadata={METADATA: {"kind": PREVIEW}},
                    **result_layer(kind, image, taken.image, taken.look, start),
                )
                self._layers[kind], self._limits[kind] = layer, _limits(layer)

    def _look_again(self, look: LayerLook) -> None:
        for kind, layer in self._layers.items():
            if layer not in self._viewer.layers or not layer.visible:
                continue
            layer.refresh(extent=False, highlight=False)
            if layer.rgb or self._set_by_user(kind):
                continue
            layer.contrast_limits = look.shown_for(kind, sample_of(layer.data))[
                "contrast_limits"
            ]
            self._limits[kind] = _limits(layer)

    def _set_by_user(self, kind: str) -> bool:
        return _limits(self._layers[kind]) != self._limits[kind]


def _limits(layer: ImageLayer) -> tuple[float, float]:
    low, high = layer.contrast_limits
    return float(low), float(high)
