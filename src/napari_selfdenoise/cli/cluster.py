"""Files denoised by several processes or machines at once, with dask.distributed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.cli.divided import Divided, can_be_divided
from napari_selfdenoise.cli.job import Item, Job
from napari_selfdenoise.cli.running import Terminal
from napari_selfdenoise.cli.worker import denoise_file, not_denoised
from napari_selfdenoise.core.errors import SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Progress
from napari_selfdenoise.data.journal import Journal
from napari_selfdenoise.engine.preferences import preferences

if TYPE_CHECKING:
    from napari_selfdenoise.cli.batch import Batch

_CONNECTS_WITHIN = 20
"""Seconds."""
NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""Options of a scheduler. Without a dashboard it listens, too: by default on the port at which
other clusters have theirs, and open to all machines."""


@dataclass(frozen=True)
class Cluster:
    """Where files are denoised, if not one after the other in this process.

    Each file is a task, or some planes of it, where there are fewer files than workers.
    Workers read images and models, and write the results, themselves, so that all must see
    the same folders; what a lost worker did is done again by another.

    Attributes
    ----------
    workers : int
        Processes to start on this machine; 0 for none.
    scheduler : str
        Address of a scheduler that is running, such as ``"tcp://node1:8786"``.
    """

    workers: int = 0
    scheduler: str = ""

    def __bool__(self) -> bool:
        return bool(self.workers or self.scheduler)

    def run(self, job: Job, items: Sequence[Item], batch: Batch, journal: Journal) -> bool:
        """Denoise images, and give the batch what comes of each; return whether it stopped.

        The first Ctrl-C lets the workers end what they began, with what they have learned.
        """
        with self._client() as client:
            several = max(len(client.nthreads()), 2)
            if len(items) < several and all(can_be_divided(job, item) for item in items):
                return batch.one_by_one(items, journal, Divided(client, job).start)
            return _Running(client, job, batch, journal).run(items)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise UsageError(
                "Work on several processes or machines needs dask.distributed: "
                'pip install "napari-selfdenoise[distributed]".'
            ) from error
        if self.scheduler:
            if self.workers:
                raise UsageError(
                    "--scheduler and --workers exclude each other: a scheduler has workers."
                )
            try:
                client = Client(self.scheduler, timeout=_CONNECTS_WITHIN)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"No dask scheduler answers at {self.scheduler}: {error}"
                ) from error
            with client:
                yield client
            return
        shared = max((os.cpu_count() or 1) // self.workers, 1)
        threads = min(preferences().threads or shared, shared)
        environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ": environment}),
            LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                memory_limit=0,
                scheduler_kwargs=NO_DASHBOARD,
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


@dataclass
class _Running:
    """The tasks of a batch, seen from the client."""

    client: Any
    job: Job
    batch: Batch
    journal: Journal
    stop: str = field(default_factory=lambda: f"napari-selfdenoise-stop-{uuid.uuid4().hex}")

    def run(self, items: Sequence[Item]) -> bool:
        from distributed import Event as Signal
        from distributed import as_completed

        tasks = {}
        for item in items:
            self.journal.begin(item.input, item.outputs.values())
            task = self.client.submit(
                denoise_file, self.job, item, self.stop, key=f"denoise-{uuid.uuid4().hex}"
            )
            tasks[task] = item
        terminal, left, stopped = Terminal(f"{len(items)} images"), dict(tasks), False
        terminal(Progress(0, len(items), "denoising"))
        while left:
            try:
                for task in as_completed(list(left)):
                    self._take(task, left.pop(task))
                    done = len(items) - len(left)
                    terminal(Progress(done, len(items), "denoising"))
                break
            except KeyboardInterrupt:
                if stopped:
                    self.client.cancel(list(left), force=True)
                    break
                stopped = True
                Signal(self.stop, client=self.client).set()
                terminal.say("Stopping; what is begun is ended (Ctrl-C again: at once).")
        terminal.clear()
        return stopped or any(one.result_stopped for one in self.batch.done)

    def _take(self, task: Any, item: Item) -> None:
        error = task.exception()
        if error is None:
            one, said = task.result()
            for text in said:
                Terminal(self.batch.title(item)).say(text)
            if one is not None:
                self.batch.take(item, one, self.journal)
        elif isinstance(error, SelfDenoiseError):
            self.batch.fail(item, error)
        else:
            self.batch.fail(item, not_denoised(error))
