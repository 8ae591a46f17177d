"""A small plain convolutional network."""

from __future__ import annotations

from torch import nn


class PlainNetwork(nn.Sequential):
    """Some 3x3 convolutions and a 1x1 one, with LeakyReLU between.

    Source: Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023, for two 3x3 convolutions
    (22k parameters for RGB). Each further one is dilated by twice as much as the one
    before. Maps (B, C, Y, X) to the same shape.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels in between.
    layers : int
        Number of 3x3 convolutions.
    """

    def __init__(self, channels: int, width: int = 48, layers: int = 2) -> None:
        blocks: list[nn.Module] = []
        for number, dilation in enumerate(dilations(layers)):
            inputs = channels if number == 0 else width
            blocks.append(nn.Conv2d(inputs, width, 3, padding=dilation, dilation=dilation))
            blocks.append(nn.LeakyReLU(0.2))
        super().__init__(*blocks, nn.Conv2d(width, channels, 1))


def dilations(layers: int) -> list[int]:
    """Return the dilation of each 3x3 convolution: 1, 1, 2, 4, ...

    Their sum is the radius of the receptive field in pixels.
    """
    return [1] + [2**number for number in range(layers - 1)]
