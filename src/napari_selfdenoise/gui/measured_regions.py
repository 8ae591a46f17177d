"""Measures the regions of a layer on the samples of a result, whenever one of them changes."""

from __future__ import annotations

from napari import Viewer
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_selfdenoise.analysis.posterior_regions import FEWEST, region_means
from napari_selfdenoise.gui.posterior_layers import PosteriorLayers
from napari_selfdenoise.gui.region_layers import has_regions, regions_of
from napari_selfdenoise.gui.region_table import RegionTable
from napari_selfdenoise.gui.sample_plane import SamplePlane

_DELAY = 300
"""Milliseconds without a change after which regions are measured."""


class MeasuredRegions:
    """Keeps a `RegionTable` up to date.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers of shapes and labels are offered.
    table : RegionTable
        Shows them and their means.
    """

    def __init__(self, viewer: Viewer, table: RegionTable) -> None:
        self._viewer, self._table = viewer, table
        self._result: PosteriorLayers | None = None
        self._watched: Layer | None = None
        self._timer = QTimer(table)
        self._timer.setInterval(_DELAY)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.measure)
        table.changed.connect(self._on_layer)

    def offer_layers(self) -> None:
        """Offer the layers that can hold regions, the topmost first."""
        self._table.layers.offer(
            [(str(each.unique_id), str(each.name)) for each in self._layers()]
        )

    def pick(self, layer: Layer) -> None:
        """Pick a layer, if it can hold regions."""
        self._table.layers.pick(str(layer.unique_id))

    def follow(self, result: PosteriorLayers | None) -> None:
        """Measure on the samples of another result, or of none."""
        before, self._result = self._result, result
        if before is None or result is None or before.group != result.group:
            self.measure_soon()

    def measure_soon(self) -> None:
        """Measure when nothing has changed for a moment."""
        self._timer.start()

    def measure(self) -> None:
        """Measure the regions in the plane that is shown."""
        samples = None if self._result is None else self._result.samples
        layer = self._watched
        if self._result is None or layer is None:
            self._table.show_means(None, "")
            return
        plane = None if samples is None else SamplePlane.of(samples, self._viewer)
        if plane is None or self._result.kept < FEWEST:
            self._table.show_means(
                None, f"The spread of a mean needs {FEWEST} kept samples or more."
            )
            return
        regions = regions_of(layer, plane)
        if not len(regions):
            self._table.show_means(None, f"{layer.name} has no region in the plane shown.")
            return
        means = region_means(plane.samples(), regions)
        sentence = f"In the plane shown, from {self._result.kept} samples."
        self._table.show_means(means, sentence)

    def leave(self) -> None:
        """Stop listening to the viewer."""
        self._timer.stop()
        self._watch(None)

    def _layers(self) -> list[Layer]:
        return [layer for layer in reversed(self._viewer.layers) if has_regions(layer)]

    def _on_layer(self) -> None:
        layers = {str(layer.unique_id): layer for layer in self._layers()}
        self._watch(layers.get(self._table.layers.key))
        self.measure_soon()

    def _watch(self, layer: Layer | None) -> None:
        for watched, on in ((self._watched, False), (layer, True)):
            if watched is not None:
                event = watched.events.set_data
                (event.connect if on else event.disconnect)(self.measure_soon)
        self._watched = layer
