"""Methods that learn nothing and treat one plane after the other."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.method import C, Method
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import check_image
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.engine.provenance import record, with_notes


class SlowPlanewiseMethod(Method[C]):
    """A method that keeps nothing it learns, and takes so long for a plane that it is a run."""

    learns_from: ClassVar[Literal["nothing", "one image", "many images"]] = "nothing"
    nanoseconds_per_pixel: float
    """Cost with the default settings, for the forecast."""

    @abstractmethod
    def run_plane(
        self, plane: NDArray[np.float32], config: C, context: Context
    ) -> Run[NDArray[np.float32] | None]:
        """Denoise one plane of shape (channels, Y, X), in the image's own intensities.

        The progress it yields is that of the plane. Returns ``None`` if a stop came before
        the plane was done.
        """

    def device(self, context: Context) -> str:
        """Return the device it computes on, for the provenance."""
        return "cpu"

    def denoise(self, image: Image, config: C, context: Context) -> Run[Result]:
        """Denoise every plane of `image`; see `Method.denoise`."""
        checked = check_image(image, fill_nan=context.fill_nan)
        denoised, notes = yield from with_notes(
            self._denoise_planes(checked.image, config, context)
        )
        if not context.stopped:
            forecast.remember(self, image, config, context.seconds)
        return Result(
            images=with_residual(checked.image, denoised),
            provenance=record(
                self, config, context, checked, notes=notes, device=self.device(context)
            ),
            stopped=context.stopped,
        )

    def forecast(self, image: Image, config: C) -> float:
        """Return expected seconds; see `Method.forecast`."""
        return float(np.prod(image.shape)) * self.nanoseconds_per_pixel * 1e-9

    def _denoise_planes(self, image: Image, config: C, context: Context) -> Run[WritableArray]:
        parts = [(planes, at) for planes in channel_planes(image) for at in range(len(planes))]
        out = context.outputs.new(image)
        for done, (planes, at) in enumerate(parts):
            plane: NDArray[np.float32] | None = None
            if not context.stopping:
                plane = yield from self._denoise_unless_constant(
                    planes.read(at), config, context, (done, len(parts))
                )
            if plane is None:
                context.honour_stop()
                yield Note(unfinished(done, len(parts)), "warning")
                break
            planes.write(out, at, plane)
        return out

    def _denoise_unless_constant(
        self,
        plane: NDArray[np.float32],
        config: C,
        context: Context,
        place: tuple[int, int],
    ) -> Run[NDArray[np.float32] | None]:
        """Run one plane, its progress told as that of all; `place`: planes done, and all."""
        done, planes = place
        denoised: NDArray[np.float32] | None = plane
        total = 1
        if plane.min() < plane.max():
            run = self.run_plane(plane, config, context)
            while True:
                try:
                    event = next(run)
                except StopIteration as end:
                    denoised = end.value
                    break
                if isinstance(event, Progress):
                    total = event.total
                    event = Progress(done * total + event.step, planes * total, event.stage)
                yield event
        if denoised is not None:
            yield Progress((done + 1) * total, planes * total, "denoising")
        return denoised


class PlanewiseMethod(SlowPlanewiseMethod[C]):
    """A method that learns nothing and treats one plane after the other."""

    @abstractmethod
    def denoise_plane(self, plane: NDArray[np.float32], config: C) -> NDArray[np.float32]:
        """Denoise one plane of shape (channels, Y, X), in the image's own intensities."""

    def run_plane(
        self, plane: NDArray[np.float32], config: C, context: Context
    ) -> Run[NDArray[np.float32] | None]:
        """Denoise one plane at once; see `SlowPlanewiseMethod.run_plane`."""
        yield from ()
        return self.denoise_plane(plane, config).astype(np.float32, copy=False)


def with_residual(noisy: Image, denoised: ArrayLike) -> dict[str, Image]:
    """Return the images every method has: denoised, and noisy minus denoised.

    The residual of an image that is not in memory is computed where it is read.
    """
    residual: ArrayLike = _Residual(noisy, denoised)
    if isinstance(denoised, np.ndarray):
        lazy, residual = residual, np.empty(noisy.shape, np.float32)
        for planes in channel_planes(noisy):
            for at in range(len(planes)):
                place = planes.index(at)
                residual[place] = lazy[place]
    return {
        "denoised": noisy.like(denoised, f"{noisy.name} denoised"),
        "residual": noisy.like(residual, f"{noisy.name} residual"),
    }


def read_from(result: Result, denoised: Image) -> Result:
    """Return a result whose denoised image was written to a file, and is read from there.

    It holds this image and the residual, which is computed where it is read; what else there
    was in files is gone with the run.
    """
    residual = result["residual"]
    if isinstance(residual.data, _Residual):
        residual = residual.like(_Residual(residual.data.noisy, denoised.data))
    images = {"denoised": denoised, "residual": residual}
    return replace(result, images=images, posterior=None)


class _Residual:
    """What was taken away from an image, computed where it is read."""

    dtype = np.dtype(np.float32)

    def __init__(self, noisy: Image, denoised: ArrayLike) -> None:
        self.noisy, self._denoised = noisy, denoised
        self.shape = noisy.shape

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]:
        difference = self.noisy.read(key) - np.asarray(self._denoised[key])
        return np.asarray(difference, np.float32)


def unfinished(done: int, total: int) -> str:
    """Say that a run was stopped before every plane was denoised."""
    return (
        f"Stopped after {done} of {total} planes; the pixels of the other planes are NaN "
        "(not a number), so that nothing unfinished is taken for a result."
    )
