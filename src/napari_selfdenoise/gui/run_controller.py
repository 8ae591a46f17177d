"""Runs a generator in napari's worker and turns its events into signals.

The only place that turns errors into notifications.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from napari.qt.threading import GeneratorWorker, create_worker
from napari.utils.notifications import notification_manager, show_warning
from napari.utils.progress import progress as activity
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Event, Metrics, Note, Preview, Progress, Run

PACE = 0.1
"""Seconds between two batches of events: what a window can follow without stutter."""


@dataclass(frozen=True)
class Stage:
    """How far a stage is, and how long it will take to its end.

    Attributes
    ----------
    seconds_left : float or None
        ``None`` as long as there is no good guess.
    """

    progress: Progress
    seconds_left: float | None


@dataclass(frozen=True)
class _Failed:
    error: Exception


_ABANDONED, _FINISHED = object(), object()


class _Current:
    """The run that is on, reachable after its controller is gone."""

    # While Python's garbage is collected, Qt may delete the controller after the slot of its
    # ``destroyed`` was taken apart, and call that: what it calls must not be garbage itself.
    _reachable: ClassVar[set[_Current]] = set()

    def __init__(self, controller: QObject) -> None:
        self.context: Context | None = None
        self.worker: GeneratorWorker | None = None
        self.deleted = False
        self._reachable.add(self)
        controller.destroyed.connect(self._on_deleted)

    def abandon(self) -> None:
        """End the run as soon as possible."""
        if self.context is not None:
            self.context.stop()
        if self.worker is not None:
            self.worker.quit()

    def _on_deleted(self, *_: object) -> None:
        self.deleted = True
        self._reachable.discard(self)
        self.abandon()


class RunController(QObject):
    """Runs one generator at a time in napari's own worker.

    Because it is napari's worker, napari asks before it closes the viewer during a run.
    The signals come in the thread of the window: ``started(title)``, ``progress(Stage)``,
    ``metrics(Metrics)``, ``preview(Preview)``, ``note(Note)``, then ``finished(result)`` or
    ``failed(error)``, and always ``ended()`` last. When the controller is deleted during a
    run, the run is asked to end and nothing more is emitted.
    """

    started = Signal(str)
    progress = Signal(Stage)
    metrics = Signal(Metrics)
    preview = Signal(Preview)
    note = Signal(Note)
    finished = Signal(object)
    failed = Signal(Exception)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._current = _Current(self)
        self._timer, self._title = StageTimer(), ""
        self._activity: Any = None
        self._outcome: Any = _ABANDONED
        self._inbox: deque[Any] = deque()
        self._handling = False
        self._handled = threading.Event()

    @property
    def running(self) -> bool:
        """Whether a run is on."""
        return self._current.worker is not None

    def start(self, title: str, make_run: Callable[[], Run[Any]], context: Context) -> None:
        """Start a run.

        Parameters
        ----------
        title : str
            What is being done, for the activity dock and for napari's question on closing.
        make_run : callable
            Called in the worker, so that slow imports happen there.
        context : Context
            The context the run was given; `stop` speaks to it.
        """
        if self.running:
            raise RuntimeError("a run is on already")
        self._timer, self._title = StageTimer(), title
        self._activity = activity(total=0, desc=title)
        self._handled = handled = threading.Event()
        handled.set()

        def run() -> Generator[tuple[Event, ...], None, Any]:
            return (yield from _work(make_run, handled, lambda: bool(worker.abort_requested)))

        run.__qualname__ = title  # napari names the function when it asks before closing
        worker = create_worker(run)
        worker.yielded.connect(self._on_events)
        worker.returned.connect(self._on_returned)
        worker.finished.connect(self._on_finished)
        self._current.context, self._current.worker = context, worker
        self.started.emit(title)
        worker.start()

    def stop(self) -> None:
        """Ask the run to end and to return what it has."""
        if self._current.context is not None:
            self._current.context.stop()

    def abandon(self) -> None:
        """End the run as soon as possible; its result is dropped."""
        if self.running:
            self._current.abandon()

    def report(self, error: Exception) -> None:
        """Tell the user: a sentence for what can be put right, napari's dialog for a bug."""
        if isinstance(error, SelfDenoiseError):
            show_warning(str(error))
        else:
            notification_manager.receive_error(type(error), error, error.__traceback__)

    def _receive(self, *arrived: Any) -> None:
        """Handle what the worker sends, strictly one after the other.

        napari's progress bars process waiting events, so this is called again while it is
        still at work on what came before.
        """
        self._inbox.extend(arrived)
        if self._handling:
            return
        self._handling = True
        try:
            while self._inbox and not self._current.deleted:
                self._handle(self._inbox.popleft())
        finally:
            self._handling = False

    def _handle(self, arrived: Any) -> None:
        if arrived is _FINISHED:
            self._finish()
        elif isinstance(arrived, Progress):
            stage = self._timer.update(arrived)
            self.progress.emit(stage)
            self._show_activity(stage)
        elif isinstance(arrived, Metrics):
            self.metrics.emit(arrived)
        elif isinstance(arrived, Preview):
            self.preview.emit(arrived)
        elif isinstance(arrived, Note):
            self.note.emit(arrived)

    def _on_events(self, events: tuple[Event, ...]) -> None:
        self._receive(*events)
        self._handled.set()

    def _on_returned(self, outcome: Any) -> None:
        self._outcome = outcome

    def _on_finished(self) -> None:
        # The worker says so after ``returned``, or alone when the run was abandoned.
        self._receive(_FINISHED)

    def _show_activity(self, stage: Stage) -> None:
        bar, now = self._activity, stage.progress
        if bar is None:
            return
        if bar.total != now.total or bar.n > now.step:
            bar.reset(total=now.total)
        bar.set_description(f"{self._title}, {now.stage}")
        bar.update(now.step - bar.n)

    def _finish(self) -> None:
        outcome, self._outcome = self._outcome, _ABANDONED
        self._current.context = self._current.worker = None
        if self._activity is not None:
            self._activity.close()
            self._activity = None
        if isinstance(outcome, _Failed):
            self.report(outcome.error)
            self.failed.emit(outcome.error)
        elif outcome is not _ABANDONED:
            self.finished.emit(outcome)
        self.ended.emit()


class StageTimer:
    """Guesses how long a stage will take to its end from how long it took so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[Progress, float] | None = None
        self._last: Progress | None = None

    def update(self, now: Progress) -> Stage:
        """Take in how far the stage is, and return it with the seconds left."""
        last, time_now = self._last, self._clock()
        self._last = now
        if (
            self._first is None
            or last is None
            or (last.stage, last.total) != (now.stage, now.total)
            or now.step < last.step
        ):
            self._first = (now, time_now)
        first, since = self._first
        done, seconds = now.step - first.step, time_now - since
        if done <= 0 or seconds < 1:
            return Stage(now, 0.0 if now.step >= now.total else None)
        return Stage(now, max(now.total - now.step, 0) * seconds / done)


def paced(
    run: Run[Any],
    pace: float = PACE,
    *,
    handled: threading.Event | None = None,
    abandoned: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[tuple[Event, ...], None, Any]:
    """Pass the events of `run` on in batches, at most one batch per `pace` seconds.

    A batch waits until the one before is `handled`, which the receiver sets. Of the
    progress of a stage and of the previews only the latest is kept; metrics and notes all
    arrive. Returns what the run returns. When it is `abandoned` the run is closed at its
    next event, because a worker that quits leaves its generator open.
    """
    waiting: list[Event] = []
    sent = -float("inf")
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            if waiting:
                yield tuple(waiting)
            return end.value
        if abandoned():
            run.close()
            return None
        waiting = [old for old in waiting if not _replaces(event, old)] + [event]
        if clock() - sent >= pace and (handled is None or handled.is_set()):
            if handled is not None:
                handled.clear()
            yield tuple(waiting)
            waiting, sent = [], clock()


def _replaces(new: Event, old: Event) -> bool:
    if isinstance(new, Progress) and isinstance(old, Progress):
        return new.stage == old.stage
    return isinstance(new, Preview) and isinstance(old, Preview)


def _work(
    make_run: Callable[[], Run[Any]], handled: threading.Event, abandoned: Callable[[], bool]
) -> Generator[tuple[Event, ...], None, Any]:
    # Every exception becomes a value: napari's worker would swallow a RuntimeError, which
    # is what torch raises when memory runs out.
    try:
        return (yield from paced(make_run(), handled=handled, abandoned=abandoned))
    except Exception as error:  # noqa: BLE001
        return _Failed(error)
