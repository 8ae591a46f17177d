"""The part of the comparison desk that says how the chosen layers are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from napari.layers import Layer
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.gui.blink import KEY
from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.pick_box import PickBox

Way = Literal["as they are", "curtain", "blink", "grid"]
_TIPS: dict[Way, str] = {
    "as they are": "Show the layers as they were before the comparison.",
    "curtain": "One layer left of a divider, another right of it: drag the yellow line.",
    "blink": f"One layer at a time, with the same contrast; {KEY} shows the next one.",
    "grid": "The layers side by side, moved together, with the same contrast.",
}
_STEPS = 1000


class WaysToShow(QWidget):
    """Buttons for the ways, and the choices of the way that is on.

    ``way_changed`` is emitted with a way, ``curtain_changed`` when other layers are chosen for
    the curtain, ``place_changed`` with a place of the divider, ``follow_changed`` and
    ``play_changed`` with whether it is on.
    """

    way_changed = Signal(str)
    curtain_changed = Signal()
    place_changed = Signal(float)
    follow_changed = Signal(bool)
    play_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.left, self.right = PickBox("none"), PickBox("none")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _STEPS)
        self._slider.setValue(_STEPS // 2)
        self._follow = QCheckBox("The divider follows the mouse")
        self._play = QCheckBox("Change by itself")
        self._says = sentence_label()
        self._buttons = QButtonGroup(self)
        self._ways: dict[Way, QPushButton] = {}
        self._curtain, self._blink = QWidget(), QWidget()
        self._lay_out()
        self._buttons.buttonClicked.connect(lambda _: self._on_way())
        for box in (self.left, self.right):
            box.picked_changed.connect(lambda: self.curtain_changed.emit())
        self._slider.valueChanged.connect(lambda at: self.place_changed.emit(at / _STEPS))
        self._follow.toggled.connect(lambda on: self.follow_changed.emit(on))
        self._play.toggled.connect(lambda on: self.play_changed.emit(on))
        self._on_way()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for way in get_args(Way):
            button = QPushButton(way.capitalize())
            button.setCheckable(True)
            button.setToolTip(_TIPS[way])
            self._buttons.addButton(button)
            self._ways[way] = button
            row.addWidget(button)
        self._ways["as they are"].setChecked(True)
        rows = aligned_rows()
        add_row(rows, "Left", self.left, "Shown left of the divider; gives the contrast.")
        add_row(rows, "Right", self.right, "Shown right of the divider.")
        add_row(rows, "Divider", self._slider, "Where the divider is.")
        curtain = QVBoxLayout(self._curtain)
        curtain.addLayout(rows)
        curtain.addWidget(self._follow)
        blink = QVBoxLayout(self._blink)
        blink.addWidget(self._play)
        layout = QVBoxLayout(self)
        layout.setSpacing(4)
        layout.addLayout(row)
        for part in (self._curtain, self._blink, self._says):
            layout.addWidget(part)
        for each in (curtain, blink, layout):
            each.setContentsMargins(0, 0, 0, 0)

    @property
    def way(self) -> Way:
        """How the layers are shown."""
        return next(way for way, button in self._ways.items() if button.isChecked())

    @property
    def follows(self) -> bool:
        """Whether the divider follows the mouse."""
        return self._follow.isChecked()

    @property
    def plays(self) -> bool:
        """Whether layers change by themselves."""
        return self._play.isChecked()

    @property
    def place(self) -> float:
        """Where the divider is, from 0 to 1."""
        return self._slider.value() / _STEPS

    def choose(self, way: Way) -> None:
        """Show the layers in another way."""
        if self.way != way:
            self._ways[way].setChecked(True)
            self._on_way()

    def offer(self, layers: Sequence[Layer]) -> None:
        """Offer layers for the curtain: the first for its left, the second for its right."""
        choices = [(str(layer.unique_id), str(layer.name)) for layer in layers]
        fresh = not self.right.key
        for box in (self.left, self.right):
            box.offer(choices)
        if fresh and len(choices) > 1:
            self.right.pick(choices[1][0])

    def allow(self, count: int) -> None:
        """Allow comparisons where there are enough layers."""
        enough = count > 1
        for way, button in self._ways.items():
            button.setEnabled(enough or way == "as they are")
        self._says.say("" if enough else "Check two layers or more to compare them.")
        if not enough:
            self.choose("as they are")

    def show_place(self, place: float) -> None:
        """Show where the divider was moved to in the viewer."""
        self._slider.blockSignals(True)
        self._slider.setValue(round(place * _STEPS))
        self._slider.blockSignals(False)

    def _on_way(self) -> None:
        self._curtain.setVisible(self.way == "curtain")
        self._blink.setVisible(self.way == "blink")
        self.way_changed.emit(self.way)
