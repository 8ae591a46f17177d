"""Deep Image Prior: an untrained network fitted to one image, and stopped in time.

A convolutional network that makes an image of random numbers learns structures long before
it learns noise. What it has learned when it turns to the noise is the denoised image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.tiles import FITTED_TILE_SIZE, blended_tiles
from napari_selfdenoise.engine.planewise import SlowPlanewiseMethod
from napari_selfdenoise.engine.prior_fit_config import PriorFitConfig

OVERLAP = 64
"""Pixels that neighbouring tiles share, each with a network of its own."""


class DeepImagePrior(SlowPlanewiseMethod[PriorFitConfig]):
    """An untrained network fitted to each plane, stopped before it learns the noise.

    Assumes noise of zero mean that is independent between pixels, which a convolutional
    network learns later than structures. Fails on correlated noise, which it learns as
    early; on fine detail, which it learns as late as noise; and on weak noise, where there
    is little to gain. There is no model to apply to other images. A stop keeps the best
    estimate of the plane at hand.

    Deviations from the papers, for a CPU: a quarter of the channels; the output is linear;
    the network is stopped by pixels that are held out from it, whose error falls until noise
    is learned (``stopping="variance"`` is that of Wang et al., with their constants in the
    preset ``early_stopping``; ``"never"`` that of Ulyanov et al., who choose the number of
    steps by hand). Large planes are fitted in overlapping tiles, each by its own network.
    """

    title = "Deep Image Prior"
    summary = "Fits an untrained network to the image and stops before it learns the noise."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours, and blurs fine detail."
    )
    assumes_white_noise = True
    psnr_gain = 7.2
    reference = (
        "Ulyanov, Vedaldi, Lempitsky, Deep Image Prior, CVPR (2018); stopping: Wang, Li, "
        "Zhuang, Chen, Liang, Sun, Early Stopping for Deep Image Prior, arXiv:2112.06074 (2021)"
    )
    learns_from = "one image"
    Config = PriorFitConfig

    def device(self, context: Context) -> str:
        """Return the device it computes on, for the provenance."""
        from napari_selfdenoise.engine.device import choose

        return str(choose(context.device))

    def forecast(self, image: Image, config: PriorFitConfig) -> float:
        """Return expected seconds; see `Method.forecast`."""
        from napari_selfdenoise.nn.hourglass import multiplications

        pixels = float(np.prod(image.shape)) / image.size("S")
        # Three passes in a step; of the 80 GMAC/s of an ordinary core, layers as thin as
        # these leave a quarter.
        work = 3 * multiplications(8, config.width, config.levels) * config.steps
        return 1.0 + work * pixels / 21e9

    def run_plane(
        self, plane: NDArray[np.float32], config: PriorFitConfig, context: Context
    ) -> Run[NDArray[np.float32] | None]:
        """Fit a network to each tile of a plane; a stop keeps what a lone tile has learned."""
        from napari_selfdenoise.engine.device import Compute
        from napari_selfdenoise.engine.memory import reused_memory
        from napari_selfdenoise.engine.prior_fit import PriorFit, run_fit

        mean = plane.mean(axis=(1, 2), keepdims=True, dtype=float)
        spread = np.maximum(plane.std(axis=(1, 2), keepdims=True, dtype=float), 1e-30)
        image = ((plane - mean) / spread).astype(np.float32)
        tiles = list(blended_tiles(*plane.shape[1:], size=FITTED_TILE_SIZE, overlap=OVERLAP))
        total, denoised = config.steps * len(tiles), np.zeros_like(image)
        for number, tile in enumerate(tiles):
            fit = PriorFit(
                np.ascontiguousarray(image[:, tile.read[0], tile.read[1]]),
                config,
                int(context.rng.integers(2**62)),
                Compute.of(context),
            )
            begun = config.steps * number
            with reused_memory():
                whole = yield from run_fit(fit, context, begun, total, context.time_budget)
            if not whole and (len(tiles) > 1 or not fit.begun):
                return None
            denoised[:, tile.write[0], tile.write[1]] += tile.weight * fit.best.cpu().numpy()
            context.stopped |= not whole
        # Noise has zero mean, so a denoised image has the mean of the noisy one.
        denoised -= denoised.mean(axis=(1, 2), keepdims=True, dtype=float).astype(np.float32)
        restored: NDArray[np.float32] = (denoised * spread + mean).astype(np.float32)
        return restored
