"""The part of the panel that says what to train on, and which targets belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from napari.layers import Image as ImageLayer
from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.folder_row import FolderRow
from napari_selfdenoise.gui.labels import Tone, sentence_label
from napari_selfdenoise.gui.layer_checklist import LayerChecklist

Source = Literal["layer", "layers", "folder"]

_SOURCES: dict[Source, str] = {
    "layer": "this layer",
    "layers": "chosen layers",
    "folder": "a folder",
}
_TRAIN_ON = (
    "What the network learns from. With several images one model is trained, the layer above "
    "is denoised with it, and the model can be applied to others."
)
_PAIRED = "They are paired in the order of their names."


class TrainOn(QWidget):
    """Asks for images to train on and for their targets.

    ``changed`` is emitted when another source, other images or other targets are chosen.

    Attributes
    ----------
    layers, target_layers : LayerChecklist
        Layers to train on, and their targets.
    folder, target_folder : FolderRow
        A folder to train on, and that of the targets.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source, self._target = QComboBox(), QComboBox()
        for source, title in _SOURCES.items():
            self._source.addItem(title, source)
        self._target.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.layers, self.target_layers = LayerChecklist(), LayerChecklist()
        self.folder = FolderRow("Folder of images to train on")
        self.target_folder = FolderRow("Folder of their targets")
        self._says = sentence_label()
        self._asks_target = False
        self._build()
        self._source.currentIndexChanged.connect(lambda _: self._on_source())
        self._target.currentIndexChanged.connect(lambda _: self.changed.emit())
        for part in (self.layers, self.target_layers, self.folder, self.target_folder):
            part.changed.connect(lambda: self.changed.emit())
        self._on_source()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(_row("Train on", self._source, _TRAIN_ON)[0])
        layout.addWidget(self.layers)
        layout.addWidget(self.folder)
        self._targets = QWidget()
        targets = QVBoxLayout(self._targets)
        targets.setContentsMargins(0, 0, 0, 0)
        targets.setSpacing(4)
        about = "Another layer of the same size; the part under Use is taken of both."
        self._target_row, self._target_label = _row("Target", self._target, about)
        self._target_title = sentence_label("Targets")
        for part in (
            self._target_row,
            self._target_title,
            self.target_layers,
            self.target_folder,
        ):
            targets.addWidget(part)
        layout.addWidget(self._targets)
        layout.addWidget(self._says)

    @property
    def source(self) -> Source:
        """Where the images to train on come from."""
        source: Source = self._source.currentData()
        return source

    @property
    def target(self) -> ImageLayer | None:
        """The target of this layer; None if none is chosen."""
        layer: ImageLayer | None = self._target.currentData()
        return layer

    @property
    def sentence(self) -> str:
        """What is said about the images."""
        return self._says.text()

    def ask(self, *, learns: bool, target: str) -> None:
        """Ask for what a method learns from; `target` is what each image must come with."""
        self._asks_target = bool(target)
        self.setVisible(learns)
        self._target_label.setText(f"Target: {target}")
        self._target_title.say(f"Targets: {target} for each. {_PAIRED}")
        self._on_source()

    def offer(self, layers: Sequence[ImageLayer], picked: ImageLayer | None) -> None:
        """Show these layers; the picked one cannot be its own target."""
        self.layers.offer(layers)
        self.target_layers.offer(layers)
        before = self.target
        self._target.blockSignals(True)
        self._target.clear()
        self._target.addItem("none", None)
        for layer in layers:
            if layer is not picked:
                self._target.addItem(layer.name, layer)
        self._target.setCurrentIndex(max(self._target.findData(before), 0))
        self._target.blockSignals(False)

    def choose_source(self, source: Source) -> None:
        """Choose where the images come from."""
        self._source.setCurrentIndex(self._source.findData(source))

    def choose_target(self, layer: ImageLayer | None) -> None:
        """Choose the target of this layer."""
        self._target.setCurrentIndex(max(self._target.findData(layer), 0))

    def say(self, text: str, tone: Tone = "info", *, more: str = "") -> None:
        """Say something about the images; `more` is for the tooltip."""
        self._says.say(text, tone)
        self._says.setToolTip(more)

    def _on_source(self) -> None:
        source = self.source
        self.layers.setVisible(source == "layers")
        self.folder.setVisible(source == "folder")
        self._targets.setVisible(self._asks_target)
        self._target_row.setVisible(source == "layer")
        self._target_title.setVisible(source != "layer")
        self.target_layers.setVisible(source == "layers")
        self.target_folder.setVisible(source == "folder")
        self.changed.emit()


def _row(title: str, field: QWidget, tooltip: str) -> tuple[QWidget, QLabel]:
    """Return a row that can be hidden as a whole, and its label."""
    row = QWidget()
    return row, add_row(aligned_rows(row), title, field, tooltip)
