"""One large image denoised by several workers, each some planes of it at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, cast

import numpy as np

from napari_selfdenoise.cli.job import Item, Job, model_in
from napari_selfdenoise.cli.worker import There, not_denoised, one_at_a_time
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Note, Progress, Run, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs, WritableArray
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.checks import check_image, passed
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.output_files import ZARR_SUFFIX, FileOutputs

PARTS_PER_WORKER, LEAST_PARTS = 4, 16
"""An image has so many parts for each worker, so that the last ones do not wait long for each
other; and so many in all where workers are yet to come, if it has the planes."""
LARGEST_PART = 256 * 2**20
"""Bytes of a part in float32, which may be in memory; a single place of the axis is a part in
any case."""


def can_be_divided(job: Job, item: Item) -> bool:
    """Whether workers can denoise planes of an image at the same time.

    That takes a model that treats all planes alike and each by itself, and an OME-Zarr
    output, which has files of its own for each plane. What cannot be read is for the batch to
    tell.
    """
    if job.model is None or job.where.fill_nan:
        return False
    try:
        model, image = model_in(job.model), read_image(item.input, job.where.axes)
    except SelfDenoiseError:
        return False
    alike = len(model.members) == 1 or model.config.network_per == "stack"
    alone = model.method.beside(model.config) == 0
    written = item.outputs["denoised"].suffix == ZARR_SUFFIX
    divisible = alike and alone and not model.method.samples_posterior
    return divisible and written and _longest(image) != ""


@dataclass(frozen=True)
class Part:
    """Some planes of an image, and where they are written.

    Attributes
    ----------
    image, digest : Path, str
        The image's file, and what its check returned.
    axis, start, stop : str, int, int
        The planes: from `start` to before `stop` along an axis.
    output : Path
        The OME-Zarr folder that is being written.
    """

    image: Path
    digest: str
    axis: str
    start: int
    stop: int
    output: Path


@dataclass(frozen=True)
class Divided:
    """Begins runs that leave the planes of an image to the workers of a cluster."""

    client: Any
    job: Job

    def start(self, item: Item, image: Image, context: Context) -> Run[Result]:
        """Denoise an image; see `Job.run`.

        After a stop the workers end the parts they began; planes of the others are NaN.
        """
        from distributed import Event as Signal
        from distributed import as_completed

        from napari_selfdenoise.engine.planewise import unfinished, with_residual

        yield Progress(0, 1, "reading")
        checked = check_image(image)
        outputs = cast(FileOutputs, context.outputs)
        out = outputs.new(checked.image)
        stop = f"napari-selfdenoise-stop-{uuid.uuid4().hex}"
        parts = list(self._parts(item.input, checked.digest, image, outputs.unfinished))
        tasks = {
            self.client.submit(
                denoise_part, self.job, part, stop, key=f"part-{uuid.uuid4().hex}"
            ): part
            for part in parts
        }
        size, done = image.size(parts[0].axis), 0
        records: list[Provenance] = []
        try:
            yield Progress(0, size, "predicting")
            for task in as_completed(list(tasks)):
                record, said = _result(task)
                yield from map(Note, said)
                if record is not None:
                    records.append(record)
                    done += tasks[task].stop - tasks[task].start
                yield Progress(done, size, "predicting")
                if context.stopping:
                    Signal(stop, client=self.client).set()
        finally:
            self.client.cancel(list(tasks), force=True)
        if context.stopping:
            context.honour_stop()
        if not records:
            raise KeyboardInterrupt  # stopped before anything was done
        if done < size:
            planes = int(np.prod([image.size(axis) for axis in "QTCZ"])) // size
            yield Note(unfinished(done * planes, size * planes), "warning")
        return Result(
            with_residual(checked.image, out),
            _of_all(records, context),
            model_in(cast(Path, self.job.model)),
            stopped=context.stopped,
        )

    def _parts(self, path: Path, digest: str, image: Image, output: Path) -> Iterator[Part]:
        axis = _longest(image)
        length = image.size(axis)
        count = max(PARTS_PER_WORKER * len(self.client.nthreads()), LEAST_PARTS)
        each = 4 * int(np.prod(image.shape, dtype=np.int64)) // length
        step = min(ceil(length / count), max(LARGEST_PART // each, 1))
        for start in range(0, length, step):
            yield Part(path, digest, axis, start, min(start + step, length), output)


def denoise_part(job: Job, part: Part, stop: str) -> tuple[Provenance | None, list[str]]:
    """Denoise some planes, on a worker; `None` if all was stopped before they were begun."""
    import zarr

    from napari_selfdenoise.data.ome_zarr_writer import stored_axes
    from napari_selfdenoise.data.reordered import reordered
    from napari_selfdenoise.engine import runs

    driver = There(stop)
    if driver.stopping():
        return None, []
    with one_at_a_time:
        image = read_image(part.image, job.where.axes)
        place = image.axes.index(part.axis)
        region = [slice(None)] * len(image.axes)
        region[place] = slice(part.start, part.stop)
        stored = zarr.open_array(part.output / "0", mode="r+")
        context = job.where.context()
        context.outputs = _PartOutputs(
            reordered(stored, stored_axes(image), image.axes), place, part.start
        )
        planes = passed(image.part(region), part.digest)
        run = runs.apply(model_in(cast(Path, job.model)), planes, context)
        result = finish(run, driver.listen)  # a part that was begun is ended
    return result.provenance, driver.said


class _PartOutputs(Outputs):
    """Has a run write to its part of an array; what it needs besides is in memory.

    What is written is final: a worker that was taken for lost, and its successor, write the
    same.
    """

    in_memory, watched = False, True

    def __init__(self, array: WritableArray, place: int, start: int) -> None:
        self._array, self._place, self._start = array, place, start

    def new(self, image: Image) -> WritableArray:
        """Return the part of the array."""
        return _PartArray(self._array, self._place, self._start, image.shape)

    def scratch(self) -> Outputs:
        """Return where other arrays come from."""
        return Outputs()


class _PartArray:
    """A range of an array along one axis, read and written there."""

    dtype = np.dtype(np.float32)

    def __init__(
        self, array: WritableArray, place: int, start: int, shape: tuple[int, ...]
    ) -> None:
        self._array, self._place, self._start, self.shape = array, place, start, shape

    def __getitem__(self, key: Any, /) -> Any:
        return self._array[self._there(key)]

    def __setitem__(self, key: Any, value: Any, /) -> None:
        self._array[self._there(key)] = value

    def _there(self, key: Any) -> tuple[Any, ...]:
        keys = [] if key is Ellipsis else list(key) if isinstance(key, tuple) else [key]
        keys += [slice(None)] * (len(self.shape) - len(keys))
        length = self.shape[self._place]
        chosen = range(self._start, self._start + length)[keys[self._place]]
        keys[self._place] = (
            slice(chosen.start, chosen.stop) if isinstance(chosen, range) else chosen
        )
        return tuple(keys)


def _longest(image: Image) -> str:
    """Return the longest axis of those along which planes are alike; empty if there is none."""
    axes = [axis for axis in image.axes if axis in "QTZ" and image.size(axis) > 1]
    return max(axes, key=image.size, default="")


def _result(task: Any) -> tuple[Provenance | None, list[str]]:
    error = task.exception()
    if isinstance(error, SelfDenoiseError):
        raise error
    if error is not None:
        raise not_denoised(error)
    result: tuple[Provenance | None, list[str]] = task.result()
    return result


def _of_all(records: list[Provenance], context: Context) -> Provenance:
    """Return the provenance of an image from those of its parts, which differ in little."""
    notes = tuple(dict.fromkeys(note for record in records for note in record.notes))
    return replace(records[0], seconds=round(context.seconds, 3), notes=notes)
