"""The part of the comparison desk that shows scores."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.gui.comparison_runs import Scored
from napari_selfdenoise.gui.labels import sentence_label

_COLUMNS = ("Layer", "PSNR, dB", "SSIM", "fitted, dB")
_TIP = (
    "PSNR and SSIM against the clean layer, in the plane shown; higher is nearer. Fitted: PSNR "
    "after the best scale and offset, for results of another brightness. A smooth image that "
    "lost its finest details can score higher than one that kept them with some noise: look "
    "at the images, too."
)
_MOST_ROWS, _ROW_HEIGHT = 8, 24


class ScoreTable(QWidget):
    """A row of numbers for each image, and sentences; takes no room while there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table, self._says = QTableWidget(), sentence_label()
        self._copy = QPushButton("Copy as CSV")
        self._copy.setToolTip("Copy the table to the clipboard.")
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.setToolTip(_TIP)
        self._table.setColumnCount(len(_COLUMNS))
        self._table.setHorizontalHeaderLabels(_COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self._table, self._says, self._copy):
            layout.addWidget(widget)
        self._copy.clicked.connect(lambda: self._on_copy())
        self.rows: list[list[str]] = []
        self.show_scores([])

    @property
    def sentence(self) -> str:
        """What is said below the table."""
        return self._says.text()

    def say(self, sentence: str) -> None:
        """Show a sentence in place of scores."""
        self.show_scores([])
        self._says.say(sentence)

    def add_sentence(self, sentence: str) -> None:
        """Say one more thing below the table."""
        self._says.say("\n".join(filter(None, (self.sentence, sentence))))

    def show_scores(self, found: Sequence[Scored]) -> None:
        """Show what was found, the best first where there are numbers."""
        scored = [each for each in found if each.likeness is not None]
        self.rows = sorted(map(_row, scored), key=lambda row: row[1], reverse=True)
        self._table.setRowCount(len(self.rows))
        for number, row in enumerate(self.rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(text if column == 0 else _TIP)
                self._table.setItem(number, column, item)
        self._fit()
        self._says.say("\n".join(f"{each.name}: {each.says}" for each in found if each.says))
        for widget in (self._table, self._copy):
            widget.setVisible(bool(self.rows))

    def _fit(self) -> None:
        rows, header = self._table.verticalHeader(), self._table.horizontalHeader()
        if rows is None or header is None:
            return
        rows.setVisible(False)
        rows.setDefaultSectionSize(_ROW_HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        shown = min(len(self.rows), _MOST_ROWS)
        self._table.setFixedHeight(shown * _ROW_HEIGHT + header.sizeHint().height() + 4)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            lines = [_COLUMNS, *self.rows]
            clipboard.setText(
                "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
            )


def _row(scored: Scored) -> list[str]:
    like = scored.likeness
    values = (None,) * 3 if like is None else (like.psnr, like.ssim, like.range_invariant_psnr)
    texts = [
        "-" if value is None else f"{value:.{digits}f}"
        for value, digits in zip(values, (2, 3, 2), strict=True)
    ]
    return [scored.name, *texts]
