"""Where the results of a large image go: into memory, or into a folder as OME-Zarr."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Layer
from platformdirs import user_documents_path
from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs
from napari_selfdenoise.engine.free_memory import free_memory
from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.folder_row import FolderRow
from napari_selfdenoise.gui.layer_image import array_of
from napari_selfdenoise.gui.written_results import GrowingOutputs

SHARE = 0.25
"""Results of a layer that is read from elsewhere stay there, too, if they are larger than this
share of the free memory."""
_MEMORY, _FOLDER = "memory", "folder"
_TIP = (
    "Results can be larger than the memory: in a folder they are written as OME-Zarr while "
    "they are made, and shown from there. Files that are there already are never replaced."
)


class ResultsPlace(QWidget):
    """Asks where results go, if they are large or the image is not in memory itself.

    ``changed`` is emitted when the user chooses.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place, self._folder = QComboBox(), FolderRow("Folder of the results")
        self._place.addItem("in memory", _MEMORY)
        self._place.addItem("in a folder, as OME-Zarr", _FOLDER)
        self._layer: Layer | None = None
        self._chosen = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        rows = aligned_rows()
        add_row(rows, "Results", self._place, _TIP)
        layout.addLayout(rows)
        self._folder.setToolTip(_TIP)
        layout.addWidget(self._folder)
        self._place.activated.connect(lambda _: self._on_choice())
        self._folder.changed.connect(lambda: self.changed.emit())
        self.offer(None, 0)

    @property
    def writes(self) -> bool:
        """Whether results are written to files."""
        return not self.isHidden() and self._place.currentData() == _FOLDER

    def choose(self, folder: Path | None) -> None:
        """Choose a folder, or the memory."""
        if folder is not None:
            self._folder.choose(folder)
        self._show(_MEMORY if folder is None else _FOLDER)
        self._on_choice()

    def offer(self, layer: Layer | None, size: int) -> None:
        """Ask about a layer, if there is a reason to; the choice for it is kept.

        Parameters
        ----------
        layer : napari layer
            The picked one; ``None`` if there is none.
        size : int
            Bytes of the results.
        """
        try:
            free = free_memory()
        except SelfDenoiseError:  # of the settings file; the run will say it
            free = size
        lazy = layer is not None and not isinstance(array_of(layer), np.ndarray)
        if layer is not self._layer:
            self._layer, self._chosen = layer, False
            if layer is not None:
                self._folder.choose(_usual_folder(layer))
        self.setVisible(lazy or size > free)
        if not self._chosen:
            large = size > free or (lazy and size > SHARE * free)
            self._show(_FOLDER if large else _MEMORY)

    def outputs(self, image: Image, method: str) -> Outputs:
        """Return where a run puts the images it makes.

        Raises
        ------
        FileError
            If OME-Zarr has no place for one of the image's axes.
        """
        folder = self._folder.path
        if not self.writes or folder is None:
            return Outputs()
        return GrowingOutputs(folder, image, method)

    def _show(self, place: str) -> None:
        self._place.setCurrentIndex(self._place.findData(place))
        self._folder.setVisible(place == _FOLDER)

    def _on_choice(self) -> None:
        self._chosen = True
        self._show(str(self._place.currentData()))
        self.changed.emit()


def _usual_folder(layer: Layer) -> Path:
    """Return the folder of the layer's file, or one among the user's documents."""
    path = layer.source.path
    if path and Path(path).parent.is_dir():
        return Path(path).parent
    return user_documents_path() / "denoised"
