"""A list to pick one of several things from that come and go."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget


class PickBox(QComboBox):
    """Keeps what is picked as long as it is there.

    ``picked_changed`` is emitted when something else is picked, by the user, by `pick`, or
    because it is gone.

    Parameters
    ----------
    nothing : str
        What to show when there is nothing to pick.
    """

    picked_changed = Signal()

    def __init__(self, nothing: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picked = ""
        self.setPlaceholderText(nothing)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.currentIndexChanged.connect(lambda _: self._on_index())

    @property
    def key(self) -> str:
        """Key of what is picked; empty if there is nothing."""
        return str(self.currentData() or "")

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Offer choices, a key and a title each; titles that are equal get a number."""
        shown = [(self.itemData(row), self.itemText(row)) for row in range(self.count())]
        wanted = _told_apart(choices)
        if shown == wanted:
            return
        self.blockSignals(True)
        self.clear()
        for key, title in wanted:
            self.addItem(title, key)
            self.setItemData(self.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(max(self.findData(self._picked), 0) if wanted else -1)
        self.blockSignals(False)
        self._on_index()

    def pick(self, key: str) -> None:
        """Pick something, if it is there."""
        if self.findData(key) >= 0:
            self.setCurrentIndex(self.findData(key))

    def _on_index(self) -> None:
        if self.key != self._picked:
            self._picked = self.key
            self.picked_changed.emit()


def _told_apart(choices: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    titles = [title for _, title in choices]
    told = []
    for place, (key, title) in enumerate(choices):
        # The topmost, and newest, comes first and has the highest number.
        number = titles[place:].count(title)
        told.append((key, title if titles.count(title) == 1 else f"{title} ({number})"))
    return told
