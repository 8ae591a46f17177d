"""A list of image layers to choose several from."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image as ImageLayer
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

_MOST_ROWS = 4
_ROW_HEIGHT = 24
_LAYER = Qt.ItemDataRole.UserRole


class LayerChecklist(QListWidget):
    """Layers with a box to check each; ``changed`` is emitted when what is chosen changes."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(lambda _: self.changed.emit())
        self.offer([])

    @property
    def chosen(self) -> list[ImageLayer]:
        """The layers that are checked, in the order of their names."""
        items = [item for item in self._items() if item.checkState() == Qt.CheckState.Checked]
        return sorted((item.data(_LAYER) for item in items), key=lambda layer: str(layer.name))

    def offer(self, layers: Sequence[ImageLayer]) -> None:
        """Show these layers; those that were checked stay so."""
        before = self.chosen
        self.blockSignals(True)
        self.clear()
        for layer in layers:
            item = QListWidgetItem(layer.name)
            item.setToolTip(layer.name)
            item.setSizeHint(QSize(0, _ROW_HEIGHT))
            item.setData(_LAYER, layer)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_state(layer in before))
            self.addItem(item)
        rows = min(max(len(layers), 1), _MOST_ROWS)
        self.setFixedHeight(rows * _ROW_HEIGHT + 8)
        self.blockSignals(False)
        if self.chosen != before:
            self.changed.emit()

    def choose(self, layers: Sequence[ImageLayer]) -> None:
        """Check these layers and no others."""
        self.blockSignals(True)
        for item in self._items():
            item.setCheckState(_state(item.data(_LAYER) in layers))
        self.blockSignals(False)
        self.changed.emit()

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.count()) if (item := self.item(row)) is not None]


def _state(checked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
