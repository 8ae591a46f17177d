"""LoTA-N2N: zero-shot Noise2Noise with a trace term.

The image is split into two half-size images whose noise is independent, and a small
network learns to predict one from the other (stage 1, Zero-Shot Noise2Noise). Stage 2
freezes a copy of it and adds a term that keeps what the network changes from following
the noise of its target.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.zero_shot import ZeroShotConfig, ZeroShotMethod

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class LotaN2NConfig(ZeroShotConfig):
    """Settings of LoTA-N2N."""

    trace_weight: float = setting(
        1.0,
        low=0.0,
        high=1.95,
        step=0.05,
        help="Weight of the trace term in stage 2; 0 is plain Zero-Shot Noise2Noise. "
        "From 2 on stage 2 would learn nothing new.",
    )
    trace_fraction: float = setting(
        0.25,
        low=0.0,
        high=0.9,
        step=0.05,
        help="Share of the steps that stage 2, with the trace term, gets.",
        advanced=True,
    )
    trace_patch: int = setting(
        8,
        low=1,
        high=256,
        help="Side, in pixels of the half-size images, of the tiles on which the trace "
        "term is made small.",
        advanced=True,
    )


class LotaN2N(ZeroShotMethod[LotaN2NConfig]):
    """Zero-shot denoising from one noisy image, without clean data or a noise model.

    Assumes zero-mean noise that is independent between pixels, and structures wider than
    a pixel: neighbouring clean pixels must be alike. Fails where noise is correlated
    between neighbours (it is kept) and blurs structures of a single pixel.

    No code was published, and the authors' text leaves stage 2 open. It follows the
    abstract of the successor (arXiv 2607.24135): stage 1 is frozen to make proxies x_i of
    the clean sub-images, and the patch-wise magnitude of the interaction between residual
    y_j - x_i and prediction error g(y_i) - x_i is added to the loss. Proxies are the
    sub-images of the denoised full image, so that the term has a gradient at once.

    Deviations: random crops instead of the whole image (the network sees 5x5 pixels, so
    nothing is lost), the consistency term of Zero-Shot Noise2Noise kept in both stages,
    and no clipping of the output, which would shift the mean of dark images.
    """

    title = "LoTA-N2N"
    summary = "Trains a small network on the two halves of one noisy image."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours."
    )
    assumes_even_noise = True
    assumes_white_noise = True
    extra_stride = 1
    psnr_gain = 6.9
    reference = (
        "Hu, Xia, Li, Yang, Low-Trace Adaptation of Zero-shot Self-supervised Blind Image "
        "Denoising, arXiv:2403.12382 (2024)"
    )
    learns_from = "one image"
    Config = LotaN2NConfig

    def stages(self, training: Training, config: LotaN2NConfig) -> Iterator[Stage | Event]:
        """Yield the two stages; the second starts from a frozen copy of the first."""
        second = round(config.trace_fraction * config.steps)
        first = config.steps - second

        def pretrain(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self.losses(network, batch, config)

        if first > 0:
            yield Stage("training", first, pretrain, config.learning_rate)
        if second == 0:
            return
        proxy = copy.deepcopy(training.network).eval().requires_grad_(False)

        def adapt(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self._adapted_losses(network, proxy, batch, config)

        yield Stage("adapting", second, adapt, 0.5 * config.learning_rate)

    def _adapted_losses(
        self, network: nn.Module, proxy: nn.Module, batch: Tensor, config: LotaN2NConfig
    ) -> Mapping[str, Tensor]:
        """Add the trace term: mean over tiles of |mean of (y_j - x_i)(g(y_i) - x_i)|."""
        import torch
        from torch.nn.functional import avg_pool2d

        from napari_selfdenoise.nn.subsample import pair_downsample

        losses, halves, denoised = self.half_losses(network, batch)
        with torch.no_grad():
            clean = torch.cat(pair_downsample(self.restore(proxy, batch)))
            residual = halves.roll(len(batch), 0) - clean
        interaction = (residual * (denoised - clean)).mean(1, keepdim=True)
        side = min(config.trace_patch, *interaction.shape[2:])
        trace = avg_pool2d(interaction, side).abs().mean()
        return {**losses, "trace": config.trace_weight * trace}
