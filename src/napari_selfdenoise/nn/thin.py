"""A convolution to few channels, such as those of an image."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle

LANES = 16
"""Channels that a CPU computes at a time, whether they are wanted or not."""
LEAST_PIXELS = 1 << 14
"""Of a batch, below which the larger kernel costs more than it saves."""


class ThinConvolution(nn.Conv2d):
    """A convolution of 3x3 pixels, padded with one of zeros, that has few output channels.

    Where it is worth it, all pixels of a square are computed as so many channels of one place,
    with a kernel as large as what the square sees: the same, up to rounding, in half the time.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the convolution of `features`, (B, I, Y, X)."""
        side = 4 if 16 * self.out_channels <= LANES else 2
        images, _, height, width = features.shape
        few = self.out_channels * side**2 <= LANES
        if not few or height % side or width % side or images * height * width < LEAST_PIXELS:
            return super().forward(features)
        weight, bias = self.weight, self.bias
        assert bias is not None
        with torch.autocast(weight.device.type, enabled=False):  # rounded once
            moved = weight.flatten(2) @ _places(side, weight.device, weight.dtype)
        reach = side + 2
        kernel = (
            moved.view(*weight.shape[:2], side**2, reach, reach).transpose(1, 2).flatten(0, 1)
        )
        made = conv2d(features, kernel, bias.repeat_interleave(side**2), side, padding=1)
        return pixel_shuffle(made, side)


@cache
def _places(side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return where the 9 elements of a kernel are in that of each pixel of a square.

    Of the shape (9, pixels * elements), the pixels in the order of `pixel_shuffle`.
    """
    with torch.inference_mode(mode=False):  # else training could not use what it makes
        single = torch.eye(9, device=device, dtype=dtype).view(9, 3, 3)
        moved = [
            pad(single, (right, side - 1 - right, low, side - 1 - low))
            for low in range(side)
            for right in range(side)
        ]
        return torch.stack(moved, 1).flatten(1)
