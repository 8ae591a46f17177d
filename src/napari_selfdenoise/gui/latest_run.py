"""Computes what was asked for last, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.gui.run_controller import RunController


class LatestRun(QObject):
    """Runs one generator at a time; of those requested meanwhile only the latest follows.

    ``started()`` is emitted when a run begins, then ``found(result)`` or ``failed(error)``.
    Neither comes of a run that was forgotten.

    Parameters
    ----------
    parent : QObject
        With which the run ends.
    """

    started = Signal()
    found = Signal(object)
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: tuple[str, Callable[[], Run[Any]]] | None = None
        self._forgotten = False
        self._controller = RunController(parent)
        self._controller.finished.connect(self._on_finished)
        self._controller.failed.connect(self._on_failed)
        self._controller.ended.connect(self._on_ended)

    @property
    def running(self) -> bool:
        """Whether a run is on or waits."""
        return self._controller.running

    def request(self, title: str, make_run: Callable[[], Run[Any]]) -> None:
        """Run this next.

        Parameters
        ----------
        title : str
            What is being done, for the activity dock.
        make_run : callable
            Called in the worker.
        """
        if self.running:
            self._waiting = title, make_run
            return
        self._waiting, self._forgotten = None, False
        self.started.emit()
        self._controller.start(title, make_run, Context())

    def forget(self) -> None:
        """Drop what waits and what the run that is on will find, and end it."""
        self._waiting, self._forgotten = None, True
        self._controller.abandon()

    def _on_finished(self, found: Any) -> None:
        if not self._forgotten:
            self.found.emit(found)

    def _on_failed(self, error: Exception) -> None:
        if not self._forgotten:
            self.failed.emit(error)

    def _on_ended(self) -> None:
        if self._waiting is not None:
            self.request(*self._waiting)
