"""What the comparison desk does to layers, and the layers it adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.gui.comparison_runs import Scored
from napari_selfdenoise.gui.layer_adapter import METADATA
from napari_selfdenoise.gui.layer_image import Region, array_of
from napari_selfdenoise.gui.layer_look import LayerLook
from napari_selfdenoise.gui.lazy_pixels import lazy, sample_of
from napari_selfdenoise.gui.own_layers import added
from napari_selfdenoise.gui.view_parts import grid_of

_KIND = {"error": "posterior_std", "removed structure": "residual"}
"""Map -> the image of a result that it looks like: from dark to bright, or grey about 0."""


class DeskLayers:
    """Changes and adds layers for comparisons.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers they are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def same_contrast(self, layers: Sequence[ImageLayer]) -> None:
        """Give all layers the contrast limits of the first."""
        grey = [layer for layer in layers if not layer.rgb]
        for layer in grey[1:]:
            layer.contrast_limits = grey[0].contrast_limits

    def grid(self, layers: Sequence[ImageLayer]) -> None:
        """Show only these layers, side by side."""
        for layer in self._viewer.layers:
            layer.visible = layer in layers
        grid = grid_of(self._viewer)
        grid.stride, grid.shape, grid.enabled = 1, (-1, -1), True
        self._viewer.reset_view()  # each fits its part of the window

    def add_difference(self, first: ImageLayer, second: ImageLayer) -> ImageLayer:
        """Add the second layer less the first, in their intensities; computed where it is seen.

        Raises
        ------
        ImageError
            If they differ in shape.
        """
        ours, theirs = array_of(first), array_of(second)
        if ours.shape != theirs.shape or first.rgb != second.rgb:
            raise ImageError(
                f"{first.name} is {_sides(first)} and {second.name} is {_sides(second)}; only "
                "layers of the same shape have a difference."
            )
        precision = np.result_type(ours.dtype, theirs.dtype, np.float32)
        difference = lazy(theirs).astype(precision) - lazy(ours).astype(precision)
        title = f"{second.name} - {first.name}"
        return self._add(difference, title, "residual", first, [0] * ours.ndim, "difference")

    def show_maps(self, layer: ImageLayer, region: Region, found: Scored) -> None:
        """Add maps of where an image is wrong, hidden, in place of earlier ones."""
        for what, values in found.maps.items():
            name = f"{layer.name} · {what}"
            for other in list(self._viewer.layers):
                if other.name == name and other.metadata.get(METADATA, {}).get("kind") == what:
                    self._viewer.layers.remove(other)
            start = [part.start for part in region]
            self._add(values, name, _KIND[what], layer, start, what).visible = False

    def _add(
        self,
        values: Any,
        name: str,
        look: str,
        like: ImageLayer,
        start: Sequence[int],
        kind: str,
    ) -> ImageLayer:
        recorded = LayerLook.of(like)
        placed = recorded.placed(start)
        if like.rgb:  # not colours any more: they lie in front, to be scrolled
            values = np.moveaxis(values, -1, 0)
            placed = recorded.placed(start, "S")
        shown = recorded.shown_for(look, sample_of(values))
        with added(self._viewer, name):
            layer: ImageLayer = self._viewer.add_image(
                values, name=name, metadata={METADATA: {"kind": kind}}, **placed, **shown
            )
        return layer


def _sides(layer: ImageLayer) -> str:
    return " x ".join(map(str, array_of(layer).shape))
