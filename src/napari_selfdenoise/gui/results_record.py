"""The results part of the panel: one line per run, to be taken back as a whole."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.gui.labels import heading

_MOST_ROWS = 3
_ROW_HEIGHT = 24


class ResultsRecord(QWidget):
    """Lists groups of result layers; ``remove_requested`` is emitted with a group's id."""

    remove_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: list[str] = []
        self._list = QListWidget()
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._remove = QPushButton("Remove these")
        self._remove.setToolTip("Remove all layers of the chosen run.")
        self._remove.clicked.connect(lambda: self.remove_requested.emit(self.group))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(heading("Results"), 1)
        head.addWidget(self._remove)
        layout.addLayout(head)
        layout.addWidget(self._list)
        self._fit()

    @property
    def group(self) -> str:
        """Id of the chosen group; empty if there is none."""
        row = self._list.currentRow()
        return self._groups[row] if row >= 0 else ""

    @property
    def groups(self) -> list[str]:
        """Ids of all groups, the newest first."""
        return list(self._groups)

    def add(self, group: str, title: str) -> None:
        """List a group on top and choose it."""
        item = QListWidgetItem(title)
        item.setToolTip(title)
        item.setSizeHint(QSize(0, _ROW_HEIGHT))
        self._groups.insert(0, group)
        self._list.insertItem(0, item)
        self._list.setCurrentRow(0)
        self._fit()

    def forget(self, group: str) -> None:
        """Take a group off the list."""
        row = self._groups.index(group)
        del self._groups[row]
        self._list.takeItem(row)
        self._fit()

    def _fit(self) -> None:
        rows = min(max(self._list.count(), 1), _MOST_ROWS)
        self._list.setFixedHeight(rows * _ROW_HEIGHT + 8)
        self.setVisible(self._list.count() > 0)
