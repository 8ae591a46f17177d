"""Driving a run on a terminal: the bar, the notes, Ctrl-C."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, TypeVar

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Note, Progress, Run, finish

T = TypeVar("T")
DONE, FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
"""What a command returns to the shell."""


class Terminal:
    """Listens to a run: a bar on standard error if that is a terminal, notes always."""

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._live = sys.stderr.isatty()
        self._stage, self._start, self._drawn = "", 0.0, 0.0
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress) and self._live:
            self._draw(event)
        elif isinstance(event, Note):
            self.say(event.text)

    def say(self, text: str) -> None:
        """Print a sentence to standard error, once."""
        if text not in self._said:
            self._said.add(text)
            self.clear()
            print(
                f"{self._title}: {text}" if self._title else text, file=sys.stderr, flush=True
            )

    def clear(self) -> None:
        """Wipe the bar."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _draw(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._start, self._drawn = progress.stage, now, 0.0
        if now - self._drawn < 0.1 and progress.step < progress.total:
            return
        self._drawn = now
        share = progress.step / max(progress.total, 1)
        bar = "█" * round(20 * share) + "░" * (20 - round(20 * share))
        line = f"{self._title}  {progress.stage}  {bar} {share:4.0%}"
        if 0 < progress.step < progress.total:
            left = (now - self._start) / progress.step * (progress.total - progress.step)
            line += f"  {clock(left)} left"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line.strip()[:width]}", end="", file=sys.stderr, flush=True)


def drive(run: Run[T], context: Context, terminal: Terminal) -> T:
    """Drive `run` to its end; Ctrl-C stops it at a boundary and keeps what was done.

    The first Ctrl-C ends training, the second prediction, the third everything.
    """
    with _Interrupts(context, terminal) as interrupts:

        def listen(event: Event) -> None:
            terminal(event)
            interrupts.pass_on()

        try:
            return finish(run, listen)
        finally:
            terminal.clear()


class _Interrupts:
    """Turns Ctrl-C into stops of a context, each given when the one before is honoured."""

    def __init__(self, context: Context, terminal: Terminal) -> None:
        self._context, self._terminal = context, terminal
        self._count = self._waiting = 0
        # Only the main thread of a program may handle signals.
        self._active = threading.current_thread() is threading.main_thread()
        self._former: Any = None

    def __enter__(self) -> _Interrupts:
        if self._active:
            self._former = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._former)

    def pass_on(self) -> None:
        """Give the context a stop that had to wait for the one before."""
        if self._waiting and not self._context.stopping:
            self._waiting -= 1
            self._context.stop()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 2:
            raise KeyboardInterrupt
        self._waiting += 1
        self.pass_on()
        if self._count == 1:
            self._terminal.say("Stopping; what is done so far is kept (Ctrl-C again: at once).")


def clock(seconds: float) -> str:
    """Return a duration as ``1:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def print_json(value: Any) -> None:
    """Print one object to standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
