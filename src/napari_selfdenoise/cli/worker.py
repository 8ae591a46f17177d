"""What a worker of a cluster does."""

from __future__ import annotations

import threading
import time

from napari_selfdenoise.cli.job import Done, Item, Job
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.events import Event, Note, Run, finish
from napari_selfdenoise.core.result import Result

_LISTENS_EVERY = 1.0
"""Seconds between two looks of a worker whether it is to stop."""
one_at_a_time = threading.Lock()
"""Held by a task at work: tasks of a process share the model."""


class There:
    """Drives runs on a worker, and keeps what there is to say for the client."""

    def __init__(self, stop: str) -> None:
        from distributed import Event as Signal

        self.said: list[str] = []
        self._stop, self._looked = Signal(stop), 0.0

    def drive(self, run: Run[Result], context: Context) -> Result:
        """Drive a run to its end, or to where the client asks it to stop."""

        def listen(event: Event) -> None:
            self.listen(event)
            if self.stopping():
                context.stop()

        return finish(run, listen)

    def listen(self, event: Event) -> None:
        """Keep what an event has to say."""
        if isinstance(event, Note):
            self.say(event.text)

    def say(self, text: str) -> None:
        """Keep a sentence, once."""
        if text not in self.said:
            self.said.append(text)

    def stopping(self) -> bool:
        """Whether the client asks for a stop, as far as that is known."""
        now = time.monotonic()
        if now - self._looked < _LISTENS_EVERY:
            return False
        self._looked = now
        return bool(self._stop.is_set())


def denoise_file(job: Job, item: Item, stop: str) -> tuple[Done | None, list[str]]:
    """Denoise one image, on a worker; `None` if the batch was stopped before it began."""
    driver = There(stop)
    if driver.stopping():
        return None, []
    with one_at_a_time:
        return job.run(item, driver), driver.said


def not_denoised(error: BaseException) -> FileError:
    """Return what says that a task failed for a reason that no user can put right."""
    return FileError(f"The workers could not denoise it. {type(error).__name__}: {error}")
