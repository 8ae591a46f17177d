"""Noise2Self: a network learns to predict lattices of pixels from all the others.

Every fourth pixel along rows and columns is replaced by the mean of its neighbours, and a
network learns to predict what these pixels were. Sixteen such lattices make up the image, so
that every pixel can be denoised without its own value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.unet_method import OneImageConfig, OneImageMethod
from napari_selfdenoise.engine.volume_method import VolumeConfig, VolumeMethod

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Noise2SelfConfig(OneImageConfig, VolumeConfig):
    """Settings of Noise2Self."""

    every_lattice: bool = setting(
        False,
        help="Denoise each pixel without its own value, one lattice after the other: as the "
        "network has learned to, but in sixteen passes (the spacing squared).",
    )
    spacing: int = setting(
        4,
        low=2,
        high=10,
        help="Distance of the pixels of a lattice, which are hidden together.",
        advanced=True,
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 300},
        "thorough": {"steps": 5000},
    }


class Noise2Self(VolumeMethod[Noise2SelfConfig], OneImageMethod[Noise2SelfConfig]):
    """Prediction of lattices of pixels from their surroundings ("J-invariance").

    Assumes noise of zero mean that is independent between pixels. Fails on correlated noise,
    which the surroundings give away, and on single bright pixels, which they do not.

    Unlike in Noise2Void the pixels to predict lie on a lattice, get the mean of their
    neighbours, and can all be hidden when the network is used. Of the planes beside it in a
    stack (``dimensions=3``) nothing is hidden: their noise is taken to be independent.

    Deviations from the paper and the published code: which lattice a step hides is drawn at
    random, not in turn; at the borders the mean is of the neighbours that are there; the U-Net
    is that of `nn.unet`; patches, a falling learning rate and averaged weights instead of
    whole images and an early stop.
    """

    title = "Noise2Self"
    summary = "Learns to predict lattices of pixels of a noisy image from all the others."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours."
    )
    assumes_white_noise = True
    reference = "Batson, Royer, Noise2Self: Blind Denoising by Self-Supervision, ICML (2019)"
    psnr_gain = 7.6
    Config = Noise2SelfConfig

    def network(self, config: Noise2SelfConfig, channels: int) -> nn.Module:
        """Return the U-Net in what hides pixels from it."""
        from napari_selfdenoise.nn.blind_spot import LatticePrediction

        network = super().network(config, channels)
        return LatticePrediction(
            network,
            config.spacing,
            everywhere=config.every_lattice,
            beside=2 * config.beside,
        )

    def prediction_work(self, config: Noise2SelfConfig) -> float:
        """Count the passes, one for each lattice if all are predicted unseen."""
        return self.work(config) * (config.spacing**2 if config.every_lattice else 1)

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size."""
        denoised: Tensor = network(tile)
        return denoised

    def stages(self, training: Training, config: Noise2SelfConfig) -> Iterator[Stage | Event]:
        """Yield the training, in each step of which one lattice is hidden."""

        def predict(network: Any, batch: Tensor) -> Mapping[str, Tensor]:
            return self._hidden_losses(network, batch, training, config)

        yield Stage("training", config.steps, predict, config.learning_rate)

    def _hidden_losses(
        self, network: Any, batch: Tensor, training: Training, config: Noise2SelfConfig
    ) -> Mapping[str, Tensor]:
        """Return the squared error at the lattice that is hidden (equation 1 of the paper)."""
        import torch
        from torch.nn.functional import mse_loss

        from napari_selfdenoise.nn.blind_spot import lattice_spots

        generator = training.generator(network, batch)
        lattices = config.spacing**2
        phase = torch.randint(lattices, (1,), generator=generator, device=batch.device)
        spots = lattice_spots(batch, config.spacing, int(phase))
        (predicted,) = network.call("unseen", batch, spots)
        own = batch[:, : predicted.shape[1]]
        return {"hidden": mse_loss(predicted, spots.of(own))}
