"""The part of the samples panel that tells the mean intensity of regions and its spread."""

from __future__ import annotations

import math

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.analysis.posterior_regions import RegionMeans
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.pick_box import PickBox

_WHY = (
    "The mean of the region is taken in each kept sample; shown are the mean and the standard "
    "deviation of these. It is not the mean of the pixels' standard deviations: errors of "
    "neighbouring pixels go together, and only whole samples know how much of them averages "
    "out."
)
_COLOURS = ("Red", "Green", "Blue")
_MOST_ROWS, _ROW_HEIGHT, _TWO_LINES = 6, 24, 40
_TIED = "\N{NO-BREAK SPACE}"
"""Where the columns are narrow, as those of colours are, the spread goes to a second line."""


class RegionTable(QWidget):
    """Picks a layer of regions and shows their means.

    ``changed`` is emitted when another layer is picked, ``draw_requested`` when a new one to
    draw in is wanted.
    """

    changed = Signal()
    draw_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._means: RegionMeans | None = None
        self.layers = PickBox("no Shapes or Labels layer")
        self.layers.setToolTip("A Shapes layer or a Labels layer; follows the selection.")
        self._draw, self._copy = QPushButton("Draw ..."), QPushButton("Copy as CSV")
        self._draw.setToolTip("Add a layer to draw regions in; it begins with a polygon.")
        self._copy.setToolTip("Copy the table to the clipboard, with more digits.")
        self._table, self._says = QTableWidget(), sentence_label()
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setToolTip(_WHY)
        head = QHBoxLayout()
        head.addWidget(self.layers, 1)
        head.addWidget(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        for widget in (self._table, self._says, self._copy):
            layout.addWidget(widget)
        self.layers.picked_changed.connect(lambda: self.changed.emit())
        self._draw.clicked.connect(lambda: self.draw_requested.emit())
        self._copy.clicked.connect(lambda: self._on_copy())
        self.show_means(None, "")

    @property
    def rows(self) -> list[list[str]]:
        """The texts of the table."""
        table = self._table
        places = [range(side) for side in (table.rowCount(), table.columnCount())]
        return [[_text(table, row, column) for column in places[1]] for row in places[0]]

    @property
    def sentence(self) -> str:
        """What is said below the table."""
        return self._says.text()

    def allow_drawing(self, allowed: bool) -> None:
        """Enable the button for a new layer."""
        self._draw.setEnabled(allowed)

    def show_means(self, means: RegionMeans | None, sentence: str) -> None:
        """Show the means of regions, if there are any, and a sentence."""
        self._means = means
        self._says.say(sentence)
        shown = means is not None and len(means.names) > 0
        if means is not None and shown:
            self._fill(means)
        self._table.setVisible(shown)
        self._copy.setVisible(shown)
        self.updateGeometry()

    def _fill(self, means: RegionMeans) -> None:
        colours = means.mean.shape[1]
        table = self._table
        titles = ["Mean ± std"] if colours == 1 else list(_COLOURS[:colours])
        table.setColumnCount(2 + colours)
        table.setHorizontalHeaderLabels(["Region", "Pixels", *titles])
        table.setRowCount(len(means.names))
        for row, name in enumerate(means.names):
            both = zip(means.mean[row], means.std[row], strict=True)
            texts = [name, str(means.pixels[row]), *(with_spread(*each) for each in both)]
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setTextAlignment(
                    Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                )
                item.setToolTip(_WHY)
                table.setItem(row, column, item)
        rows, header = table.verticalHeader(), table.horizontalHeader()
        if rows is not None and header is not None:
            rows.setVisible(False)
            height = _ROW_HEIGHT if colours == 1 else _TWO_LINES
            rows.setDefaultSectionSize(height)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            for column in (0, 1):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            shown = min(len(means.names), _MOST_ROWS)
            table.setFixedHeight(shown * height + header.sizeHint().height() + 4)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if self._means is not None and clipboard is not None:
            clipboard.setText(self._means.to_csv())


def with_spread(mean: float, std: float) -> str:
    """Write a value with two digits of its spread: "812.3 ± 4.1"."""
    if not (math.isfinite(mean) and math.isfinite(std)):
        return "–"
    if std <= 0:
        return f"{mean:.6g} ±{_TIED}0"
    decimals = max(1 - math.floor(math.log10(std)), 0)
    return f"{mean:.{decimals}f} ±{_TIED}{std:.{decimals}f}"


def _text(table: QTableWidget, row: int, column: int) -> str:
    item = table.item(row, column)
    return "" if item is None else str(item.text())
