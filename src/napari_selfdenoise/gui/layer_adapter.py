"""Between napari's layers and the images of a run; the only place that adds layers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
from napari_selfdenoise.gui.own_layers import added
from napari_selfdenoise.gui.result_layer import result_layer
from napari_selfdenoise.gui.result_pixels import as_colours, pixels_of

METADATA = "napari_selfdenoise"
"""Key of the provenance in ``layer.metadata``: plain values."""
RESULT = "napari_selfdenoise_result"
"""Key there of a result with a posterior, from which more samples can be drawn."""
PREVIEW = "preview"
"""The ``kind`` there of a layer that is none of the user's."""
EXCEEDANCE = "exceedance"
"""The ``kind`` of a layer of probabilities that the intensity exceeds a threshold."""
_LONGEST_PREVIEW = 512


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
        look, data = taken.look, preview.image.read()
        if look.rgb:
            data = as_colours(data, look.dtype)
        placed = taken.look.placed(starts)
        if self._preview is not None and self._preview in self._viewer.layers:
            self._preview.data = data
            self._preview.translate = placed["translate"]
            return
        options = taken.look.shown() | {"blending": "translucent_no_depth", "opacity": 1.0}
        with self.added_by_us():
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

    def add(
        self,
        taken: Taken,
        result: Result,
        title: str,
        files: Mapping[str, Path] | None = None,
    ) -> str:
        """Add a layer for each image of a result; returns the id of the group.

        Images in `files`, OME-Zarr, are shown from there with their smaller versions.
        """
        group = uuid.uuid4().hex
        region = [[part.start, part.stop] for part in taken.region]
        start = [part.start for part in taken.region]
        with self.added_by_us(f"{taken.look.name} · {title}"):
            # The first image is the one to look at: it goes on top, alone visible.
            for kind, image in reversed(list(result.images.items())):
                metadata = _told(result, kind, group) | {"region": region}
                name = f"{taken.look.name} · {title}"
                path = None if files is None else files.get(kind)
                self._add_one(
                    taken.image, taken.look, start, result, image, name, metadata, path
                )
        return group

    def update(self, group: str, result: Result) -> None:
        """Show a result with more samples in the layers of a group, as they look and lie.

        Layers that were removed stay away; images that the result did not have before are
        added if the denoised one, which they look like, is there.
        """
        noisy = result.posterior.image
        former: set[str] = set()
        shown: dict[str, ImageLayer] = {}
        for layer in self.group(group):
            told = layer.metadata[METADATA]
            kind = told["kind"]
            if RESULT in layer.metadata:
                former |= set(layer.metadata[RESULT].images)
                layer.metadata[RESULT] = result
            if kind not in result.images:
                continue
            layer.metadata[METADATA] = told | _told(result, kind, group)
            image, before = result.images[kind], array_of(layer)
            # What cannot be shown as colours has them in front.
            rgb = layer.rgb or before.shape[-1] != image.shape[-1]
            data, _, _ = pixels_of(kind, image, noisy, rgb=rgb, dtype=before.dtype)
            layer.data = data.copy() if kind == "denoised" else data
            shown[kind] = layer
        if "denoised" in shown:
            self._add_new(result, shown["denoised"], set(result.images) - former)

    def show_exceedance(
        self,
        samples: ImageLayer,
        group: str,
        title: str,
        values: NDArray[Any],
        threshold: float,
    ) -> None:
        """Show probabilities where samples lie, in place of those of another threshold."""
        name = f"{title} · P(> {threshold:g})"
        told = {"kind": EXCEEDANCE, "group": group, "threshold": threshold}
        if samples.rgb:
            values = np.moveaxis(values, -1, 0)
        for layer in self.group(group):
            if layer.metadata[METADATA]["kind"] == EXCEEDANCE:
                layer.metadata[METADATA] = told
                layer.data, layer.name = values, name
                return
        look = LayerLook.of(samples)
        with self.added_by_us(name):
            self._viewer.add_image(
                values,
                name=name,
                metadata={METADATA: told},
                **look.last(look.ndim - 1).placed([0] * (look.ndim - 1), "S" * look.rgb),
                **look.shown_for(EXCEEDANCE, values),
            )

    def add_regions(self, over: ImageLayer) -> Layer:
        """Add a layer to draw regions in, over every plane of another, and select it."""
        placed = LayerLook.of(over).last(2).placed([0, 0])
        with self.added_by_us("regions"):
            layer = self._viewer.add_shapes(
                ndim=2, name="regions", face_color="#ffffff00", edge_color="yellow", **placed
            )
        layer.mode = "add_polygon"
        return layer

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

    def _add_new(self, result: Result, like: ImageLayer, kinds: set[str]) -> None:
        """Add images that came with more samples; they look like the denoised one."""
        told = like.metadata[METADATA]
        name = like.name.rpartition(" · ")[0] or like.name
        start = [0] * array_of(like).ndim
        with self.added_by_us(name):
            for kind in kinds:
                metadata = _told(result, kind, told["group"]) | {"region": told["region"]}
                look, image = LayerLook.of(like), result.images[kind]
                noisy = result.posterior.image
                self._add_one(noisy, look, start, result, image, name, metadata)

    def _add_one(
        self,
        noisy: Image,
        look: LayerLook,
        start: Sequence[int],
        result: Result,
        image: Image,
        name: str,
        told: dict[str, Any],
        path: Path | None = None,
    ) -> None:
        kind = told["kind"]
        first = kind == next(iter(result.images))
        options = result_layer(kind, image, noisy, look, start, path)
        metadata: dict[str, Any] = {METADATA: told}
        if path is not None:
            told["file"] = str(path)
        if result.posterior is not None:
            metadata[RESULT] = result
            if first:  # it goes on changing when samples are added, in another thread
                options["data"] = options["data"].copy()
        self._viewer.add_image(
            name=f"{name} · {kind.replace('_', ' ')}",
            visible=first,
            metadata=metadata,
            **options,
        )

    @contextmanager
    def added_by_us(self, title: str = "") -> Iterator[None]:
        """Tell panels while layers are added; with a title they can be taken back."""
        self.adding.emit(True)
        try:
            with added(self._viewer, title):
                yield
        finally:
            self.adding.emit(False)


def _told(result: Result, kind: str, group: str) -> dict[str, Any]:
    """Return what a layer tells of itself, as plain values."""
    told = {"kind": kind, "group": group, "stopped": result.stopped}
    return {**result.provenance.to_json(), **told}
