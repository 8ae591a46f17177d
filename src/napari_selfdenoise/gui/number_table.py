"""A table of numbers with a row for each image, to be copied as text."""

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

_MOST_ROWS, _ROW_HEIGHT = 8, 24


class NumberTable(QWidget):
    """Rows of texts under titles; takes no room while there are none.

    Parameters
    ----------
    titles : sequence of str
        Of the columns; the first is of names and takes the room that is left.
    tip : str
        What the numbers mean, for the tooltip.

    Attributes
    ----------
    rows : list of list of str
        What is shown.
    """

    def __init__(self, titles: Sequence[str], tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles, self._tip = list(titles), tip
        self.rows: list[list[str]] = []
        self._table, self._copy = QTableWidget(), QPushButton("Copy as CSV")
        self._copy.setToolTip("Copy the table to the clipboard.")
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.setToolTip(tip)
        self._table.setColumnCount(len(titles))
        self._table.setHorizontalHeaderLabels(self._titles)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._table)
        layout.addWidget(self._copy)
        self._copy.clicked.connect(lambda: self._on_copy())
        self.show_rows([])

    def show_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Show other rows, in this order."""
        self.rows = [list(row) for row in rows]
        self._table.setRowCount(len(self.rows))
        for number, row in enumerate(self.rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(self._tip if column else text)
                self._table.setItem(number, column, item)
        self._fit()
        self.setVisible(bool(self.rows))

    def show_column(self, column: int, shown: bool) -> None:
        """Show a column, or hide it where it holds nothing."""
        self._table.setColumnHidden(column, not shown)

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
            lines = [self._titles, *self.rows]
            text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
            clipboard.setText(text)


def number(value: float | None, digits: int) -> str:
    """Write a number; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
