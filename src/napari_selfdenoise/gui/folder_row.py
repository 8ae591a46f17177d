"""A folder to choose."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget
from superqt import QElidingLabel


class FolderRow(QWidget):
    """Shows a folder and lets the user choose another; ``changed`` is emitted then.

    Parameters
    ----------
    what : str
        What is in the folder, for the dialog.
    """

    changed = Signal()

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what = what
        self._path: Path | None = None
        self._shown = QElidingLabel("none chosen")
        self._shown.setElideMode(Qt.TextElideMode.ElideLeft)  # the end of a path tells most
        self._button = QPushButton("Choose ...")
        self._button.clicked.connect(lambda: self._ask())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._shown, 1)
        layout.addWidget(self._button)

    @property
    def path(self) -> Path | None:
        """The folder; None if none was chosen."""
        return self._path

    def choose(self, path: Path) -> None:
        """Show a folder."""
        self._path = path
        self._shown.setText(str(path))
        self._shown.setToolTip(str(path))
        self.changed.emit()

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self._what, str(self._path or ""))
        if path:
            self.choose(Path(path))
