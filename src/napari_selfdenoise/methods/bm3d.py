"""BM3D: block matching and 3-D filtering.

Small blocks that look alike are stacked, and each stack is denoised as a whole in a
transform where its structure is a few large numbers and its noise many small ones. It is
the classical method to beat on images without a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import SigmaConfig, setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.engine.planewise import SlowPlanewiseMethod

LICENCE = (
    "Denoised by the package bm3d, (c) Tampere University: free for non-commercial use only; "
    "see its licence."
)
_PASSES, _STEPS = 2, 100
"""The two stages of BM3D, and the steps of progress told of each."""


@dataclass(frozen=True, kw_only=True)
class BM3DConfig(SigmaConfig):
    """Settings of BM3D."""

    implementation: Literal["torch", "package"] = setting(
        "torch",
        help="This plugin's own, which also runs on graphics cards, or the authors' package "
        "bm3d, which is free for non-commercial use only and installed separately.",
        advanced=True,
    )


class BM3D(SlowPlanewiseMethod[BM3DConfig]):
    """Similar blocks stacked and filtered together, plane by plane.

    Assumes Gaussian noise that is independent between pixels and of the same strength
    everywhere. Fails where noise is correlated (it is taken for structure) and where it
    grows with the signal; `engine.preparation` takes care of both. The colours
    of an RGB image are denoised one by one.
    """

    title = "BM3D"
    summary = "Stacks small blocks that look alike and removes the noise from each stack."
    assumes = (
        "Gaussian noise, independent between pixels and equally strong everywhere; keeps "
        "noise that is correlated, or stronger in bright parts."
    )
    assumes_even_noise = True
    assumes_white_noise = True
    psnr_gain = 7.95
    reference = (
        "Dabov, Foi, Katkovnik, Egiazarian, Image denoising by sparse 3-D transform-domain "
        "collaborative filtering, IEEE Transactions on Image Processing 16, 2007, "
        "doi:10.1109/TIP.2007.901238"
    )
    Config = BM3DConfig
    nanoseconds_per_pixel = 8_000.0

    def forecast(self, image: Image, config: BM3DConfig) -> float:
        """Return expected seconds; see `Method.forecast`."""
        slower = 4 if config.implementation == "package" else 1
        return slower * super().forecast(image, config)

    def device(self, context: Context) -> str:
        """Return the device it computes on, for the provenance."""
        from napari_selfdenoise.engine.device import choose

        return str(choose(context.device))

    def run_plane(
        self, plane: NDArray[np.float32], config: BM3DConfig, context: Context
    ) -> Run[NDArray[np.float32] | None]:
        """Denoise one plane, one colour after the other; sigma is estimated on each."""
        if config.implementation == "package":
            if find_spec("bm3d") is None:
                raise UsageError(
                    "implementation=package needs the package bm3d, which is not installed "
                    "(pip install bm3d; free for non-commercial use only). "
                    "implementation=torch needs nothing."
                )
            yield Note(LICENCE)
        total = _STEPS * _PASSES * len(plane)
        denoised = np.empty_like(plane)
        for colour, noisy in enumerate(np.ascontiguousarray(plane)):
            done = _STEPS * _PASSES * colour
            sigma = config.sigma or estimate_sigma(noisy)
            if context.stopping:
                return None
            if config.implementation == "package":
                yield Progress(done, total, "denoising")
                denoised[colour] = _by_package(noisy, sigma)
                continue
            values = yield from _by_torch(noisy, sigma, context, (done, total))
            if values is None:
                return None
            denoised[colour] = values
        return denoised


def _by_torch(
    noisy: NDArray[np.float32], sigma: float, context: Context, place: tuple[int, int]
) -> Run[NDArray[np.float32] | None]:
    """Denoise one colour; `place` is the progress before it and that of the whole plane."""
    import torch

    from napari_selfdenoise.engine.device import choose
    from napari_selfdenoise.engine.memory import reused_memory
    from napari_selfdenoise.solvers.bm3d import bm3d

    before, total = place
    image = torch.from_numpy(noisy).to(choose(context.device))
    run = bm3d(image, sigma, stopping=lambda: context.stopping)
    finished = 0
    with reused_memory():
        while True:
            try:
                event = next(run)
            except StopIteration as end:
                values: NDArray[np.float32] = end.value.cpu().numpy()
                # Stopped in the first stage there are gaps; after it, only its basic estimate.
                stopped = finished == 1 or bool(np.isnan(values).any())
                return None if stopped else values
            if isinstance(event, Progress):
                step = before + _STEPS * finished + _STEPS * event.step // event.total
                finished += event.step == event.total
                yield Progress(step, total, "denoising")


def _by_package(noisy: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    import bm3d as package

    low, span = float(noisy.min()), float(np.ptp(noisy))
    if sigma == 0 or span == 0:
        return noisy
    # Its constants are meant for images of unit range.
    denoised = package.bm3d((noisy.astype(float) - low) / span, sigma / span)
    restored: NDArray[np.float32] = (denoised * span + low).astype(np.float32)
    return restored
