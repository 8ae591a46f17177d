"""The noise of the picked image in a sentence, below the image in the denoise panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_selfdenoise.analysis.advice import Diagnosis
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.layer_image import array_of
from napari_selfdenoise.gui.noise_docks import raised
from napari_selfdenoise.gui.noise_runs import NoiseRuns

_DELAY = 700
"""Milliseconds without a change after which noise is measured."""
_MOST = 4
"""Channels and colours measured unasked: each takes up to 0.7 s."""
_UNASKED = "Noise: not measured yet."
_LAZY = "Noise: measured only if you ask for it, because the layer is read from elsewhere."
_MANY = "Noise: measured only if you ask for it, because there are {} channels."


class NoiseLine(QWidget):
    """Says what the noise of the picked image is, and which method is advised first.

    Measures in the background, while it is in view, once nothing has changed for a moment.
    Lazy layers and those of many channels are measured only in the noise check, to which
    *Details* leads.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are checked.
    picker : ImagePicker
        Says which layer, and which part of it.
    methods : mapping of str to Method
        To be advised, in the order shown to users.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        What was found of what is picked.
    """

    def __init__(
        self,
        viewer: Viewer,
        picker: ImagePicker,
        methods: Mapping[str, Method[Any]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._picker, self._methods = viewer, picker, dict(methods)
        self.diagnosis: Diagnosis | None = None
        self._says, self.details = sentence_label(), QPushButton("Details")
        self.details.setToolTip("Open the noise check: plots, signs of processing, advice.")
        self.runs = NoiseRuns(viewer, picker, self._methods.values(), self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY)
        self._timer.timeout.connect(self.runs.check)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._says, 1)
        layout.addWidget(self.details, 0, Qt.AlignmentFlag.AlignTop)
        picker.changed.connect(self._on_image)
        self.runs.started.connect(lambda: self._says.say("Noise: measuring ..."))
        self.runs.measured.connect(self._on_measured)
        self.runs.failed.connect(self._says.say)
        self.details.clicked.connect(lambda: self._show_details())
        self._on_image()

    @property
    def sentence(self) -> str:
        """What is said."""
        return self._says.text()

    def leave(self) -> None:
        """End the check when the panel goes."""
        self._timer.stop()
        self.runs.forget()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Measure what was picked while the panel was out of view."""
        super().showEvent(event)
        self._plan()

    def _on_image(self) -> None:
        self.runs.forget()
        self._timer.stop()
        self.diagnosis = None
        usable = self._usable()
        self.details.setVisible(usable)
        self._says.say((self._obstacle() or _UNASKED) if usable else "")
        self._plan()

    def _plan(self) -> None:
        if (
            self._usable()
            and self.isVisible()
            and self.diagnosis is None
            and not self._obstacle()
        ):
            self._timer.start()

    def _usable(self) -> bool:
        return self._picker.layer is not None and not self._picker.problem

    def _obstacle(self) -> str:
        """Return why the picked image is not measured unasked; empty if it is."""
        layer, part = self._picker.layer, self._picker.part()
        if not isinstance(layer, ImageLayer) or part is None:
            return ""
        if not isinstance(array_of(layer), np.ndarray):
            return _LAZY
        channels = part.size("C") * part.size("S")
        return _MANY.format(channels) if channels > _MOST else ""

    def _on_measured(self, found: Diagnosis) -> None:
        self.diagnosis = found
        check = found.checks[0]
        several = f"{check.name}: " if len(found.checks) > 1 else ""
        self._says.say(f"{several}{check} {self._advised(found)}")

    def _advised(self, found: Diagnosis) -> str:
        first, quick = found.advice[0], found.at_once
        if not first.fits:
            return "No method fits."
        advice = f"First advice: {self._methods[first.method].title}"
        return (
            f"{advice}; without learning: {self._methods[quick.method].title}."
            if quick
            else f"{advice}."
        )

    def _show_details(self) -> None:
        layer, use, diagnosis = self._picker.layer, self._picker.use, self.diagnosis
        if layer is not None:
            raised(self._viewer, "Noise check").look_at(layer, use, diagnosis)
