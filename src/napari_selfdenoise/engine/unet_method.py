"""Learned methods that share one U-Net and differ in what they learn from."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

LEVELS = 3
"""How often the U-Net halves the resolution."""


@dataclass(frozen=True, kw_only=True)
class UNetConfig(TrainingConfig):
    """Settings of methods with the U-Net."""

    width: int = setting(
        32, low=8, high=128, step=8, help="Channels of the network.", advanced=True
    )
    steps: int = with_default(TrainingConfig, "steps", 5000)
    batch_size: int = with_default(TrainingConfig, "batch_size", 4)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.999)
    augment: bool = with_default(TrainingConfig, "augment", True)


U = TypeVar("U", bound=UNetConfig)


class UNetMethod(LearnedMethod[U]):
    """A learned method with the U-Net of `nn.double_unet`."""

    normalization = "standard"
    multiple = 2**LEVELS

    def network(self, config: U, channels: int) -> nn.Module:
        """Return the U-Net, whose output is the denoised image."""
        from napari_selfdenoise.nn.double_unet import DoubleUNet

        return DoubleUNet(self.inputs(config, channels), config.width, LEVELS, channels)

    def halo(self, config: U) -> int:
        """Return the radius of the receptive field, up to a multiple of the coarsest pixel."""
        from napari_selfdenoise.nn.double_unet import radius

        coarsest: int = self.multiple
        return coarsest * ceil(radius(LEVELS) / coarsest)

    def work(self, config: U) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.double_unet import multiplications

        return multiplications(self.inputs(config, 1), config.width, LEVELS)

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size."""
        from napari_selfdenoise.nn.unet import padded

        height, width = tile.shape[2:]
        denoised: Tensor = network(padded(tile, self.multiple))
        return denoised[..., :height, :width]


@dataclass(frozen=True, kw_only=True)
class OneImageConfig(UNetConfig):
    """Settings of methods that train the U-Net of `nn.unet` on one image."""

    # Many small steps: at equal cost 0.3 dB above a quarter as many of four patches
    # (Noise2Void, two captures of real fluorescence).
    steps: int = with_default(UNetConfig, "steps", 800)
    batch_size: int = with_default(UNetConfig, "batch_size", 1)
    # Every pixel that is denoised is learned from.
    validation_fraction: float = with_default(UNetConfig, "validation_fraction", 0.0)


One = TypeVar("One", bound=OneImageConfig)


class OneImageMethod(UNetMethod[One]):
    """A method that trains the U-Net of `nn.unet`, with 63 thousand products per pixel."""

    learns_from = "one image"

    def network(self, config: One, channels: int) -> nn.Module:
        """Return the U-Net; its last layers are narrow, because they cost most."""
        from napari_selfdenoise.nn.unet import UNet

        last = config.width, config.width
        inputs = self.inputs(config, channels)
        return UNet(inputs, config.width, LEVELS, last_widths=last, outputs=channels)

    def halo(self, config: One) -> int:
        """Return the radius of the receptive field, up to a multiple of the coarsest pixel.

        One pixel more, for what is computed of the neighbours before the network sees it.
        """
        from napari_selfdenoise.nn.unet import radius

        coarsest: int = self.multiple
        return coarsest * ceil((radius(LEVELS) + 1) / coarsest)

    def work(self, config: One) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.unet import multiplications

        last = config.width, config.width
        return multiplications(self.inputs(config, 1), config.width, LEVELS, last_widths=last)
