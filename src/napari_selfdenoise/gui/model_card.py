"""What the picked model is: pictures before and after, and its facts."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_selfdenoise.engine.model_file import Description
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.model_words import facts_of, thumbnail

_SIDE = 128
_TITLES = (
    "Method",
    "Trained on",
    "For images of",
    "Pixel size",
    "Noise seen",
    "Author",
    "Trained",
)


class ModelCard(QWidget):
    """Shows one model."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before, self._after = QLabel(), QLabel()
        self._pictures = QWidget()
        pictures = QGridLayout(self._pictures)
        pictures.setContentsMargins(0, 0, 0, 0)
        for column, (label, title) in enumerate(
            ((self._before, "noisy"), (self._after, "denoised"))
        ):
            label.setFixedSize(_SIDE, _SIDE)
            pictures.addWidget(label, 0, column)
            pictures.addWidget(QLabel(title), 1, column)
        pictures.setColumnStretch(2, 1)
        self._facts = {title: (QLabel(title), sentence_label()) for title in _TITLES}
        rows = QGridLayout()
        rows.setColumnStretch(1, 1)
        rows.setHorizontalSpacing(12)
        rows.setVerticalSpacing(3)
        for row, (name, text) in enumerate(self._facts.values()):
            rows.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            rows.addWidget(text, row, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pictures)
        layout.addLayout(rows)
        self.show_model(None)

    @property
    def facts(self) -> dict[str, str]:
        """What is shown, by title."""
        return {title: text.text() for title, (_, text) in self._facts.items() if text.text()}

    def show_model(self, model: Description | None) -> None:
        """Show a model, or nothing."""
        self.setVisible(model is not None)
        told = {} if model is None else dict(facts_of(model))
        for title, (label, text) in self._facts.items():
            label.setVisible(title in told)
            text.say(told.get(title, ""))
        if model is not None:
            facts = model.facts
            self._pictures.setVisible(facts.before is not None)
            self._before.setPixmap(thumbnail(facts.before, _SIDE))
            self._after.setPixmap(thumbnail(facts.after, _SIDE))
