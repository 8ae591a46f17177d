"""How a viewer shows its layers, to be given back after a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_selfdenoise.gui.view_parts import camera_of, grid_of

_CAMERA = ("center", "zoom", "angles")
_GRID = ("enabled", "stride", "shape")


@dataclass(frozen=True, eq=False)
class ViewState:
    """What is visible, with which contrast, in which grid, and where the camera is."""

    _visible: dict[Layer, bool]
    _contrast: dict[Layer, tuple[float, float]]
    _camera: dict[str, Any]
    _grid: dict[str, Any]

    @classmethod
    def of(cls, viewer: Viewer) -> ViewState:
        """Record a viewer as it is now."""
        images = [layer for layer in viewer.layers if isinstance(layer, ImageLayer)]
        camera, grid = camera_of(viewer), grid_of(viewer)
        return cls(
            {layer: layer.visible for layer in viewer.layers},
            {layer: tuple(layer.contrast_limits) for layer in images if not layer.rgb},
            {name: getattr(camera, name) for name in _CAMERA},
            {name: getattr(grid, name) for name in _GRID},
        )

    def restore(self, viewer: Viewer) -> None:
        """Give a viewer back as it was; layers that are gone or came since are left alone.

        The camera is moved back after a grid, in which it looked at something else.
        """
        camera = grid_of(viewer).enabled != self._grid["enabled"]
        for name, value in self._grid.items():
            setattr(grid_of(viewer), name, value)
        for layer in viewer.layers:
            if layer in self._visible:
                layer.visible = self._visible[layer]
            if layer in self._contrast:
                layer.contrast_limits = self._contrast[layer]
        if camera:
            for name, value in self._camera.items():
                setattr(camera_of(viewer), name, value)
