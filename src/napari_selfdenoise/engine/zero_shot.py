"""The network and the losses of Zero-Shot Noise2Noise, which several methods train with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.engine.learned import LearnedMethod, Schedule, TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ZeroShotConfig(TrainingConfig):
    """Settings of methods that learn one half of an image from the other."""

    width: int = setting(
        48, low=8, high=256, step=8, help="Channels of the network.", advanced=True
    )
    layers: int = setting(
        2,
        low=2,
        high=5,
        help="3x3 convolutions of the network: with 2 it sees 5 x 5 pixels, as published, "
        "with 3, 4 or 5 it sees 9, 17 or 33, for strong noise on a finely sampled image.",
        advanced=True,
    )
    # As published for Zero-Shot Noise2Noise; a cosine to zero ended 0.1 to 0.3 dB lower.
    schedule: Schedule = with_default(TrainingConfig, "schedule", "halve")
    # The method is zero-shot: it trains on every pixel it denoises.
    validation_fraction: float = with_default(TrainingConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 500},
        "paper": {"patch_size": 0},
    }


Z = TypeVar("Z", bound=ZeroShotConfig)


class ZeroShotMethod(LearnedMethod[Z]):
    """A small network that predicts the noise, learned from the two halves of an image.

    Source: Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023.
    """

    normalization = "range"
    multiple = 2

    def network(self, config: Z, channels: int) -> nn.Module:
        """Return a network that predicts the noise."""
        from napari_selfdenoise.nn.plain import PlainNetwork

        return PlainNetwork(channels, config.width, config.layers)

    def halo(self, config: Z) -> int:
        """Return the radius of the receptive field, 2 pixels as published."""
        from napari_selfdenoise.nn.plain import dilations

        return sum(dilations(config.layers))

    def work(self, config: Z) -> float:
        """Count the 3x3 convolutions, at full size and for the two halves."""
        return 1.5 * 9 * ((config.layers - 1) * config.width + 2) * config.width

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Subtract the predicted noise."""
        noise: Tensor = network(tile)
        return tile - noise

    def losses(self, network: nn.Module, batch: Tensor, config: Z) -> Mapping[str, Tensor]:
        """Return the losses of the paper: residual and consistency."""
        losses, _, _ = self.half_losses(network, batch)
        return losses

    def half_losses(
        self, network: nn.Module, batch: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return the losses (section 3.2), the halves and their denoised ones.

        ``residual``: how far each denoised half is from the other half; ``consistency``: how
        far it is from the same half of the denoised image.
        """
        import torch
        from torch.nn.functional import mse_loss

        from napari_selfdenoise.nn.subsample import pair_downsample

        halves = torch.cat(pair_downsample(batch))  # (2B, C, Y/2, X/2)
        others = halves.roll(len(batch), 0)  # each half beside its partner
        denoised = self.restore(network, halves)
        whole = torch.cat(pair_downsample(self.restore(network, batch)))
        losses = {
            "residual": mse_loss(denoised, others),
            "consistency": mse_loss(denoised, whole),
        }
        return losses, halves, denoised
