"""The noise check: what the noise of a layer is like, and which methods fit it."""

from __future__ import annotations

from napari import Viewer
from napari.layers import Layer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_selfdenoise.analysis.advice import Diagnosis
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import heading, sentence_label
from napari_selfdenoise.gui.layer_image import Use
from napari_selfdenoise.gui.noise_advice import NoiseAdvice
from napari_selfdenoise.gui.noise_docks import raised
from napari_selfdenoise.gui.noise_plots import NoisePlots
from napari_selfdenoise.gui.noise_runs import NoiseRuns
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.pick_box import PickBox
from napari_selfdenoise.methods import METHODS, get

_UNPROCESSED = "No sign of processing, and hardly a pixel at the limits of the camera."


class NoisePanel(Panel):
    """Measure the noise of a layer, and see which methods fit it.

    Closing the panel or the viewer during a check drops what it finds.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        methods = {name: get(name) for name in METHODS}
        self.diagnosis: Diagnosis | None = None
        self.image_picker = ImagePicker(self._viewer)
        self.runs = NoiseRuns(self._viewer, self.image_picker, methods.values(), self)
        self._check, self._says = QPushButton("Check"), sentence_label()
        self.channels = PickBox("none")
        self._summary, self._signs = sentence_label(), sentence_label()
        self.plots = NoisePlots(self._viewer.theme)
        self.advice = NoiseAdvice(methods)
        self._found = QWidget()
        self._build()
        self._connect()
        self._on_image()

    def _build(self) -> None:
        found = QVBoxLayout(self._found)
        found.setContentsMargins(0, 0, 0, 0)
        for widget in (
            heading("Noise"),
            self.channels,
            self._summary,
            self._signs,
            heading("Methods, the best first"),
            self.advice,
            self.plots,
        ):
            found.addWidget(widget)
        self._show_below(self.image_picker, self._check, self._says, self._found)

    def _connect(self) -> None:
        self.image_picker.changed.connect(self._on_image)
        self._check.clicked.connect(lambda: self.runs.check())
        self.runs.started.connect(self._on_started)
        self.runs.measured.connect(self.show_diagnosis)
        self.runs.failed.connect(self._on_failed)
        self.channels.picked_changed.connect(self._show_channel)
        self.advice.chosen.connect(self._use_method)
        self._viewer.events.theme.connect(self._on_theme)

    def look_at(self, layer: Layer, use: Use, diagnosis: Diagnosis | None) -> None:
        """Show what was found elsewhere of a part of a layer; check it if nothing was."""
        self.image_picker.pick(layer)
        self.image_picker.choose_use(use)
        if diagnosis is None:
            self.runs.check()
        else:
            self.show_diagnosis(diagnosis)

    def show_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Show what was found."""
        self.diagnosis = diagnosis
        self._says.say("")
        self.channels.offer(
            [(str(row), check.name) for row, check in enumerate(diagnosis.checks)]
        )
        self.channels.setVisible(len(diagnosis.checks) > 1)
        self._show_channel()
        self.advice.show_advice(diagnosis.advice)
        self._found.show()

    def _show_channel(self) -> None:
        if self.diagnosis is None or not self.channels.key:
            return
        check = self.diagnosis.checks[int(self.channels.key)]
        self._summary.say(str(check))
        self._signs.say("\n".join(check.signs) or _UNPROCESSED)
        self.plots.show_check(check)

    def _use_method(self, name: str) -> None:
        """Pick a method in the denoise panel, for what was checked."""
        layer, use = self.image_picker.layer, self.image_picker.use
        panel = raised(self._viewer, "Denoise")
        if layer is not None:
            panel.image_picker.pick(layer)
            panel.image_picker.choose_use(use)
        panel.method_picker.pick(name)

    # What changes around

    def _on_image(self) -> None:
        """Clear what was found of something else."""
        self.runs.forget()
        self.diagnosis = None
        self._found.hide()
        self._says.say("")
        self._check.setEnabled(not self.image_picker.problem)

    def _on_started(self) -> None:
        self._found.hide()
        self._says.say("Measuring the noise ...")

    def _on_failed(self, sentence: str) -> None:
        self._says.say(sentence, "warning")

    def _on_theme(self) -> None:
        self.plots.set_theme(self._viewer.theme)

    def _leave(self) -> None:
        self.runs.forget()
        self.image_picker.disconnect_viewer()
        self._viewer.events.theme.disconnect(self._on_theme)
