"""Between napari's layers and the images of a run; the only place that adds layers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_selfdenoise.core.events import Preview
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.gui.layer_image import (
    Region,
    Use,
    array_of,
    check_layer,
    choose_region,
    position_in,
    read_axes,
    read_layer,
    visible_in,
)
from napari_selfdenoise.gui.layer_look import LayerLook

METADATA = "napari_selfdenoise"
"""Key of the provenance in ``layer.metadata``."""
PREVIEW = "preview"
"""The ``kind`` there of a layer that is none of the user's."""
_LONGEST_PREVIEW = 512
_NO_COLOURS = ("residual", "posterior_std")
"""Images of a result that are differences and spreads, and cannot be shown as colours."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A part of a layer as it was taken for a run, to be used when the layer is gone."""

    layer: ImageLayer
    image: Image
    look: LayerLook
    region: Region


class LayerAdapter:
    """Takes images from a viewer's layers and puts results back.

    ``adding`` is emitted with True before and False after layers come in, because napari
    selects each new layer and the user did not.
    """

    adding = Signal(bool)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._preview: ImageLayer | None = None

    def region(self, layer: Layer, axes: str, use: Use) -> Region:
        """Return the part of a layer that `use` means now."""
        check_layer(layer)
        axes = axes or read_axes(layer).letters
        shape = array_of(layer).shape
        # Layers of fewer axes than the viewer's lie along its last ones.
        first = self._viewer.dims.ndim - layer.ndim
        displayed = [axis - first for axis in self._viewer.dims.displayed if axis >= first]
        return choose_region(
            use,
            axes,
            shape,
            position_in(layer, self._viewer.dims.point),
            visible_in(layer, displayed),
        )

    def take(self, layer: Layer, axes: str, use: Use) -> Taken:
        """Take a part of a layer for a run; raises with a sentence if it cannot be used."""
        region = self.region(layer, axes, use)
        return Taken(layer, read_layer(layer, axes, region), LayerLook.of(layer), region)

    def visible_part(self, taken: Taken) -> Region | None:
        """Return what is in view of a taken part, in its own pixels; None if nothing is."""
        if taken.layer not in self._viewer.layers:
            return None
        view = self.region(taken.layer, taken.image.axes, "region")
        parts = []
        for seen, mine in zip(view, taken.region, strict=True):
            start, stop = max(seen.start, mine.start), min(seen.stop, mine.stop)
            if start >= stop:
                return None
            spare = max(stop - start - _LONGEST_PREVIEW, 0) // 2
            parts.append(slice(start + spare - mine.start, stop - spare - mine.start))
        return tuple(parts)

    def show_preview(self, taken: Taken, preview: Preview, title: str) -> None:
        """Show a preview above the layer it comes from, in place of the one before."""
        starts = [
            mine.start + (part.start or 0)
            for mine, part in zip(taken.region, preview.region, strict=True)
        ]
        data = _as_shown(preview.image.read(), taken.look)
        placed = taken.look.placed(starts)
        if self._preview is not None and self._preview in self._viewer.layers:
            self._preview.data = data
            self._preview.translate = placed["translate"]
            return
        options = taken.look.shown() | {"blending": "translucent_no_depth", "opacity": 1.0}
        with self._added_by_us():
            self._preview = self._viewer.add_image(
                data,
                name=f"{taken.look.name} · {title} · preview",
                rgb=taken.look.rgb,
                contrast_limits=None if taken.look.rgb else taken.look.contrast_limits,
                metadata={METADATA: {"kind": PREVIEW}},
                **placed,
                **options,
            )

    def hide_preview(self) -> None:
        """Take the preview away."""
        if self._preview is not None and self._preview in self._viewer.layers:
            self._viewer.layers.remove(self._preview)
        self._preview = None

    def add(self, taken: Taken, result: Result, title: str) -> str:
        """Add a layer for each image of a result; returns the id of the group."""
        group = uuid.uuid4().hex
        with self._added_by_us():
            # The first image is the one to look at: it goes on top, alone visible.
            for kind, image in reversed(list(result.images.items())):
                self._add_one(taken, result, kind, image, title, group)
        return group

    def group(self, group: str) -> list[Layer]:
        """Return the layers of a group that are still there."""
        return [
            layer
            for layer in self._viewer.layers
            if layer.metadata.get(METADATA, {}).get("group") == group
        ]

    def remove(self, group: str) -> None:
        """Remove all layers of a group."""
        for layer in self.group(group):
            self._viewer.layers.remove(layer)

    def _add_one(
        self, taken: Taken, result: Result, kind: str, image: Image, title: str, group: str
    ) -> None:
        first = kind == next(iter(result.images))
        look, data = taken.look, _with_axes_of(taken.image, image)
        leading = "".join(axis for axis in image.axes if axis not in taken.image.axes)
        colours = look.rgb and "S" in image.axes
        rgb = colours and kind not in _NO_COLOURS
        if rgb:
            data = _as_shown(data, look)
        elif colours:
            data, leading = np.moveaxis(data, -1, 0), "S" + leading
        options = look.shown_for(kind, data)
        if rgb:
            del options["contrast_limits"]
        metadata = {
            **result.provenance.to_json(),
            "kind": kind,
            "group": group,
            "stopped": result.stopped,
            "region": [[part.start, part.stop] for part in taken.region],
        }
        self._viewer.add_image(
            data,
            name=f"{look.name} · {title} · {kind.replace('_', ' ')}",
            rgb=rgb,
            visible=first,
            metadata={METADATA: metadata},
            **look.placed([part.start for part in taken.region], leading),
            **options,
        )

    @contextmanager
    def _added_by_us(self) -> Iterator[None]:
        """Keep the user's selection while layers are added."""
        layers = self._viewer.layers
        selected, active = set(layers.selection), layers.selection.active
        self.adding.emit(True)
        try:
            yield
        finally:
            layers.selection = selected
            layers.selection.active = active
            self.adding.emit(False)


def _as_shown(data: NDArray[Any], look: LayerLook) -> NDArray[Any]:
    """Return colours in the type they came in: napari shows float colours from 0 to 1."""
    if not look.rgb or look.dtype.kind == "f":
        return data
    info = np.iinfo(look.dtype)
    whole = np.clip(np.rint(np.nan_to_num(data)), info.min, info.max)
    shown: NDArray[Any] = whole.astype(look.dtype)
    return shown


def _with_axes_of(taken: Image, image: Image) -> NDArray[Any]:
    """Return the pixels of a result's image, repeated along axes that only the input has.

    What is drawn from a prior belongs to no time, depth or channel: it is there at each.
    """
    if image.axes == taken.axes:
        return image.read()
    leading = [axis for axis in image.axes if axis not in taken.axes]
    axes = [*leading, *(axis for axis in taken.axes if axis in image.axes or axis != "S")]
    order = [image.axes.index(axis) for axis in axes if axis in image.axes]
    places = tuple(slice(None) if axis in image.axes else np.newaxis for axis in axes)
    own = [axis in "YX" or image.size(axis) > 1 for axis in axes]
    sizes = [
        (image if mine else taken).size(axis) for axis, mine in zip(axes, own, strict=True)
    ]
    return np.broadcast_to(image.read().transpose(order)[places], sizes)
