"""The models of a folder, with a picture and a few words each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_selfdenoise.engine.model_file import Description
from napari_selfdenoise.gui.model_words import (
    channels_of,
    date_of,
    method_of,
    thumbnail,
    trained_on,
)

_SIDE = 44
"""Side of a thumbnail in pixels."""
_ROW_HEIGHT = 52
_FEWEST_ROWS, _MOST_ROWS = 1, 4


class ModelList(QListWidget):
    """Picks one of the models; ``picked_changed`` is emitted when another one is."""

    picked_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models: list[Description] = []
        self.setIconSize(QSize(2 * _SIDE + 2, _SIDE))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.currentRowChanged.connect(lambda _: self.picked_changed.emit())
        self.offer([])

    @property
    def models(self) -> list[Description]:
        """The models, as they are shown."""
        return list(self._models)

    @property
    def picked(self) -> Description | None:
        """The picked model; None if there is none."""
        row = self.currentRow()
        return self._models[row] if 0 <= row < len(self._models) else None

    def offer(self, models: Sequence[Description]) -> None:
        """Show these models; what is picked stays so if it is still there."""
        picked = self.picked
        self.blockSignals(True)
        self.clear()
        self._models = list(models)
        for model in models:
            words = f"{method_of(model)} · {channels_of(model)} · {date_of(model)}"
            text = f"{model.path.stem}\n{words}\nTrained on {trained_on(model)}"
            item = QListWidgetItem(_icon(model), text)
            item.setToolTip(f"{text}\n{model.path}")
            item.setSizeHint(QSize(0, _ROW_HEIGHT))
            self.addItem(item)
        rows = min(max(len(models), _FEWEST_ROWS), _MOST_ROWS)
        self.setFixedHeight(rows * _ROW_HEIGHT + 8)
        self.setVisible(bool(models))
        self._pick(picked.path if picked is not None else None)
        self.blockSignals(False)
        self.picked_changed.emit()

    def pick(self, path: Path) -> None:
        """Pick the model in a file, if it is there."""
        self._pick(path)

    def _pick(self, path: Path | None) -> None:
        paths = [model.path for model in self._models]
        if self._models:
            self.setCurrentRow(paths.index(path) if path in paths else 0)


def _icon(model: Description) -> QIcon:
    """Return noisy and denoised beside each other."""
    both = QPixmap(2 * _SIDE + 2, _SIDE)
    both.fill(Qt.GlobalColor.transparent)
    painter = QPainter(both)
    painter.drawPixmap(0, 0, thumbnail(model.facts.before, _SIDE))
    painter.drawPixmap(_SIDE + 2, 0, thumbnail(model.facts.after, _SIDE))
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # else it is tinted when selected
        icon.addPixmap(both, mode)
    return icon
