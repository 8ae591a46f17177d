"""The run part of the panel: Denoise or Stop, how far it is, and what it says."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_selfdenoise.core.events import Note
from napari_selfdenoise.gui.labels import Tone, sentence_label
from napari_selfdenoise.gui.run_controller import Stage
from napari_selfdenoise.gui.spoken import spoken

_MOST_NOTES = 3


class RunBar(QWidget):
    """Emits ``denoise_requested`` and ``stop_requested``; shows progress and sentences.

    Parameters
    ----------
    action : str
        What is written on the button that starts.
    about : str
        What it does, for the tooltip.
    """

    denoise_requested = Signal()
    stop_requested = Signal()

    def __init__(
        self,
        action: str = "Denoise",
        about: str = "Denoise the image with the chosen method.",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._denoise, self._about = QPushButton(action), about
        self._stop = QPushButton("Stop")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._stage, self._left = QElidingLabel(), QLabel()
        self._says = sentence_label()
        self._notes: list[str] = []
        self._tone: Tone = "info"
        self._running, self._problem = False, ""
        self._buttons, stage = QHBoxLayout(), QHBoxLayout()
        self._buttons.addWidget(self._denoise, 2)
        self._buttons.addWidget(self._stop, 1)
        stage.addWidget(self._stage, 1)
        stage.addWidget(self._left)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._buttons)
        layout.addWidget(self._bar)
        layout.addLayout(stage)
        layout.addWidget(self._says)
        self._denoise.clicked.connect(lambda: self.denoise_requested.emit())
        self._stop.clicked.connect(lambda: self._on_stop())
        self.show_idle()

    @property
    def sentence(self) -> str:
        """What is said below the bar."""
        return self._says.text()

    def put_beside(self, button: QPushButton) -> None:
        """Put a button for another action between those to start and to stop."""
        self._buttons.insertWidget(1, button, 2)

    def allow(self, problem: str) -> None:
        """Enable *Denoise*, or disable it and say why."""
        self._problem = problem
        self._denoise.setEnabled(not problem and not self._running)
        self._denoise.setToolTip(problem or self._about)

    def name_action(self, action: str) -> None:
        """Write something else on the button that starts."""
        self._denoise.setText(action)

    def show_running(self, title: str) -> None:
        """Show that a run has started."""
        self._running = True
        self._notes, self._tone = [], "info"
        self._denoise.setEnabled(False)
        self._stop.setEnabled(True)
        self._stop.setText("Stop")
        self._stop.setToolTip("Stop, and keep what has been learned so far.")
        self._bar.setRange(0, 0)
        self._stage.setText(title)
        self._left.setText("")
        self._says.say("")
        self._show_progress(True)

    def show_stage(self, stage: Stage) -> None:
        """Show how far the run is."""
        now = stage.progress
        self._bar.setRange(0, max(now.total, 1))
        self._bar.setValue(now.step)
        self._stage.setText(f"{now.stage}, {now.step} of {now.total}")
        left = stage.seconds_left
        self._left.setText("" if left is None else f"about {spoken(left)} left")

    def show_note(self, note: Note) -> None:
        """Show a sentence of the run below those before it."""
        if note.text not in self._notes:
            self._notes = [*self._notes, note.text][-_MOST_NOTES:]
        if note.level == "warning":
            self._tone = "warning"
        self.say("\n".join(self._notes), self._tone)

    def show_idle(self, sentence: str = "", tone: Tone = "info") -> None:
        """Show that no run is on, and how the last one ended."""
        self._running = False
        self._stop.setEnabled(False)
        self._stop.setText("Stop")
        self._show_progress(False)
        if sentence:
            warned = "warning" in (tone, self._tone)
            self.say("\n".join([sentence, *self._notes]), "warning" if warned else "info")
        self.allow(self._problem)

    def say(self, sentence: str, tone: Tone = "info") -> None:
        """Show a sentence below the bar."""
        self._says.say(sentence, tone)

    def _on_stop(self) -> None:
        self._stop.setText("Stop now")
        self._stop.setToolTip("Do not wait for the prediction either.")
        self._left.setText("stopping ...")
        self.stop_requested.emit()

    def _show_progress(self, visible: bool) -> None:
        for widget in (self._bar, self._stage, self._left):
            widget.setVisible(visible)
