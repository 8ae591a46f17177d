"""Noise checks of what is picked, in the background."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from napari import Viewer
from psygnal import Signal
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_selfdenoise.analysis.advice import Diagnosis, advise
from napari_selfdenoise.analysis.noise_check import check_noise
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.latest_run import LatestRun
from napari_selfdenoise.gui.layer_adapter import LayerAdapter


def checking(image: Image, methods: Iterable[Method[Any]]) -> Run[Diagnosis | str]:
    """Measure the noise of an image; returns a sentence if that cannot be done.

    Of a lazy image only the middle of each channel is read.
    """
    yield Progress(0, 1, "measuring the noise")
    try:
        checks = check_noise(image)
    except SelfDenoiseError as error:
        return str(error)
    yield Progress(1, 1, "measuring the noise")  # where it ends if nobody waits any more
    return Diagnosis(checks, advise(checks, image, methods))


class NoiseRuns(QObject):
    """Checks what is picked, one check at a time.

    ``started`` is emitted when a check starts, then ``measured`` with a `Diagnosis`, or
    ``failed`` with a sentence. Neither comes of a check that was forgotten.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are checked.
    picker : ImagePicker
        Says which layer, and which part of it.
    methods : iterable of Method
        To be advised, in the order shown to users.
    parent : QWidget
        With which the check ends.
    """

    started = Signal()
    measured = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        picker: ImagePicker,
        methods: Iterable[Method[Any]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._picker, self._methods = picker, list(methods)
        self._adapter = LayerAdapter(viewer)
        self._latest = LatestRun(parent)
        self._latest.started.connect(self.started.emit)
        self._latest.found.connect(self._on_found)
        self._latest.failed.connect(self._on_failed)

    @property
    def running(self) -> bool:
        """Whether a check is on."""
        return self._latest.running

    def check(self) -> None:
        """Check what is picked now; what was to be checked before is forgotten."""
        self.forget()
        layer = self._picker.layer
        if layer is None:
            self.failed.emit(self._picker.problem)
            return
        try:
            image = self._adapter.take(layer, self._picker.axes, self._picker.use).image
        except SelfDenoiseError as error:
            self.failed.emit(str(error))
            return
        run = partial(checking, image, self._methods)
        self._latest.request(f"Noise check of {layer.name}", run)

    def forget(self) -> None:
        """Drop what the check that is on will find."""
        self._latest.forget()

    def _on_found(self, found: Diagnosis | str) -> None:
        if isinstance(found, str):
            self.failed.emit(found)
        else:
            self.measured.emit(found)

    def _on_failed(self, error: Exception) -> None:
        self.failed.emit(str(error) or type(error).__name__)
