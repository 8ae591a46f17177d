"""Two images over each other: one left of a divider that follows the mouse, one right of it.

napari has no curtain. This one covers the viewer with two layers of its own that show the
pixels of the user's layers, of which the upper one ends at the divider. Images below them are
hidden meanwhile: to draw what is covered takes as long as to draw what is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.colormaps import Colormap
from napari.utils.events import Event
from numpy.typing import NDArray
from psygnal import Signal

from napari_selfdenoise.gui.layer_adapter import METADATA, PREVIEW
from napari_selfdenoise.gui.layer_image import array_of
from napari_selfdenoise.gui.layer_look import LayerLook
from napari_selfdenoise.gui.left_part import LeftPart
from napari_selfdenoise.gui.own_layers import added
from napari_selfdenoise.gui.view_parts import camera_of

_GRIP = 10.0
"""Pixels of the screen from the divider at which the mouse takes hold of it."""
_LINE = 2.0
"""Width of the divider in pixels of the screen."""
_YELLOW = Colormap([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.8]], name="divider")
"""Pixels under it can be made out, which are wider than it where the view is magnified."""


class Curtain:
    """Shows one layer left of a divider and another right of it.

    The right one has the contrast limits and colours of the left one, so that nothing but
    their pixels differs. Layers may be stacks, colours, multiscale or lazy; what is not in
    view is not read.

    ``moved`` is emitted with the place of the divider.

    Parameters
    ----------
    viewer : napari.Viewer
        In which they are shown.

    Attributes
    ----------
    follows : bool
        Whether the divider follows the mouse without being dragged.
    """

    moved = Signal(float)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._source: ImageLayer | None = None
        self._left: ImageLayer | None = None
        self._parts: list[LeftPart] = []
        self._line = np.zeros((1, 1), np.uint8)
        self._own: list[Layer] = []
        self._covered: list[Layer] = []
        self._place = 0.5
        self.follows = False

    @property
    def place(self) -> float:
        """Where the divider is, from 0, the left edge of the image, to 1, the right one."""
        return self._place

    @property
    def shown(self) -> bool:
        """Whether it is drawn over the viewer."""
        return self._left is not None

    def show(self, left: ImageLayer, right: ImageLayer) -> None:
        """Cover the viewer with two of its layers."""
        self.close()
        viewer, options = self._viewer, _options(left)
        self._covered = [
            layer for layer in viewer.layers if layer.visible and isinstance(layer, ImageLayer)
        ]
        for layer in self._covered:
            layer.visible = False
        levels = left.data if left.multiscale else [left.data]
        self._parts = [LeftPart(level, left.ndim - 1) for level in levels]
        pixels = self._parts if left.multiscale else self._parts[0]
        # As fine as the layer, or napari's sliders would get other steps.
        self._line = np.zeros((1, self._parts[0].shape[left.ndim - 1]), np.uint8)
        with added(viewer):
            below = viewer.add_image(right.data, name="curtain, right", **_over(right, options))
            above = viewer.add_image(pixels, name="curtain, left", **_over(left, options))
            line = viewer.add_image(
                self._line,
                name="curtain, divider",
                colormap=_YELLOW,
                contrast_limits=(0, 1),
                metadata={METADATA: {"kind": PREVIEW}},
                **_stretched(left, self._line.shape),
            )
        self._source, self._left, self._own = left, above, [below, above, line]
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_drag_callbacks.append(self._on_drag)
        viewer.layers.events.removed.connect(self._on_removed)
        camera_of(viewer).events.zoom.connect(self._draw_line)
        self.move(self._place)

    def close(self) -> None:
        """Uncover the viewer."""
        if self._left is None:
            return
        viewer = self._viewer
        viewer.mouse_move_callbacks.remove(self._on_move)
        viewer.mouse_drag_callbacks.remove(self._on_drag)
        viewer.layers.events.removed.disconnect(self._on_removed)
        camera_of(viewer).events.zoom.disconnect(self._draw_line)
        own, self._own, self._left, self._source = self._own, [], None, None
        self._parts = []  # they hold the user's pixels
        with added(viewer):
            for layer in own:
                if layer in viewer.layers:
                    viewer.layers.remove(layer)
        for layer in self._covered:
            layer.visible = True

    def move(self, place: float) -> None:
        """Move the divider to a place from 0 to 1."""
        self._place = min(max(place, 0.0), 1.0)
        source, left = self._source, self._left
        if source is None or left is None:
            return
        columns = int(array_of(source).shape[source.ndim - 1])
        column = round(self._place * columns)
        if left.visible != (column > 0):  # even the same value would draw it anew
            left.visible = column > 0
        for part in self._parts:
            part.share = column / columns
        self._draw_anew(left)
        self._draw_line()
        self.moved.emit(self._place)

    def _column(self, position: Any) -> float:
        """Return the column of the left layer at a position in the world, from 0 to 1."""
        source = self._source
        assert source is not None  # only called while the curtain is shown
        at = float(source.world_to_data(position)[-1]) + 0.5
        return at / int(array_of(source).shape[source.ndim - 1])

    def _share_of(self, pixels: float) -> float:
        """Return which part of the image's width some pixels of the screen are."""
        source = self._source
        assert source is not None  # only called while the curtain is shown
        width = float(_steps(source)[-1]) * int(array_of(source).shape[source.ndim - 1])
        return pixels / (float(camera_of(self._viewer).zoom) * width)

    def _on_move(self, _: Viewer, event: Event) -> None:
        if self.follows:
            self.move(self._column(event.position))

    def _on_drag(self, _: Viewer, event: Event) -> Iterator[None]:
        if abs(self._column(event.position) - self._place) > self._share_of(_GRIP):
            return
        camera = camera_of(self._viewer)
        panned, camera.mouse_pan = camera.mouse_pan, False
        yield
        while event.type == "mouse_move" and self.shown:
            self.move(self._column(event.position))
            yield
        camera.mouse_pan = panned

    def _draw_line(self) -> None:
        """Draw the divider, as wide on the screen whatever the zoom."""
        if self._source is None:
            return
        columns = self._line.shape[1]
        width = min(max(round(self._share_of(_LINE) * columns), 1), columns)
        start = min(max(round(self._place * columns - width / 2), 0), columns - width)
        self._line[:] = 0
        self._line[:, start : start + width] = 1
        self._draw_anew(self._own[-1])

    def _draw_anew(self, layer: Layer) -> None:
        """Show what is in the layer's array now, and do nothing else about it."""
        with self._viewer.layers.events.blocker_all():  # the list would paint all its rows
            layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _on_removed(self) -> None:
        """Close when a part of it is removed by the user."""
        if any(layer not in self._viewer.layers for layer in self._own):
            self.close()


def _options(like: ImageLayer) -> dict[str, Any]:
    options = LayerLook.of(like).shown() | {"blending": "opaque", "opacity": 1.0}
    if not like.rgb:
        options["contrast_limits"] = tuple(like.contrast_limits)
    return options


def _over(layer: ImageLayer, options: dict[str, Any]) -> dict[str, Any]:
    own = {"rgb": layer.rgb, "multiscale": layer.multiscale}
    told = {"metadata": {METADATA: {"kind": PREVIEW}}}
    start = [0] * array_of(layer).ndim
    return options | own | told | LayerLook.of(layer).placed(start)


def _stretched(layer: ImageLayer, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return how pixels are placed of which so many cover a plane of the layer."""
    sides = np.array(array_of(layer).shape[layer.ndim - 2 : layer.ndim])
    pixel = sides / shape
    placed = LayerLook.of(layer).last(2).placed(tuple((pixel - 1) / 2))
    return placed | {"scale": placed["scale"] * pixel}


def _steps(layer: ImageLayer) -> NDArray[np.float64]:
    """Return the length of a pixel in the world along each axis."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    ends = [np.asarray(layer.data_to_world(end)) for end in np.eye(layer.ndim)]
    return np.asarray(np.linalg.norm(np.stack(ends) - origin, axis=1))
