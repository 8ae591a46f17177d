"""Features of doubled resolution, and their convolution without doubling them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, pad, pixel_unshuffle

from napari_selfdenoise.nn.blur import blurred
from napari_selfdenoise.nn.placed import placed

FEW_CHANNELS = 4
"""So many fine channels cost less as four coarse ones each than as a convolution of their own,
whose result, as large as all the features, had to be added."""
LEAST_PIXELS = 1024
"""Of a batch of coarse features. The kernels for coarse pixels are almost twice as large: where
there are fewer pixels, as in the patches of a training, that costs more than it saves."""


def doubled(features: Tensor) -> Tensor:
    """Repeat each pixel in both directions, in the precision it has.

    Autocast would upsample in float32, and make the widest features of a network twice as
    large.
    """
    with torch.autocast(features.device.type, enabled=False):
        return interpolate(features, scale_factor=2, mode="nearest")


def joined(features: Tensor, beside: Tensor) -> Tensor:
    """Return the channels of both, with the channels last in memory.

    An image of one channel fits every layout, so that PyTorch would choose the one that
    convolutions are slow on, and rearrange the widest features of the network twice.
    """
    pair = [each.permute(0, 2, 3, 1) for each in (features, beside.to(features))]
    return torch.cat(pair, 3).permute(0, 3, 1, 2)


def doubled_convolution(
    convolution: nn.Module, coarse: Tensor, fine: Tensor | None = None
) -> Tensor:
    """Return ``convolution(joined(doubled(coarse), fine))``, up to rounding.

    Of the nine pixels under a kernel, those that repeat the same coarse one share a product:
    four products are left per output pixel and coarse channel. They are those of a transposed
    convolution with a stride of 2, whose kernel of 4x4 is the sum of the 3x3 one at the four
    places that a fine pixel can have in a coarse one. What is 4.5 times as large as the coarse
    features (doubled, and joined with the fine ones) is never made.

    Parameters
    ----------
    convolution : torch.nn.Conv2d
        Of 3x3 pixels, padded with one pixel of zeros. (Any other module is run as it is.)
    coarse : Tensor (B, I, Y, X)
        To be doubled.
    fine : Tensor (B, J, 2 Y, 2 X), optional
        What is beside it; the convolution has I + J inputs, the coarse ones first.

    Returns
    -------
    Tensor (B, O, 2 Y, 2 X)
    """
    if _is_small(coarse) or not isinstance(convolution, nn.Conv2d):
        both = doubled(coarse)
        plain: Tensor = convolution(both if fine is None else joined(both, fine))
        return plain
    inputs = coarse.shape[1]
    kernel = _transposed(convolution.weight[:, :inputs])
    if fine is not None and fine.shape[1] <= FEW_CHANNELS:
        coarse = joined(coarse, pixel_unshuffle(fine, 2))
        kernel = torch.cat([kernel, _transposed(convolution.weight[:, inputs:], apart=True)])
        fine = None
    convolved = conv_transpose2d(coarse, kernel, convolution.bias, stride=2, padding=1)
    if fine is None:
        return convolved
    return convolved.add_(conv2d(fine, convolution.weight[:, inputs:], padding=1))


def interpolated_convolution(convolution: nn.Conv2d, coarse: Tensor, fine: Tensor) -> Tensor:
    """Return the convolution of coarse features, interpolated to double resolution, and fine.

    Bilinear interpolation repeats each pixel and blurs the result (`nn.blur`). Convolutions
    can be done in any order, so that here the blur is last, and the convolution as cheap as
    that of `doubled_convolution`.

    The coarse features go on beyond the border as they are at it, where the fine ones and
    those of a plain convolution are zero; else the result is that of
    ``convolution(torch.cat([interpolate(coarse, scale_factor=2, mode="bilinear"), fine], 1))``,
    up to rounding.

    Parameters
    ----------
    convolution, coarse, fine
        As for `doubled_convolution`.

    Returns
    -------
    Tensor (B, O, 2 Y, 2 X)
    """
    inputs, around, small = coarse.shape[1], (1, 1, 1, 1), _is_small(coarse)
    with torch.autocast(coarse.device.type, enabled=False):  # which would make it float32
        grown = pad(coarse, around, mode="replicate")
        if small:
            grown = interpolate(grown, scale_factor=2, mode="bilinear")[..., 1:-1, 1:-1]
    if small:
        both = joined(grown, pad(fine, around))
        return conv2d(both, convolution.weight, convolution.bias)
    kernel = _transposed(convolution.weight[:, :inputs])
    sharp = conv_transpose2d(grown, kernel, convolution.bias, stride=2, padding=2)
    convolved = blurred(sharp)
    del grown, sharp  # as large as anything here
    return convolved.add_(conv2d(fine, convolution.weight[:, inputs:], padding=1))


def _is_small(coarse: Tensor) -> bool:
    return coarse.numel() // coarse.shape[1] < LEAST_PIXELS


def _transposed(weight: Tensor, *, apart: bool = False) -> Tensor:
    """Return kernels (O, I, 3, 3) as transposed ones of coarse pixels, (I, O, 4, 4).

    Summed over the four fine pixels in a coarse one, or with these `apart`: (4 I, O, 4, 4). A
    transposed convolution turns its kernel around.
    """
    kernels = placed(weight.flip(2, 3), 2, summed=not apart)
    return kernels.permute(1, 2, 0, 3, 4).flatten(0, 1)
