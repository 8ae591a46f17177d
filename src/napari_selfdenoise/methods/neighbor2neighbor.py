"""Neighbor2Neighbor: learn to predict pixels from their neighbours.

Of every 2x2 pixels two neighbours are drawn at random, which makes two half-size images of
nearly the same scene with independent noise; one is learned from the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.unet_method import UNetConfig, UNetMethod

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Neighbor2NeighborConfig(UNetConfig):
    """Settings of Neighbor2Neighbor."""

    consistency: float = setting(
        1.0,
        low=0.0,
        high=20.0,
        step=0.1,
        help="Weight at the end of training, where it is largest, of the term that knows "
        "neighbouring clean pixels to differ; 0 smooths most, more keeps finer structures "
        "and more noise.",
    )
    steps: int = with_default(UNetConfig, "steps", 3000)


class Neighbor2Neighbor(UNetMethod[Neighbor2NeighborConfig]):
    """Neighbor2Neighbor on one image or many.

    Assumes noise of zero mean that is independent between pixels; its strength may depend on
    the signal. Fails where noise is correlated between neighbours (it is kept), and smooths
    structures of a single pixel, which neighbours do not share.

    Follows equation 9 and the sampler of section 4.1 of the paper. Deviations: the weight of
    the second term grows along the training by itself, as in the published code, but up to 1
    and not 2; the network is the U-Net that other methods here share; thousands of steps.
    """

    title = "Neighbor2Neighbor"
    summary = "Learns to predict pixels from their neighbours, on one image or many."
    assumes = (
        "Noise of zero mean, independent between pixels, of any strength at any intensity; "
        "keeps noise that is correlated between neighbours."
    )
    assumes_white_noise = True
    psnr_gain = 7.3
    reference = (
        "Huang, Li, Jia, Lu, Liu, Neighbor2Neighbor: Self-Supervised Denoising from Single "
        "Noisy Images, CVPR 2021, arXiv:2101.02824"
    )
    learns_from = "many images"
    Config = Neighbor2NeighborConfig
    multiple = 2 * UNetMethod.multiple  # half-size images fit the network, too

    def stages(
        self, training: Training, config: Neighbor2NeighborConfig
    ) -> Iterator[Stage | Event]:
        """Yield the training, along which the weight of the second term grows."""

        def losses(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            from napari_selfdenoise.nn.subsample import neighbour_losses

            return neighbour_losses(network, batch, training.generator(network, batch))

        def weight(loss: str) -> float:
            return config.consistency * training.share() if loss == "consistency" else 1.0

        yield Stage("training", config.steps, losses, config.learning_rate, weight=weight)
