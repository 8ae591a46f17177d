"""The method part of the panel: all with their times, and what the picked one assumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.spoken import spoken


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
        self._seconds: dict[str, float] = {}
        self._list = QComboBox()
        self._list.setMaxVisibleItems(max(len(self._methods), 1))
        self._about = sentence_label()
        for name, method in self._methods.items():
            self._list.addItem(method.title, name)
            about = f"{method.summary}\nAssumes: {method.assumes}\n{method.reference}"
            row = self._list.count() - 1
            self._list.setItemData(row, about, Qt.ItemDataRole.ToolTipRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._list)
        layout.addWidget(self._about)
        self._list.currentIndexChanged.connect(lambda _: self._on_pick())
        self._on_pick()

    @property
    def name(self) -> str:
        """Name of the picked method."""
        return str(self._list.currentData())

    def pick(self, name: str) -> None:
        """Pick a method by name."""
        self._list.setCurrentIndex(self._list.findData(name))

    def show_seconds(self, seconds: Mapping[str, float]) -> None:
        """Show how long each method is expected to take; nothing where not given."""
        self._seconds = dict(seconds)
        for name, method in self._methods.items():
            time = self.time_of(name)
            text = f"{method.title}  ·  {time}" if time else method.title
            self._list.setItemText(self._list.findData(name), text)

    def time_of(self, name: str) -> str:
        """Return the time shown for a method."""
        return f"about {spoken(self._seconds[name])}" if name in self._seconds else ""

    def _on_pick(self) -> None:
        method = self._methods[self.name]
        self._about.say(f"{method.summary}\nAssumes: {method.assumes}")
        self._list.setToolTip(method.reference)
        self.changed.emit(self.name)
