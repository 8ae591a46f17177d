"""Residual blocks of the ladder networks, in two and in three dimensions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.activations import mish, tanh

Convolution = nn.Conv2d | nn.Conv3d

CONVOLUTIONS: dict[int, Callable[..., Convolution]] = {2: nn.Conv2d, 3: nn.Conv3d}
NORMS: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def convolution(
    dimensions: int,
    inputs: int,
    outputs: int,
    side: int = 3,
    *,
    mode: str = "zeros",
) -> Convolution:
    """Return a convolution whose kernel has `side` pixels, padded to keep the size.

    Raises
    ------
    ValueError
        If `dimensions` is neither 2 nor 3.
    """
    if dimensions not in CONVOLUTIONS:
        raise ValueError(f"networks have 2 or 3 dimensions, not {dimensions}")
    layer = CONVOLUTIONS[dimensions]
    return layer(inputs, outputs, side, padding=side // 2, padding_mode=mode)


class MirrorPad(nn.Module):
    """Mirrors one pixel beyond every border; without a change of precision under autocast.

    The padding of `torch.nn.Conv2d` itself goes through float32 there, which takes longer
    than the convolution.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.ends = [1, 1] * dimensions

    def forward(self, features: Tensor) -> Tensor:
        """Return the padded features."""
        with torch.autocast(features.device.type, enabled=False):
            return functional.pad(features, self.ends, mode="reflect")


def mirrored(dimensions: int, inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution that mirrors its input at the borders."""
    layer = CONVOLUTIONS[dimensions](inputs, outputs, 3, stride)
    return nn.Sequential(MirrorPad(dimensions), layer)


class ResidualBlock(nn.Module):
    """Twice batch norm, Mish and a 3x3 convolution, then a gate; added to the input.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and
    Row-Correlated Imaging Noise, WACV 2025, supplement, section 3, with the gate of Vahdat
    and Kautz, NVAE, NeurIPS 2020. The paper normalises after each convolution, the published
    code before it, as here. Maps (B, features, [Z,] Y, X) to the same shape.

    Parameters
    ----------
    features : int
        Channels of input and output.
    dimensions : int
        2 or 3.
    gated : bool
        Whether a 1x1 convolution ends the block whose first half of channels, through tanh,
        is multiplied by the second, through a sigmoid. (Published code: even and odd ones.)
    """

    def __init__(self, features: int, dimensions: int, *, gated: bool = True) -> None:
        super().__init__()
        self.norm1 = NORMS[dimensions](features)
        self.conv1 = convolution(dimensions, features, features)
        self.norm2 = NORMS[dimensions](features)
        self.conv2 = convolution(dimensions, features, features)
        self.gate = convolution(dimensions, features, 2 * features, 1) if gated else None

    def forward(self, features: Tensor) -> Tensor:
        """Return the output for `features`."""
        change: Tensor = self.conv1(mish(self.norm1(features)))
        change = self.conv2(mish(self.norm2(change)))
        if self.gate is not None:
            value, opening = self.gate(change).chunk(2, 1)
            change = tanh(value) * torch.sigmoid(opening)
        return features + change


class Merge(nn.Module):
    """A 1x1 convolution of two feature maps side by side, then a residual block.

    The convolution of the first map is a method of its own: what it makes of a map that
    stays the same can be kept.
    """

    def __init__(self, features: int, dimensions: int) -> None:
        super().__init__()
        self.mix = convolution(dimensions, 2 * features, features, 1)
        self.block = ResidualBlock(features, dimensions)
        self._convolve = functional.conv2d if dimensions == 2 else functional.conv3d

    def prepare(self, first: Tensor) -> Tensor:
        """Return the share of `first` in the convolution."""
        return self._convolve(first, self.mix.weight[:, : first.shape[1]], self.mix.bias)

    def forward(self, prepared: Tensor, second: Tensor) -> Tensor:
        """Return the merged features of a prepared first map and a second one.

        Where one of them has a batch of 1, it is merged with all of the other.
        """
        share = self._convolve(second, self.mix.weight[:, -second.shape[1] :])
        merged: Tensor = self.block(prepared + share)
        return merged
