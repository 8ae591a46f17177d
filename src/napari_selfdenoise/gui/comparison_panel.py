"""The comparison desk: several layers of the same scene, looked at and measured together.

The views below it only ask; the panel acts. What it does to the user's layers and to the view
is undone when it is closed; layers with differences and maps, which were asked for, stay.
"""

from __future__ import annotations

from functools import partial

from napari import Viewer
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui import comparison_runs
from napari_selfdenoise.gui.blink import Blink
from napari_selfdenoise.gui.comparison_runs import Scored
from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.curtain import Curtain
from napari_selfdenoise.gui.desk_layers import DeskLayers
from napari_selfdenoise.gui.labels import heading
from napari_selfdenoise.gui.layer_adapter import METADATA, PREVIEW, LayerAdapter
from napari_selfdenoise.gui.layer_checklist import LayerChecklist
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.pick_box import PickBox
from napari_selfdenoise.gui.profile_bar import ProfileBar
from napari_selfdenoise.gui.run_controller import RunController
from napari_selfdenoise.gui.score_table import ScoreTable
from napari_selfdenoise.gui.view_state import ViewState
from napari_selfdenoise.gui.ways_to_show import WaysToShow

_WHERE = "Where: new layers, hidden for now, show it."


class ComparisonPanel(Panel):
    """Compare layers: curtain, blinking, grid, difference, profiles and scores.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        viewer = self._viewer
        self.layers, self.ways = LayerChecklist(), WaysToShow()
        self.curtain, self.blink = Curtain(viewer), Blink(viewer, self)
        self.profiles = ProfileBar(viewer)
        self.clean, self.noisy = PickBox("none"), PickBox("none")
        self.scores = ScoreTable()
        self.controller = RunController(self)
        self._adapter, self._desk = LayerAdapter(viewer), DeskLayers(viewer)
        self._before: ViewState | None = None
        self._images: dict[str, ImageLayer] = {}
        self._scored: dict[str, ImageLayer] = {}
        self._difference = QPushButton("Difference")
        self._difference.setToolTip(
            "Add a layer with the second of the curtain's layers less the first."
        )
        self._score, self._check = QPushButton("Compare"), QPushButton("Check")
        self._score.setToolTip("PSNR and SSIM of the checked layers, and maps of their errors.")
        self._check.setToolTip(
            "Whether what was removed from the noisy layer is noise and no more, and where not."
        )
        self._build()
        self._connect()
        self._on_layers()

    def _build(self) -> None:
        self._show_below(
            heading("Layers"),
            self.layers,
            heading("Show"),
            self.ways,
            self._difference,
            heading("Profiles"),
            self.profiles,
            heading("Scores in the plane shown"),
            _row("Clean", self.clean, self._score, "A layer with the clean image."),
            _row("Noisy", self.noisy, self._check, "The layer that was denoised."),
            self.scores,
        )

    def _connect(self) -> None:
        self.layers.changed.connect(self._on_chosen)
        self.ways.way_changed.connect(self._on_way)
        self.ways.curtain_changed.connect(self._on_curtain)
        self.ways.place_changed.connect(self.curtain.move)
        self.ways.follow_changed.connect(self._on_follow)
        self.ways.play_changed.connect(self.blink.go_on)
        self.curtain.moved.connect(self.ways.show_place)
        self._difference.clicked.connect(lambda: self._add_difference())
        self._score.clicked.connect(lambda: self._compute("clean"))
        self._check.clicked.connect(lambda: self._compute("noisy"))
        self.controller.finished.connect(self._on_scored)
        self.controller.failed.connect(lambda error: self.scores.say(str(error)))
        self.controller.ended.connect(self._allow)
        layers = self._viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._on_layers)
        self._viewer.events.theme.connect(self._on_theme)

    # What the user asks for

    def _on_way(self, way: str) -> None:
        self._give_back()
        layers = self.layers.chosen
        if way == "as they are" or len(layers) < 2:
            return
        self._before = ViewState.of(self._viewer)
        if way == "curtain":
            self._on_curtain()
            return
        self._desk.same_contrast(layers)
        if way == "blink":
            self.blink.start(layers)
            self.blink.go_on(self.ways.plays)
        else:
            self._desk.grid(layers)

    def _on_curtain(self) -> None:
        pair = self._pair()
        if self.ways.way == "curtain" and pair is not None:
            self.curtain.show(*pair)
            self.curtain.move(self.ways.place)

    def _pair(self) -> tuple[ImageLayer, ImageLayer] | None:
        """Return the layers of the curtain, if there are two."""
        left, right = (self._images.get(box.key) for box in (self.ways.left, self.ways.right))
        return None if left is None or right is None else (left, right)

    def _on_follow(self, on: bool) -> None:
        self.curtain.follows = on

    def _add_difference(self) -> None:
        pair = self._pair()
        if pair is None:
            return
        try:
            self._desk.add_difference(*pair)
        except SelfDenoiseError as error:
            self.controller.report(error)

    def _compute(self, against: str) -> None:
        """Score the checked layers against the clean or the noisy one."""
        other = self._images.get((self.clean if against == "clean" else self.noisy).key)
        layers = [layer for layer in self.layers.chosen if layer is not other]
        if other is None or not layers or self.controller.running:
            self.scores.say("Check the layers to score, and pick the one to compare them with.")
            return
        try:
            images, reference = [self._plane(each) for each in layers], self._plane(other)
        except SelfDenoiseError as error:
            self.scores.say(str(error))
            return
        runs = {"clean": comparison_runs.scoring, "noisy": comparison_runs.checking}
        self._scored = {layer.name: layer for layer in layers}
        run = partial(runs[against], images, reference)
        self.controller.start(f"Scores against {other.name}", run, Context())
        self._allow()

    def _plane(self, layer: ImageLayer) -> Image:
        return self._adapter.take(layer, "", "plane").image

    # What changes around

    def _on_scored(self, found: list[Scored]) -> None:
        self.scores.show_scores(found)
        for each in found:
            layer = self._scored.get(each.name)
            if layer is not None and layer in self._viewer.layers:
                region = self._adapter.region(layer, "", "plane")
                self._desk.show_maps(layer, region, each)
        if any(each.maps for each in found):
            self.scores.add_sentence(_WHERE)

    def _on_layers(self) -> None:
        there = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, ImageLayer)
            and layer.metadata.get(METADATA, {}).get("kind") != PREVIEW
        ]
        self._images = {str(layer.unique_id): layer for layer in there}
        self.layers.offer(there)
        choices = [(key, str(layer.name)) for key, layer in self._images.items()]
        for box in (self.clean, self.noisy):
            box.offer([("", "none"), *choices])
        self._on_chosen()

    def _on_chosen(self) -> None:
        chosen = self.layers.chosen
        self.ways.offer(chosen)
        self.ways.allow(len(chosen))
        self.profiles.show_layers(chosen)
        self._allow()

    def _allow(self) -> None:
        running = self.controller.running
        self._difference.setEnabled(len(self.layers.chosen) > 1)
        for button in (self._score, self._check):
            button.setEnabled(bool(self.layers.chosen) and not running)

    def _on_theme(self) -> None:
        self.profiles.set_theme(self._viewer.theme)

    def _give_back(self) -> None:
        """Show the layers as they were before they were compared."""
        self.curtain.close()
        self.blink.stop()
        before, self._before = self._before, None
        if before is not None:
            before.restore(self._viewer)

    def _leave(self) -> None:
        self.controller.abandon()
        self._give_back()
        self.profiles.leave()
        layers = self._viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.disconnect(self._on_layers)
        self._viewer.events.theme.disconnect(self._on_theme)


def _row(title: str, box: PickBox, button: QPushButton, tip: str) -> QWidget:
    widget, beside, holder = QWidget(), QHBoxLayout(), QWidget()
    beside.setContentsMargins(0, 0, 0, 0)
    beside.addWidget(box, 1)
    beside.addWidget(button)
    holder.setLayout(beside)
    rows = aligned_rows()
    rows.setContentsMargins(0, 0, 0, 0)
    add_row(rows, title, holder, tip)
    widget.setLayout(rows)
    return widget
