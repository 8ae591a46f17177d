"""The U-Net of Noise2Noise with a wide first convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from napari_selfdenoise.nn.blur import blurred
from napari_selfdenoise.nn.doubling import doubled_convolution
from napari_selfdenoise.nn.thin import ThinConvolution

LAST_WIDTHS = 64, 32
"""Channels of the last two hidden layers, at full resolution, as published."""


class UNet(nn.Module):
    """Encoder and decoder with skip connections; maps (B, C, Y, X) to the same shape.

    Source: Lehtinen et al., Noise2Noise (ICML 2018), supplement, table 2, whose first two
    3x3 convolutions are replaced by one of 11x11 as in Gao et al. (2022), S1.1, after
    Bepler et al. (2020). Max-pooling, nearest-neighbour upsampling, ReLU, linear output;
    every convolution is zero-padded to keep its size. With the defaults 0.97 million
    parameters and 157 thousand multiplications per pixel.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels of the encoder; the decoder has twice as many.
    levels : int
        How often the resolution is halved. The sides of an input are multiples of
        ``2 ** levels`` pixels.
    first_kernel : int
        Side of the first convolution in pixels, odd.
    blurred : bool
        Whether what is pooled is blurred, so that it follows an image that moves by a pixel
        (Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019).
    top_skip : bool
        Whether the image itself is passed to the last convolutions.
    last_widths : tuple of int
        Channels of the last two hidden layers, which cost most: they are at full resolution.
    outputs : int
        Channels of the output, if not as many as of the input.
    """

    def __init__(
        self,
        channels: int,
        width: int = 48,
        levels: int = 5,
        first_kernel: int = 11,
        *,
        blurred: bool = False,
        top_skip: bool = True,
        last_widths: tuple[int, int] = LAST_WIDTHS,
        outputs: int = 0,
    ) -> None:
        super().__init__()
        self.blurred, self.top_skip = blurred, top_skip
        self.encoder = nn.ModuleList([_convolution(channels, width, first_kernel)])
        self.encoder.extend(_convolution(width, width) for _ in range(levels))
        self.decoder = nn.ModuleList()
        inputs = 2 * width  # from below, and from the skip connection
        for _ in range(levels - 1):
            self.decoder.append(_block(inputs, 2 * width, 2 * width))
            inputs = 3 * width
        last = inputs - width + channels * top_skip
        self.decoder.append(_block(last, *last_widths))
        self.output = ThinConvolution(last_widths[-1], outputs or channels)

    @property
    def multiple(self) -> int:
        """Pixels of which the sides of an input are multiples."""
        return int(2 ** len(self.decoder))

    def forward(self, image: Tensor) -> Tensor:
        """Return the output for `image`, (B, C, Y, X).

        Raises
        ------
        ValueError
            If a side of `image` is not a multiple of ``2 ** levels``.
        """
        if any(side % self.multiple for side in image.shape[2:]):
            raise ValueError(
                f"an image of {tuple(image.shape[2:])} pixels does not fit: both sides must "
                f"be multiples of {self.multiple}"
            )
        skipped = [image]
        features = image
        for convolution in self.encoder[:-1]:
            features = _halved(relu(convolution(features)), self.blurred)
            skipped.append(features)
        # What enters the deepest level needs no skip connection around it.
        features = relu(self.encoder[-1](skipped.pop()))
        for block in self.decoder:
            beside = skipped.pop() if skipped[1:] or self.top_skip else None
            first, *others = block.children()
            features = doubled_convolution(first, features, beside)
            for layer in others:
                features = layer(features)
        output: Tensor = self.output(features)
        return output


def _halved(features: Tensor, blurs: bool) -> Tensor:
    """Keep the largest of two by two pixels, or blur the largest of all neighbours before.

    With the blur, a binomial one over three pixels, a pooled pixel is made of four by four.
    """
    if not blurs:
        return max_pool2d(features, 2)
    return blurred(max_pool2d(features, 2, stride=1, padding=1), stride=2)


def radius(levels: int, first_kernel: int = 11, *, blurred: bool = False) -> int:
    """Return how many pixels away an input can be that changes an output."""
    return max(_reach(place, levels, first_kernel, blurred) for place in range(2**levels))


def _reach(place: int, levels: int, first_kernel: int, blurred: bool) -> int:
    """Follow an output pixel back through the deepest level to the inputs it depends on."""
    low, high = place - 3, place + 3
    for level in range(1, levels + 1):
        grown = 2 if level < levels else 1  # two convolutions, one at the deepest level
        low, high = low // 2 - grown, high // 2 + grown
    for level in range(levels - 1, -1, -1):
        grown = 1 if level > 0 else first_kernel // 2
        grown += blurred
        low, high = 2 * low - grown, 2 * high + 1 + grown
    return max(place - low, high - place)


def multiplications(
    channels: int,
    width: int,
    levels: int,
    first_kernel: int = 11,
    *,
    top_skip: bool = True,
    last_widths: tuple[int, int] = LAST_WIDTHS,
) -> float:
    """Return the multiplications per pixel of one pass."""
    total = float(first_kernel**2 * channels * width)
    total += sum(9 * width**2 / float(4**level) for level in range(1, levels + 1))
    inputs = 2 * width
    for level in range(levels - 1, 0, -1):
        total += 9 * (inputs + 2 * width) * 2 * width / float(4**level)
        inputs = 3 * width
    first, second = last_widths
    last = inputs - width + channels * top_skip
    return total + 9.0 * (last * first + first * second + second * channels)


def padded(image: Tensor, multiple: int) -> Tensor:
    """Mirror the lower and the right edge until both sides are multiples of `multiple`.

    The upper left corner stays where it is, so that the pooling of a tile falls on the same
    pixels as that of the whole image if the tile begins at a multiple.
    """
    for axis in (2, 3):
        length = image.shape[axis]
        target = -(-length // multiple) * multiple
        if target > length:
            period = max(1, 2 * (length - 1))
            place = torch.arange(target, device=image.device) % period
            image = image.index_select(axis, torch.minimum(place, (period - place).abs()))
    return image


def _convolution(inputs: int, outputs: int, side: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2)


def _block(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(inputs, middle), nn.ReLU(), _convolution(middle, outputs), nn.ReLU()
    )
