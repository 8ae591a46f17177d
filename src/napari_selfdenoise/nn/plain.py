"""A small plain convolutional network."""

from __future__ import annotations

from torch import nn


class PlainNetwork(nn.Sequential):
    """Two 3x3 convolutions and a 1x1 one, with LeakyReLU between; receptive field 5x5.

    Source: Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023 (22k parameters for RGB).

    Maps (B, C, Y, X) to the same shape.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels in between.
    """

    halo = 2

    def __init__(self, channels: int, width: int = 48) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, channels, 1),
        )
