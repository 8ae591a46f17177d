"""Supervised: learn from noisy images and their clean counterparts.

The network sees a noisy image and is told what is right. The upper end of what the other
methods, which have no clean images, are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_selfdenoise.engine.unet_method import UNetConfig, UNetMethod
from napari_selfdenoise.engine.volume_method import VolumeConfig, VolumeMethod

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class SupervisedConfig(UNetConfig, VolumeConfig):
    """Settings of supervised training."""


class Supervised(VolumeMethod[SupervisedConfig], UNetMethod[SupervisedConfig]):
    """Supervised training on pairs of a noisy and a clean image.

    Assumes clean images of the same places and in the same intensities, for example means of
    many captures. Learns any noise there is in the pairs, and structures alike: it fails on
    noise, and invents on structures, that were not among them.
    """

    title = "Supervised"
    summary = "Learns from noisy images and the clean images that belong to them."
    assumes = "A clean image for each image to train on; then noise of any kind."
    handles_correlation = "any"
    reference = (
        "Weigert et al., Content-aware image restoration, Nature Methods 15 (2018); "
        "Zhang, Zuo, Chen, Meng, Zhang, Beyond a Gaussian Denoiser, IEEE TIP 26 (2017)"
    )
    learns_noise_as_it_is = True
    learns_from = "many images"
    target = "a clean image"
    Config = SupervisedConfig

    def losses(
        self, network: nn.Module, batch: Tensor, config: SupervisedConfig
    ) -> Mapping[str, Tensor]:
        """Return the squared distance from the clean image."""
        from torch.nn.functional import mse_loss

        inputs = self.inputs(config, 1)
        noisy, clean = batch.tensor_split([batch.shape[1] * inputs // (inputs + 1)], 1)
        return {"distance": mse_loss(network(noisy), clean)}
