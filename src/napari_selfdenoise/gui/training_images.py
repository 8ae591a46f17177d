"""What the user wants to train on, as images: between `TrainOn` and the viewer's layers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image as ImageLayer
from psygnal import Signal
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, SelfDenoiseError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.data.checks import check_alike
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.layer_adapter import LayerAdapter
from napari_selfdenoise.gui.layer_image import array_of, read_layer
from napari_selfdenoise.gui.run_controller import RunController, Stage
from napari_selfdenoise.gui.train_on import TrainOn
from napari_selfdenoise.gui.training_set import (
    TrainingSet,
    check_targets_given,
    in_folder,
)

_MOST_SKIPPED = 2
"""Skipped files whose sentence is shown; the others are in the tooltip."""

Folders = tuple[Path | None, Path | None]


class TrainingImages(QObject):
    """Finds the images that `view` asks for, and says there what they are or what is missing.

    The images of a folder are opened in the background. ``changed`` is emitted when
    `problem` or `several` may have changed.

    Attributes
    ----------
    reading : RunController
        Opens the images of a folder.
    """

    changed = Signal()

    def __init__(
        self, adapter: LayerAdapter, picker: ImagePicker, view: TrainOn, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._adapter, self._picker, self._view = adapter, picker, view
        self._method: Method[Any] | None = None
        self._problem = self._failure = ""
        self._opened: TrainingSet | None = None
        self._opened_of: Folders | None = None
        self.reading = RunController(parent)
        self.reading.progress.connect(self._on_progress)
        self.reading.finished.connect(self._on_opened)
        self.reading.failed.connect(self._on_failed)
        self.reading.ended.connect(self._look)
        view.changed.connect(self._look)
        view.folder.changed.connect(self._forget)
        view.target_folder.changed.connect(self._forget)
        picker.changed.connect(self._look)
        picker.layers_changed.connect(self._offer)

    @property
    def several(self) -> bool:
        """Whether one model is to be trained on several images."""
        return isinstance(self._method, LearnedMethod) and self._view.source != "layer"

    @property
    def picked_is_first(self) -> bool:
        """Whether the picked layer is among those to train on, so that it comes first."""
        return self._view.source == "layers" and self._picker.layer in self._view.layers.chosen

    @property
    def problem(self) -> str:
        """What is missing before training can begin; empty if nothing is."""
        return self._problem

    def follow(self, method: Method[Any]) -> None:
        """Find images for another method."""
        self._method = method
        self._view.ask(learns=isinstance(method, LearnedMethod), target=method.target)
        self._offer()

    def take(self) -> TrainingSet:
        """Return the images as they are now; of layers the part that the picker says.

        The picked layer, which a preview is shown of, comes first.

        Raises
        ------
        SelfDenoiseError
            With a sentence saying what is missing or does not fit.
        """
        given = self._in_folder() if self._view.source == "folder" else self._in_layers()
        check_alike(given.images)
        if self._method is not None:
            check_targets_given(self._method, given)
        return given

    def leave(self) -> None:
        """Stop opening files."""
        self.reading.abandon()

    def _in_layers(self) -> TrainingSet:
        pairs = self._pairs()
        picked = self._picker.layer
        pairs.sort(key=lambda pair: pair[0] is not picked)
        images, targets = [], []
        for layer, target in pairs:
            axes = self._picker.axes_of(layer)
            taken = self._adapter.take(layer, axes, self._picker.use)
            images.append(taken.image)
            if target is not None:
                _check_same_size(layer, target)
                part: Image = read_layer(target, taken.image.axes, taken.region)
                targets.append(part)
        return TrainingSet(tuple(images), tuple(targets))

    def _pairs(self) -> list[tuple[ImageLayer, ImageLayer | None]]:
        """Return the layers to train on, each with its target."""
        view, asks = self._view, bool(self._method and self._method.target)
        if view.source == "layer":
            layer = self._picker.layer
            return [] if layer is None else [(layer, view.target if asks else None)]
        layers, targets = view.layers.chosen, view.target_layers.chosen if asks else []
        if not layers:
            raise UsageError("Check the layers to train on.")
        if targets and len(targets) != len(layers):
            raise UsageError(
                f"{len(layers)} layers are checked, but {len(targets)} targets: each layer "
                "needs its target."
            )
        return [(layer, targets[at] if targets else None) for at, layer in enumerate(layers)]

    def _in_folder(self) -> TrainingSet:
        if self._folders[0] is None:
            raise UsageError("Choose the folder to train on.")
        if self._opened is None:
            raise UsageError(self._failure or "The folder is being read.")
        return self._opened

    @property
    def _folders(self) -> Folders:
        asks = bool(self._method and self._method.target)
        return self._view.folder.path, self._view.target_folder.path if asks else None

    # What changes

    def _offer(self) -> None:
        self._view.offer(self._picker.layers, self._picker.layer)
        self._look()

    def _forget(self) -> None:
        self._opened_of = None
        self._look()

    def _look(self) -> None:
        """Find out what the images are, or what is missing."""
        source = self._view.source
        learns = isinstance(self._method, LearnedMethod)
        if not learns or (source == "layer" and self._picker.problem):
            self._problem = ""
            self._view.say("")
        elif source == "folder" and self._must_open():
            self._problem = "The folder is being read."
            self._view.say(self._problem)
        else:
            self._judge()
        self.changed.emit()

    def _judge(self) -> None:
        try:
            given = self.take()
        except SelfDenoiseError as error:
            self._problem = str(error)
            self._view.say(self._problem, "warning")
            return
        self._problem = ""
        if not self.several:
            self._view.say("")
        elif given.skipped:
            shown = given.skipped[:_MOST_SKIPPED]
            more = len(given.skipped) - len(shown)
            told = [f"{given.describe()}. {len(given.skipped)} skipped:", *shown]
            told += [f"and {more} more."] if more else []
            self._view.say("\n".join(told), "warning", more="\n".join(given.skipped))
        else:
            self._view.say(f"{given.describe()}.")

    def _must_open(self) -> bool:
        """Open the images of the folder if that was not done; whether it is on."""
        wanted = folder, targets = self._folders
        if folder is None:
            return False
        if self._opened_of == wanted:
            return self.reading.running
        if self.reading.running:
            self.reading.abandon()  # its end leads here again
            return True
        self._opened, self._opened_of, self._failure = None, wanted, ""
        run = partial(in_folder, folder, targets)
        self.reading.start(f"Reading {folder.name}", run, Context())
        return True

    def _on_progress(self, stage: Stage) -> None:
        now = stage.progress
        self._view.say(f"Reading the folder, {now.step} of {now.total}.")

    def _on_opened(self, opened: TrainingSet) -> None:
        if self._opened_of == self._folders:
            self._opened = opened

    def _on_failed(self, error: Exception) -> None:
        self._failure = str(error) or type(error).__name__


def _check_same_size(layer: ImageLayer, target: ImageLayer) -> None:
    mine, other = array_of(layer).shape, array_of(target).shape
    if mine != other:
        sides = " x ".join(map(str, mine)), " x ".join(map(str, other))
        raise ImageError(
            f"{target.name} ({sides[1]}) cannot be the target of {layer.name} ({sides[0]}): "
            "both must have the same size."
        )
