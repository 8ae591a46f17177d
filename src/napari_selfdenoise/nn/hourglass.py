"""The hourglass network of Deep Image Prior: random numbers in, an image out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from napari_selfdenoise.nn.doubling import interpolated_convolution

SKIPPED = 4
"""Channels that pass each level directly."""


class Hourglass(nn.Module):
    """Encoder and decoder with thin skip connections; maps (1, I, Y, X) to (1, C, Y, X).

    Source: Ulyanov, Vedaldi, Lempitsky, Deep Image Prior (CVPR 2018), supplement, the network
    for denoising: 3x3 convolutions, strided ones downwards, bilinear upsampling, batch
    normalisation and LeakyReLU after each. Here borders are zero, but for upsampled features,
    which go on as they are (`nn.doubling.interpolated_convolution`); half of the channels are
    at full resolution, which costs most; and the output is not limited to the range 0 to 1.
    Statistics are always of the image at hand.

    Parameters
    ----------
    inputs, channels : int
        Channels of the random numbers and of the image.
    width : int
        Channels in between, even; 128 as published.
    levels : int
        How often the resolution is halved; 5 as published. Both sides of the input are
        multiples of `multiple`, and at least two of it.
    """

    def __init__(self, inputs: int, channels: int, width: int, levels: int) -> None:
        super().__init__()
        self.multiple = 2**levels
        self.down, self.skip = nn.ModuleList(), nn.ModuleList()
        self.join, self.up = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            above, here = (width, width) if level else (inputs, width // 2)
            self.skip.append(_layer(above, SKIPPED, 1))
            halved, same = _layer(above, width, 3, stride=2), _layer(width, width, 3)
            self.down.append(nn.Sequential(halved, same))
            self.join.append(nn.Conv2d(width + SKIPPED, here, 3, padding=1))
            self.up.append(nn.Sequential(*_activation(here), _layer(here, here, 1)))
        self.output = nn.Conv2d(width // 2, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the image made of the random numbers `image`."""
        features, skipped = image, []
        for skip, down in zip(self.skip, self.down, strict=True):
            skipped.append(skip(features))
            features = down(features)
        joins: Any = self.join
        levels = zip(skipped, joins, self.up, strict=True)
        for beside, join, up in reversed(list(levels)):
            features = up(interpolated_convolution(join, features, beside))
        made: Tensor = self.output(features)
        return made


def multiplications(inputs: int, width: int, levels: int) -> float:
    """Return the multiplications per pixel of one pass."""
    total = 0.0
    for level in range(levels):
        above, here = (width, width) if level else (inputs, width // 2)
        joined = above * SKIPPED + 9 * (width + SKIPPED) * here + here**2
        total += (joined + 9 * (above + width) * width / 4) / 4**level
    return total + width // 2


def _layer(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, side, stride, side // 2)
    return nn.Sequential(convolution, *_activation(outputs))


def _activation(channels: int) -> tuple[nn.Module, nn.Module]:
    normalised = nn.BatchNorm2d(channels, track_running_stats=False)
    return normalised, nn.LeakyReLU(0.2, inplace=True)
