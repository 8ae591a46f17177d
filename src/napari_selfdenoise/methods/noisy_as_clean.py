"""Noisy-As-Clean: learn the noisy image from a noisier one.

As much noise as the image has is added to it once more. A network that learns to undo this
is taken to undo the first noise as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import with_default
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.added_noise import AddedNoiseConfig, AddedNoiseMethod
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class NoisyAsCleanConfig(AddedNoiseConfig):
    """Settings of Noisy-As-Clean."""

    # An early end: with more steps the network learns to keep half of the noise.
    steps: int = with_default(AddedNoiseConfig, "steps", 150)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"thorough": {"steps": 800}}


class NoisyAsClean(AddedNoiseMethod[NoisyAsCleanConfig]):
    """The noisy image as the target of a noisier one.

    Assumes noise so weak that it hardly matters in the target, independent between pixels.
    Of stronger noise it keeps up to half: the best to make of two equally strong noises, of
    which one is wanted, is half of their sum. A network learns this late, so that a short
    training keeps less, of fine structures as well.

    Deviations from the paper: noise is made even before, or, where it is not, photon noise
    is added as Gaussian noise of the variance that the image, a little smoothed, tells; it is
    drawn anew in every step, of which there are few; the U-Net of `nn.unet` in place of a
    ResNet, and patches in place of the whole image.
    """

    title = "Noisy-As-Clean"
    summary = "Adds noise to the image once more, and learns to undo it."
    assumes = (
        "Weak noise of zero mean, independent between pixels; keeps up to half of noise that "
        "is strong, and all that is correlated."
    )
    assumes_even_noise = True
    psnr_gain = 6.0
    reference = (
        "Xu, Huang, Cheng, Liu, Zhu, Xu, Shao, Noisy-As-Clean: Learning Self-supervised "
        "Denoising from Corrupted Image, IEEE Transactions on Image Processing 29, 2020, "
        "arXiv:1906.06878"
    )
    Config = NoisyAsCleanConfig

    def stages(self, training: Training, config: NoisyAsCleanConfig) -> Iterator[Stage | Event]:
        """Yield the training, in each step of which other noise is added."""
        from napari_selfdenoise.nn.recorruption import NoiseStrength

        patches = training.patches
        strength = NoiseStrength(len(patches.normalization.scale))
        yield from self.set_strength(strength, patches, config)

        def losses(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            import torch
            from torch.nn.functional import mse_loss

            generator = training.generator(network, batch)
            drawn = torch.randn(batch.shape, generator=generator, device=batch.device)
            noisier = batch + strength.to(batch.device)(batch) * drawn
            return {"noisy": mse_loss(network(noisier), batch)}

        yield Stage("training", config.steps, losses, config.learning_rate)
