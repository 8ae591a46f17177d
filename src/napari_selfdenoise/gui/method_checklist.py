"""A list of methods to choose several from, each with the time it is expected to take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.spoken import spoken

_ROWS, _ROW_HEIGHT = 7, 22
_NAME = Qt.ItemDataRole.UserRole


class MethodChecklist(QListWidget):
    """Methods with a box to check each; ``changed`` is emitted when the choice changes.

    Parameters
    ----------
    methods : mapping of str to Method
        In the order to show them.
    checked : sequence of str
        Names of those that are checked at first.
    """

    changed = Signal()

    def __init__(
        self,
        methods: Mapping[str, Method[Any]],
        checked: tuple[str, ...] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._methods = dict(methods)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFixedHeight(_ROWS * _ROW_HEIGHT + 8)
        for name, method in self._methods.items():
            item = QListWidgetItem(method.title)
            item.setToolTip(f"{method.summary}\nAssumes: {method.assumes}\n{method.reference}")
            item.setSizeHint(QSize(0, _ROW_HEIGHT))
            item.setData(_NAME, name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_state(name in checked))
            self.addItem(item)
        self.itemChanged.connect(lambda _: self.changed.emit())

    @property
    def chosen(self) -> list[str]:
        """Names of the methods that are checked, in their order."""
        return [
            item.data(_NAME)
            for item in self._items()
            if item.checkState() == Qt.CheckState.Checked
        ]

    def choose(self, names: list[str]) -> None:
        """Check these methods and no others."""
        self.blockSignals(True)
        for item in self._items():
            item.setCheckState(_state(item.data(_NAME) in names))
        self.blockSignals(False)
        self.changed.emit()

    def show_seconds(self, seconds: Mapping[str, float]) -> None:
        """Show how long each method is expected to take; nothing where not given."""
        self.blockSignals(True)
        for item in self._items():
            name = item.data(_NAME)
            time = f"  ·  about {spoken(seconds[name])}" if name in seconds else ""
            item.setText(self._methods[name].title + time)
        self.blockSignals(False)

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.count()) if (item := self.item(row)) is not None]


def _state(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
