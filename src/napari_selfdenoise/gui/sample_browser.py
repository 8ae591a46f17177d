"""The part of the samples panel that chooses what is shown and pages through samples."""

from __future__ import annotations

import math

from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.gui.config_form import add_row, aligned_rows

PLAY_INTERVAL = 200
"""Milliseconds between two samples while they are played."""
THRESHOLD_DELAY = 250
"""Milliseconds without a change after which a threshold counts as chosen."""
_SHOWN = {
    "denoised": ("MMSE", "The mean of all samples: the estimate of least squared error."),
    "posterior_std": ("Std", "The standard deviation of all samples at each pixel."),
    "samples": ("Samples", "One sample: one clean image that the noisy one may be of."),
    "exceedance": ("P(> t)", "The share of the kept samples above the threshold, 0 to 1."),
}


class SampleBrowser(QWidget):
    """Emits what a user wants to see.

    ``show_requested(kind)`` names an image of the result, ``sample_requested(number)`` a
    sample, ``threshold_changed(value)`` comes when the threshold has been left alone.
    """

    show_requested = Signal(str)
    sample_requested = Signal(int)
    threshold_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        self._threshold = QDoubleSpinBox()
        self._threshold.setRange(-1e12, 1e12)
        self._play, self._at = QPushButton("▶"), QLabel()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._timer, self._delay = QTimer(self), QTimer(self)
        self._build()
        self._timer.setInterval(PLAY_INTERVAL)
        self._delay.setInterval(THRESHOLD_DELAY)
        self._delay.setSingleShot(True)
        self._play.toggled.connect(self._on_play)
        self._slider.valueChanged.connect(lambda number: self.sample_requested.emit(number))
        self._threshold.valueChanged.connect(lambda _: self._delay.start())
        self._delay.timeout.connect(lambda: self.threshold_changed.emit(self.threshold))
        self._timer.timeout.connect(self._on_next)
        self.show_samples(0, 0)

    def _build(self) -> None:
        buttons, pages, rows = QHBoxLayout(), QHBoxLayout(), aligned_rows()
        for kind, (title, tooltip) in _SHOWN.items():
            button = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(tooltip)
            button.setMinimumWidth(0)
            button.clicked.connect(lambda _, kind=kind: self.show_requested.emit(kind))
            self._group.addButton(button)
            buttons.addWidget(button, 1)
            self._buttons[kind] = button
        self._play.setCheckable(True)
        self._play.setFixedWidth(32)
        self._play.setToolTip("Play through the samples.")
        self._at.setMinimumWidth(56)
        self._at.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for widget, stretch in ((self._play, 0), (self._slider, 1), (self._at, 0)):
            pages.addWidget(widget, stretch)
        add_row(
            rows,
            "Threshold t",
            self._threshold,
            "In the intensities of the image, for the probability that a pixel exceeds it.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (buttons, rows, pages):
            layout.addLayout(part)

    @property
    def threshold(self) -> float:
        """The threshold as it stands."""
        return float(self._threshold.value())

    @property
    def playing(self) -> bool:
        """Whether samples are being played."""
        return bool(self._timer.isActive())

    def offer(self, kinds: set[str]) -> None:
        """Enable the images that there are."""
        for kind, button in self._buttons.items():
            button.setEnabled(kind in kinds)
        self._threshold.setEnabled("exceedance" in kinds)

    def mark(self, kind: str) -> None:
        """Show which image is to be seen; none, if it is none of them."""
        self._group.setExclusive(False)
        for name, button in self._buttons.items():
            button.setChecked(name == kind)
        self._group.setExclusive(True)

    def show_samples(self, number: int, count: int) -> None:
        """Show which sample of how many the viewer is at."""
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(count - 1, 0))
        self._slider.setValue(number)
        self._slider.blockSignals(False)
        for widget in (self._slider, self._play):
            widget.setEnabled(count > 1)
        self._at.setText(f"{number + 1} of {count}" if count else "none")
        if count < 2:
            self.stop()

    def show_threshold(self, threshold: float, low: float, high: float) -> None:
        """Show a threshold, in steps that suit intensities from `low` to `high`."""
        exponent = math.floor(math.log10(high - low)) - 2 if high > low else 0
        self._threshold.blockSignals(True)
        self._threshold.setDecimals(max(-exponent, 0))
        self._threshold.setSingleStep(10.0**exponent)
        self._threshold.setValue(threshold)
        self._threshold.blockSignals(False)
        self._delay.stop()

    def stop(self) -> None:
        """End the playing and what waits for its time."""
        self._play.setChecked(False)
        self._delay.stop()

    def _on_play(self, on: bool) -> None:
        self._play.setText("■" if on else "▶")
        if on:
            self._timer.start()
            self.sample_requested.emit(self._slider.value())
        else:
            self._timer.stop()

    def _on_next(self) -> None:
        self.sample_requested.emit((self._slider.value() + 1) % (self._slider.maximum() + 1))
