"""Recorrupted-to-Recorrupted: learn one noisier version of an image from another.

Noise is added to the image once with one sign and once with the other, in such amounts that
the noises of the two results are uncorrelated; a network learns one from the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.added_noise import AddedNoiseConfig, AddedNoiseMethod
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class R2RConfig(AddedNoiseConfig):
    """Settings of Recorrupted-to-Recorrupted."""

    alpha: float = setting(
        1.0,
        low=0.05,
        high=20.0,
        step=0.05,
        help="How much noise is added to what the network denoises, in units of the image's: "
        "with little (0.5 as published) it sees the image nearly as it is, but learns from "
        "noisier targets, and the strength of the noise must be known better.",
        advanced=True,
    )
    recorruptions: int = setting(
        10,
        low=1,
        high=100,
        help="Over how many added noises the denoised image is averaged; 50 as published.",
        advanced=True,
    )

    # Over 800: from 0.1 dB less on photon noise to 1 dB more on Lena with Gaussian noise.
    steps: int = with_default(AddedNoiseConfig, "steps", 2000)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 500},
        "thorough": {"steps": 5000, "recorruptions": 50},
        "paper": {"alpha": 0.5, "recorruptions": 50},
    }


class R2R(AddedNoiseMethod[R2RConfig]):
    """Noise2Noise with two noisier versions of a single image.

    Assumes noise of known strength, independent between pixels: then the noises of the two
    are uncorrelated, for Gaussian noise independent, and the loss is, up to a constant, that
    of training with clean images. Fails where the noise is stronger than measured, because
    the two share what is missing, where it is weaker, and where it is correlated.

    Deviations from the paper: an alpha of 1, not 0.5, with which an error of the measured
    strength costs less; photon noise counts as Gaussian noise of the variance that the
    image, a little smoothed, tells; one image, by patches, with the U-Net of `nn.unet` in
    place of DnCNN; the mean over 10 recorruptions, not 50; and at prediction the added noise
    repeats every 64 pixels, so that a pixel gets the same in whichever tile it is denoised.
    """

    title = "Recorrupted-to-Recorrupted"
    summary = "Makes two noisier versions of a noisy image, and learns one from the other."
    assumes = (
        "Noise of zero mean, independent between pixels, whose strength at each intensity can "
        "be measured; keeps noise that is correlated or stronger than measured."
    )
    psnr_gain = 7.2
    reference = (
        "Pang, Zheng, Quan, Ji, Recorrupted-to-Recorrupted: Unsupervised Deep Learning for "
        "Image Denoising, CVPR 2021"
    )
    Config = R2RConfig

    def network(self, config: R2RConfig, channels: int) -> nn.Module:
        """Return the U-Net in what adds noise to its input and averages."""
        from napari_selfdenoise.nn.recorruption import Recorruption

        network = super().network(config, channels)
        return Recorruption(network, channels, config.alpha, config.recorruptions)

    def halo(self, config: R2RConfig) -> int:
        """Return a multiple of the added noise's period that is above the receptive field."""
        from napari_selfdenoise.nn.recorruption import PERIOD

        return -(-super().halo(config) // PERIOD) * PERIOD

    def prediction_work(self, config: R2RConfig) -> float:
        """Count the recorruptions."""
        return config.recorruptions * self.work(config)

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size."""
        denoised: Tensor = network(tile)
        return denoised

    def stages(self, training: Training, config: R2RConfig) -> Iterator[Stage | Event]:
        """Yield the training, in each step of which other noise is added."""
        network: Any = training.network
        strength = network.strength
        yield from self.set_strength(strength, training.patches, config)

        def losses(network: Any, batch: Tensor) -> Mapping[str, Tensor]:
            from torch.nn.functional import mse_loss

            from napari_selfdenoise.nn.recorruption import recorrupted_pair

            generator = training.generator(network, batch)
            seen, target = recorrupted_pair(batch, strength(batch), config.alpha, generator)
            (denoised,) = network.call("once", seen)
            return {"recorrupted": mse_loss(denoised, target)}

        yield Stage("training", config.steps, losses, config.learning_rate)
