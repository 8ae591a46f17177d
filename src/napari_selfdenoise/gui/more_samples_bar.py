"""The part of the samples panel that tells how many there are, and adds more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_selfdenoise.gui.labels import Tone, sentence_label
from napari_selfdenoise.gui.run_controller import Stage
from napari_selfdenoise.gui.spoken import spoken

ENOUGH, NEARLY = 0.01, 0.05
"""Variance of the mean, relative to the noise's, below which it hardly changes any more."""


class MoreSamplesBar(QWidget):
    """Emits ``more_requested`` with a number of samples, and ``stop_requested``."""

    more_requested = Signal(int)
    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts, self._says = sentence_label(), sentence_label()
        self._add, self._stop = QPushButton("Add more"), QPushButton("Stop")
        self._count = QSpinBox()
        self._count.setRange(1, 10_000)
        self._count.setValue(20)
        self._count.setToolTip("Samples to draw besides those there are.")
        self._stop.setToolTip("Stop after the sample at hand, and keep all.")
        self._bar, self._stage = QProgressBar(), QElidingLabel()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._running, self._problem = False, ""
        buttons = QHBoxLayout()
        for widget, stretch in ((self._add, 1), (self._count, 1), (self._stop, 1)):
            buttons.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._facts)
        layout.addLayout(buttons)
        for below in (self._bar, self._stage, self._says):
            layout.addWidget(below)
        self._add.clicked.connect(lambda: self.more_requested.emit(self._count.value()))
        self._stop.clicked.connect(lambda: self._on_stop())
        self.show_idle()

    @property
    def facts(self) -> str:
        """What is said of the samples there are."""
        return self._facts.text()

    @property
    def sentence(self) -> str:
        """What is said below the buttons."""
        return self._says.text()

    def show_facts(self, facts: Mapping[str, Any], kept: int) -> None:
        """Say how many samples there are, and how well they determine their mean."""
        self._facts.say(" ".join([counted(facts, kept), goodness(facts)]).strip())

    def allow(self, problem: str) -> None:
        """Enable adding samples, or disable it and say why."""
        self._problem = problem
        self._add.setEnabled(not problem and not self._running)
        self._add.setToolTip(problem or "Draw more samples; the mean and the spread go on.")

    def show_running(self) -> None:
        """Show that samples are being drawn."""
        self._show_running(True)
        self._bar.setRange(0, 0)
        self._stage.setText("")
        self._says.say("")

    def show_stage(self, stage: Stage) -> None:
        """Show how far it is."""
        now, left = stage.progress, stage.seconds_left
        self._bar.setRange(0, max(now.total, 1))
        self._bar.setValue(now.step)
        ahead = "" if left is None else f", about {spoken(left)} left"
        self._stage.setText(f"{now.stage}, {now.step} of {now.total}{ahead}")

    def show_idle(self, sentence: str = "", tone: Tone = "info") -> None:
        """Show that none are being drawn, and how that ended."""
        self._show_running(False)
        if sentence:
            self._says.say(sentence, tone)

    def _show_running(self, running: bool) -> None:
        self._running = running
        self._stop.setEnabled(running)
        self._bar.setVisible(running)
        self._stage.setVisible(running)
        self.allow(self._problem)

    def _on_stop(self) -> None:
        self._stop.setEnabled(False)
        self._stage.setText("stopping ...")
        self.stop_requested.emit()


def counted(facts: Mapping[str, Any], kept: int) -> str:
    """Say how many samples were drawn and how many of them can be looked at."""
    if "samples" not in facts:
        return f"{kept} samples in the layer." if kept else ""
    drawn = facts["samples"]
    whole = "sample" if drawn == 1 else "samples"
    return f"{drawn} {whole} drawn, {kept if kept else 'none'} kept to look at."


def goodness(facts: Mapping[str, Any]) -> str:
    """Say how well the samples determine their mean; empty if nothing tells."""
    variance, noise = facts.get("variance_of_the_mean"), facts.get("variance_of_the_residual")
    if variance is None or not noise or not math.isfinite(variance / noise):
        return ""
    share = variance / noise
    if share <= ENOUGH:
        words = "more would hardly change it"
    elif share <= NEARLY:
        words = "more would make it a little smoother"
    else:
        words = "it is still rough, add more"
    return f"The variance of their mean is {100 * share:.2g} % of the noise's: {words}."
