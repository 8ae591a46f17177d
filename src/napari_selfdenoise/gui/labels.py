"""Labels of the panel: headings and wrapped sentences."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

Tone = Literal["info", "warning"]
_TONES = {"info": "", "warning": "color: #e0a030;"}


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
