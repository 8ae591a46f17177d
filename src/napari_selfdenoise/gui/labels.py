"""Labels of the panel, headings and wrapped sentences, and the column they stand in."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

Tone = Literal["info", "warning"]
_TONES = {"info": "", "warning": "color: #c88000;"}


class SentenceLabel(QLabel):
    """A wrapped sentence that takes no room while it is empty."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.say(text)

    def say(self, text: str, tone: Tone = "info") -> None:
        """Show a sentence; a warning is coloured."""
        self.setStyleSheet(_TONES[tone])
        self.setText(text)
        self.setVisible(bool(text))


def sentence_label(text: str = "") -> SentenceLabel:
    """Return a label for a sentence."""
    return SentenceLabel(text)


def heading(text: str) -> QLabel:
    """Return the title of a part of the panel."""
    label = QLabel(text)
    label.setStyleSheet("font-weight: bold; margin-top: 4px;")
    return label


class _Content(QWidget):
    """As high as its sentences need at its width.

    Qt's own least height is of sentences in a column of any width: there was a scroll bar for
    nothing.
    """

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Leave the height to `heightForWidth`."""
        return QSize(super().minimumSizeHint().width(), 0)


def scrolled_column(*widgets: QWidget) -> QScrollArea:
    """Return widgets below each other, to be scrolled where the window is too low."""
    content = _Content()
    layout = QVBoxLayout(content)
    layout.setContentsMargins(8, 4, 8, 8)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(content)
    return scroll
