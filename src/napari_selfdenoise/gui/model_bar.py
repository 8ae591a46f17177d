"""The model part of the panel: save, load, apply."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_selfdenoise.engine.models_folder import models_folder
from napari_selfdenoise.gui.labels import heading, sentence_label

_FILTER = "Models (*.safetensors)"
_LOADED = (
    "Models (*.safetensors *.zip *.ckpt);;Models of ours (*.safetensors);;"
    "Packages of BioImage.IO (*.zip);;Checkpoints of the published COSDD (*.ckpt)"
)


class ModelBar(QWidget):
    """Emits ``save_requested`` and ``load_requested`` with a path, and ``apply_requested``.

    The user's own models lie in one folder, which is proposed.
    """

    save_requested = Signal(Path)
    load_requested = Signal(Path)
    apply_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._save, self._load = QPushButton("Save ..."), QPushButton("Load ...")
        self._apply = QPushButton("Apply")
        self._save.setToolTip("Save the model as a file, to use it again.")
        self._load.setToolTip("Load a model from a file.")
        self._apply.setToolTip("Denoise the image with this model, without training.")
        self._about = sentence_label()
        self._proposal, self._folder = "model", models_folder()
        buttons = QHBoxLayout()
        for button in (self._apply, self._save, self._load):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading("Model"))
        layout.addWidget(self._about)
        layout.addLayout(buttons)
        self._save.clicked.connect(lambda: self._ask_save())
        self._load.clicked.connect(lambda: self._ask_load())
        self._apply.clicked.connect(lambda: self.apply_requested.emit())
        self.show_model("")
        self.allow(running=False, usable=False)

    @property
    def about(self) -> str:
        """What is said about the model at hand."""
        return self._about.text()

    def show_model(self, about: str, proposal: str = "model") -> None:
        """Say which model is at hand (empty: none), and propose a file name for it."""
        self._has_model = bool(about)
        self._proposal = proposal
        self._about.say(about or "None yet: train one with Denoise, or load one.")

    def allow(self, *, running: bool, usable: bool) -> None:
        """Enable what can be done now; `usable` says whether an image is picked."""
        self._save.setEnabled(self._has_model and not running)
        self._apply.setEnabled(self._has_model and not running and usable)
        self._load.setEnabled(not running)

    def _ask_save(self) -> None:
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)  # else the dialog proposes another
        path, _ = QFileDialog.getSaveFileName(
            self, "Save model", str(folder / f"{self._proposal}.safetensors"), _FILTER
        )
        if path:
            self.save_requested.emit(Path(path).with_suffix(".safetensors"))

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load model", str(self._folder), _LOADED)
        if path:
            self.load_requested.emit(Path(path))
