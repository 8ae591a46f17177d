"""The methods in the order of the advice, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_selfdenoise.analysis.advice import Advice
from napari_selfdenoise.core.method import Method


class NoiseAdvice(QWidget):
    """Lists the methods; ``chosen`` is emitted with the name of one that is to be used.

    Parameters
    ----------
    methods : mapping of str to Method
        By name, for their titles.
    """

    chosen = Signal(str)

    def __init__(
        self, methods: Mapping[str, Method[Any]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._methods = dict(methods)
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setSpacing(3)
        self.list.setFixedHeight(200)
        self.use = QPushButton("Use this method")
        self.use.setToolTip("Pick it in the Denoise panel, for what was checked.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addWidget(self.use)
        self.list.itemDoubleClicked.connect(lambda _: self._choose())
        self.use.clicked.connect(lambda: self._choose())

    def show_advice(self, advice: Sequence[Advice]) -> None:
        """List the methods, the best first."""
        self.list.clear()
        faint = self.list.palette().placeholderText()
        for each in advice:
            unfit = "" if each.fits else " · does not fit"
            item = QListWidgetItem(f"{self._methods[each.method].title}{unfit}\n{each.reason}")
            item.setData(Qt.ItemDataRole.UserRole, each.method)
            if not each.fits:
                item.setForeground(faint)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.use.setEnabled(bool(advice))

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.chosen.emit(str(item.data(Qt.ItemDataRole.UserRole)))
