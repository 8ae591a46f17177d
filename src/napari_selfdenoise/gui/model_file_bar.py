"""What can be done with a model's file: import, export, rename, delete."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QWidget,
)

_IMPORTED = "Models (*.safetensors *.zip *.ckpt)"


class ModelFileBar(QWidget):
    """Asks, then emits what is wanted.

    ``import_requested`` is emitted with a path, ``rename_requested`` with a name,
    ``export_requested`` and ``delete_requested`` without.
    """

    import_requested = Signal(Path)
    export_requested = Signal()
    rename_requested = Signal(str)
    delete_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._running = "", False
        self._import = _button("Import ...", "Add a model from a file to your models.")
        self._export = _button(
            "Export ...", "Write a package of BioImage.IO, which other programs run."
        )
        self._rename = _button("Rename ...", "Give the file of this model another name.")
        self._delete = _button("Delete ...", "Delete the file of this model.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for button in (self._import, self._export, self._rename, self._delete):
            layout.addWidget(button)
        self._import.clicked.connect(lambda: self._ask_import())
        self._export.clicked.connect(lambda: self.export_requested.emit())
        self._rename.clicked.connect(lambda: self._ask_rename())
        self._delete.clicked.connect(lambda: self._ask_delete())

    def show_model(self, name: str) -> None:
        """Name the picked model; empty if there is none."""
        self._name = name
        self.allow(running=self._running)

    def allow(self, *, running: bool) -> None:
        """Enable what can be done now."""
        self._running = running
        self._import.setEnabled(not running)
        for button in (self._export, self._rename, self._delete):
            button.setEnabled(bool(self._name) and not running)

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a model", "", _IMPORTED)
        if path:
            self.import_requested.emit(Path(path))

    def _ask_rename(self) -> None:
        name, agreed = QInputDialog.getText(
            self, "Rename the model", "Name:", QLineEdit.EchoMode.Normal, self._name
        )
        if agreed and name.strip():
            self.rename_requested.emit(name.strip())

    def _ask_delete(self) -> None:
        question = f"Delete the model {self._name} for good? Its file is removed."
        answer = QMessageBox.question(self, "Delete the model", question)
        if answer == QMessageBox.StandardButton.Yes:
            self.delete_requested.emit()


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
