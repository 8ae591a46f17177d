"""The method part of the panel: a list with times, and what the picked one assumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.labels import sentence_label

_MOST_ROWS = 6
_ROW_HEIGHT = 24


class MethodPicker(QWidget):
    """Picks one of the methods; ``changed`` is emitted with its name.

    Parameters
    ----------
    methods : mapping of str to Method
        In the order to show them.
    """

    changed = Signal(str)

    def __init__(
        self, methods: Mapping[str, Method[Any]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._methods = dict(methods)
        self._list = QTreeWidget()
        self._items: dict[str, QTreeWidgetItem] = {}
        self._about = sentence_label()
        self._fill()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._list)
        layout.addWidget(self._about)
        self._list.currentItemChanged.connect(lambda *_: self._on_pick())
        self._list.setCurrentItem(self._list.topLevelItem(0))

    @property
    def name(self) -> str:
        """Name of the picked method."""
        return list(self._methods)[self._list.indexOfTopLevelItem(self._list.currentItem())]

    def pick(self, name: str) -> None:
        """Pick a method by name."""
        self._list.setCurrentItem(self._items[name])

    def show_seconds(self, seconds: Mapping[str, float]) -> None:
        """Show how long each method is expected to take; nothing where not given."""
        for name, item in self._items.items():
            text = f"about {spoken(seconds[name])}" if name in seconds else ""
            item.setText(1, text)

    def time_of(self, name: str) -> str:
        """Return the time shown for a method."""
        return self._items[name].text(1)

    def _fill(self) -> None:
        table = self._list
        table.setColumnCount(2)
        table.setHeaderHidden(True)
        table.setRootIsDecorated(False)
        table.setUniformRowHeights(True)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for name, method in self._methods.items():
            item = self._items[name] = QTreeWidgetItem([method.title, ""])
            item.setSizeHint(0, QSize(0, _ROW_HEIGHT))
            item.setTextAlignment(1, right)
            for column in (0, 1):
                item.setToolTip(column, f"{method.summary}\n{method.reference}")
            table.addTopLevelItem(item)
        header = table.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        rows = min(len(self._methods), _MOST_ROWS)
        table.setFixedHeight(rows * _ROW_HEIGHT + 8)

    def _on_pick(self) -> None:
        method = self._methods[self.name]
        self._about.say(f"{method.summary}\nAssumes: {method.assumes}")
        self.changed.emit(self.name)


def spoken(seconds: float) -> str:
    """Say a time as one would: "40 s", "3 min", "2.5 h"."""
    if seconds < 1:
        return "1 s"
    if seconds < 10:
        return f"{seconds:.0f} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
