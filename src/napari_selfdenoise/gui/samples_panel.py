"""The samples panel: look at posterior samples and at what they say, and add more.

The views below it only ask; the panel acts, and the adapter alone adds layers. Where the
viewer's camera and sliders are is looked up now and then, like the layers' names and looks.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from napari import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.gui import posterior_runs
from napari_selfdenoise.gui.labels import heading, sentence_label
from napari_selfdenoise.gui.latest_run import LatestRun
from napari_selfdenoise.gui.layer_adapter import EXCEEDANCE, METADATA, LayerAdapter
from napari_selfdenoise.gui.layer_image import position_in
from napari_selfdenoise.gui.measured_regions import MeasuredRegions
from napari_selfdenoise.gui.more_samples_bar import MoreSamplesBar
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.pick_box import PickBox
from napari_selfdenoise.gui.posterior_layers import (
    PosteriorLayers,
    group_of,
    posterior_groups,
)
from napari_selfdenoise.gui.region_table import RegionTable
from napari_selfdenoise.gui.run_controller import RunController
from napari_selfdenoise.gui.sample_browser import SampleBrowser
from napari_selfdenoise.gui.sample_plane import SamplePlane
from napari_selfdenoise.gui.sample_strip import SampleStrip, pictures_of

_LOOK_INTERVAL = 300
"""Milliseconds between two looks at the viewer."""
_NO_RESULT = (
    "No result with posterior samples is open. Denoise an image with a method that draws "
    "them, such as COSDD."
)
_NO_POSTERIOR = (
    "What drew these samples is not at hand, as for layers from a file: denoise again, or "
    "apply the saved model."
)


class SamplesPanel(Panel):
    """Look at the posterior samples of a result, and add more.

    Closing the panel or the viewer while samples are added ends that; samples drawn by then
    count when more are added again.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.adapter = LayerAdapter(self._viewer)
        self.controller = RunController(self)
        self.counting = LatestRun(self)
        self.results = PickBox("none")
        self.results.setToolTip("A result with samples; follows the selection.")
        self.more, self.browser = MoreSamplesBar(), SampleBrowser()
        self.strip, self.regions = SampleStrip(), RegionTable()
        self.measured = MeasuredRegions(self._viewer, self.regions)
        self._says = sentence_label(_NO_RESULT)
        self._body = QWidget()
        self._picked: PosteriorLayers | None = None
        self._sampled_group = ""
        self._pictured: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_INTERVAL)
        self._build()
        self._connect()
        self._on_layers()
        self._on_selection()
        self._timer.start()

    def _build(self) -> None:
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        for widget in (
            self.more,
            heading("Show"),
            self.browser,
            self.strip,
            heading("Regions"),
            self.regions,
        ):
            body.addWidget(widget)
        self._show_below(heading("Result"), self.results, self._says, self._body)

    def _connect(self) -> None:
        self.results.picked_changed.connect(self._on_picked)
        self.more.more_requested.connect(self._add_more)
        self.more.stop_requested.connect(self.controller.stop)
        self.browser.show_requested.connect(self._show)
        self.browser.sample_requested.connect(self._show_sample)
        self.browser.threshold_changed.connect(self._on_threshold)
        self.strip.chosen.connect(self._show_sample)
        self.regions.draw_requested.connect(self._draw_regions)
        self.controller.progress.connect(self.more.show_stage)
        self.controller.finished.connect(self._on_more)
        self.controller.failed.connect(self._on_failed)
        self.controller.ended.connect(self._on_ended)
        self.counting.found.connect(self._on_counted)
        self._timer.timeout.connect(self._look)
        self._listen(True)

    def _listen(self, on: bool) -> None:
        """Hear of what changes in the viewer, or do not any more."""
        layers = self._viewer.layers
        for event, callback in (
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_layers),
            (layers.events.reordered, self._on_layers),
            (layers.selection.events.active, self._on_selection),
            (self._viewer.dims.events.current_step, self._on_step),
        ):
            if on:
                event.connect(callback)
            else:
                event.disconnect(callback)

    # What the user asks for

    def _add_more(self, count: int) -> None:
        result = None if self._picked is None else self._picked.result
        if self._picked is None or result is None or self.controller.running:
            return
        context: Context = posterior_runs.context_of_more(result)
        self._sampled_group, title = self._picked.group, self._picked.title
        self.more.show_running()
        run = partial(posterior_runs.adding, result, count, context)
        self.controller.start(f"More samples of {title}", run, context)

    def _show(self, kind: str) -> None:
        """Show one image of the result, and no other of it."""
        if self._picked is None:
            return
        if kind == EXCEEDANCE and EXCEEDANCE not in self._picked.layers:
            self._count_samples()
        for other, layer in self._picked.layers.items():
            layer.visible = other == kind
        self.browser.mark(kind)

    def _show_sample(self, number: int) -> None:
        layer = None if self._picked is None else self._picked.samples
        if layer is None:
            return
        if not layer.visible:
            self._show("samples")
        start = layer.data_to_world((number, *(0,) * (layer.ndim - 1)))[0]
        dims = self._viewer.dims
        dims.set_point(dims.ndim - layer.ndim, float(start))

    def _on_threshold(self, _: float) -> None:
        if self._picked is not None and EXCEEDANCE in self._picked.layers:
            self._count_samples()

    def _count_samples(self) -> None:
        """Compute the layer of probabilities; the latest threshold is the one that counts."""
        picked = self._picked
        if picked is None or picked.samples is None:
            return
        run = partial(posterior_runs.exceeding, picked, self.browser.threshold)
        self.counting.request("Probability", run)

    def _draw_regions(self) -> None:
        if self._picked is not None and self._picked.samples is not None:
            self._viewer.layers.selection.active = self.adapter.add_regions(
                self._picked.samples
            )

    # What runs tell

    def _on_more(self, result: Result) -> None:
        self.adapter.update(self._sampled_group, result)
        self.more.show_idle("Stopped; the samples drawn by then count." * result.stopped)
        self._pictured = None
        self._look()
        self._on_threshold(self.browser.threshold)

    def _on_failed(self, error: Exception) -> None:
        self.more.show_idle(str(error) or type(error).__name__, "warning")

    def _on_ended(self) -> None:
        self.more.show_idle()

    def _on_counted(self, found: posterior_runs.Exceeding) -> None:
        picked, samples = found.counted, found.counted.samples
        if samples is not None and samples in self._viewer.layers:
            self.adapter.show_exceedance(
                samples, picked.group, picked.title, found.probability, found.threshold
            )

    # What changes around

    def _on_layers(self) -> None:
        """Offer the results and the regions that are there."""
        groups = {each.group: each for each in posterior_groups(self._viewer.layers)}
        self.results.offer([(key, each.title) for key, each in groups.items()])
        self._picked = groups.get(self.results.key)
        self.measured.offer_layers()
        self._show_picked()

    def _on_selection(self) -> None:
        active = self._viewer.layers.selection.active
        if active is not None:
            self.results.pick(group_of(active))
            self.measured.pick(active)

    def _on_picked(self) -> None:
        self._on_layers()
        if self._picked is not None:
            self._offer_threshold(self._picked)
        self._look()

    def _offer_threshold(self, picked: PosteriorLayers) -> None:
        shown = picked.samples or picked.layers.get("denoised")
        if shown is None:
            return
        low, high = map(float, shown.contrast_limits)
        known = picked.layers.get(EXCEEDANCE)
        threshold = (low + high) / 2
        if known is not None:
            threshold = known.metadata[METADATA].get("threshold", threshold)
        self.browser.show_threshold(threshold, low, high)

    def _show_picked(self) -> None:
        picked = self._picked
        self._body.setVisible(picked is not None or self.controller.running)
        self._says.setVisible(picked is None)
        kinds = set(picked.layers) if picked is not None else set()
        self.measured.follow(picked)
        self.browser.offer(kinds | ({EXCEEDANCE} if "samples" in kinds else set()))
        self.more.allow(_NO_POSTERIOR if picked is None or picked.result is None else "")
        self.regions.allow_drawing("samples" in kinds)
        if picked is not None:
            self.more.show_facts(picked.facts, picked.kept)
        self._on_step()

    def _on_step(self) -> None:
        """Show which sample the viewer is at."""
        layer = None if self._picked is None else self._picked.samples
        if self._picked is None or layer is None:
            self.browser.show_samples(0, 0)
            return
        number = position_in(layer, self._viewer.dims.point)[0]
        self.browser.show_samples(number, self._picked.kept)
        self.strip.mark(number)

    def _look(self) -> None:
        """Follow the camera, the sliders, and what layers are called and look like."""
        self._on_layers()
        picked = self._picked
        if picked is None:
            return
        shown = [kind for kind, layer in picked.layers.items() if layer.visible]
        self.browser.mark(shown[0] if shown else "")
        layer = picked.samples
        plane = None if layer is None else SamplePlane.of(layer, self._viewer)
        if layer is None or plane is None:
            self.strip.show_pictures([])
            self._pictured = None
            return
        colours = (layer.colormap.name, tuple(layer.contrast_limits), layer.gamma)
        pictured = (picked.group, picked.kept, plane.place, *colours)
        if pictured != self._pictured:
            self._pictured = pictured
            self.strip.show_pictures(pictures_of(plane))
            self._on_step()
            self.measured.measure_soon()

    def _leave(self) -> None:
        self.controller.abandon()
        self.counting.forget()
        self.browser.stop()
        self._timer.stop()
        self.measured.leave()
        self._listen(False)
