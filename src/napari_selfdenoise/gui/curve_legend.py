"""The colours of learning curves, and the line of their names above the plot."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

_COLOURS = ("#4c9be8", "#e8a34c", "#6cc26c", "#d26cc2", "#c2c26c", "#d96c6c")
_GRADIENT = ("#4c9be8", "#d26cc2", "#e8a34c")
"""First to last of many curves; like the colours above it is seen on dark and on light."""
_DASH = "\u2501"
_MAY_BREAK = "\u200b"
_DASHES = 6
"""Dashes that show the gradient."""


def many(count: int) -> bool:
    """Return whether curves are too many for a colour and a name in the legend each."""
    return count > len(_COLOURS)


def colours(count: int) -> list[str]:
    """Return a colour per curve: distinct ones, or a gradient where there are many."""
    return _gradient(count) if many(count) else list(_COLOURS[:count])


def _gradient(count: int) -> list[str]:
    gradient = pg.ColorMap(None, list(_GRADIENT))
    return [gradient.map(at, mode="qcolor").name() for at in np.linspace(0, 1, count)]


class CurveLegend(QLabel):
    """Names behind a dash of their colour; of many curves, the first and the last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_names(self, names: Sequence[str]) -> None:
        """Show the names of curves, in the order of their colours."""
        self._names = list(names)
        self._write()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Cut names that are too long for the new width."""
        super().resizeEvent(event)
        self._write()

    def _write(self) -> None:
        names = self._names
        if many(len(names)):
            ends = f"from {names[0]} to {names[-1]}"
            tip = f"{len(names)} curves, {ends}. Point at one to see its name."
            text = self._first_to_last(names[0], names[-1])
        else:
            tip = ""
            dashes = map(_dash, colours(len(names)))
            width = self._room(1)
            text = " &nbsp;&nbsp;".join(
                f"{dash}&nbsp;{self._cut(name, width)}"
                for dash, name in zip(dashes, names, strict=True)
            )
        self.setToolTip(tip)
        self.setText(text)

    def _first_to_last(self, first: str, last: str) -> str:
        """Return two names with the gradient between them, where the line may break."""
        dashes = [_dash(colour) for colour in _gradient(_DASHES)]
        half = _DASHES // 2
        width = self._room(half)
        start = f"{self._cut(first, width)}&nbsp;{''.join(dashes[:half])}"
        end = f"{''.join(dashes[half:])}&nbsp;{self._cut(last, width)}"
        return f"{start}{_MAY_BREAK}{end}"

    def _room(self, dashes: int) -> int:
        """Return the pixels for a name on a line with so many dashes."""
        measure = self.fontMetrics()
        taken = dashes * measure.horizontalAdvance(_DASH) + 2 * measure.horizontalAdvance(" ")
        return self.contentsRect().width() - taken

    def _cut(self, name: str, width: int) -> str:
        """Return a name that does not break and is at most so many pixels wide."""
        cut = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, width)
        return escape(cut).replace(" ", "&nbsp;")


def _dash(colour: str) -> str:
    return f"<span style='color: {colour}'>{_DASH}</span>"
