"""Sub-images of an image: neighbouring pixels apart, so that their noise is independent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pixel_unshuffle

_PAIRS = torch.tensor([[0, 1], [1, 0], [0, 2], [2, 0], [1, 3], [3, 1], [2, 3], [3, 2]])
"""Ordered pairs of adjacent pixels in a block of 2x2, whose pixels are numbered by rows."""


def pair_downsample(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return two half-size images, each the mean of one diagonal of every 2x2 block.

    Source: Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023, section 3.1: the fixed
    kernels [[0, 1/2], [1/2, 0]] and [[1/2, 0], [0, 1/2]] with stride 2.

    Parameters
    ----------
    images : Tensor
        (B, C, Y, X) with even Y and X.

    Returns
    -------
    anti, main : Tensor
        (B, C, Y/2, X/2). Noise that is independent between pixels is independent between
        the two.
    """
    anti = 0.5 * (images[..., 0::2, 1::2] + images[..., 1::2, 0::2])
    main = 0.5 * (images[..., 0::2, 0::2] + images[..., 1::2, 1::2])
    return anti, main


class NeighbourSampler:
    """Two half-size images of neighbouring pixels, drawn at random in every 2x2 block.

    Source: Huang et al., Neighbor2Neighbor, CVPR 2021, section 4.1. Noise that is independent
    between pixels is independent between the two, and as strong as in the image.

    Parameters
    ----------
    images : Tensor
        (B, C, Y, X) with even Y and X; the places that are drawn fit images of this shape.
    generator : torch.Generator
        On the device of the images.
    """

    def __init__(self, images: Tensor, generator: torch.Generator) -> None:
        batch, _, height, width = images.shape
        shape = (batch, 1, height // 2, width // 2)
        drawn = torch.randint(0, len(_PAIRS), shape, generator=generator, device=images.device)
        self._places = _PAIRS.to(images.device)[drawn].unbind(-1)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return both half-size images, (B, C, Y/2, X/2)."""
        batch, channels, height, width = images.shape
        blocks = pixel_unshuffle(images, 2).view(batch, channels, 4, height // 2, width // 2)
        places = [each.unsqueeze(1).expand(-1, channels, 1, -1, -1) for each in self._places]
        first, second = (blocks.gather(2, each).squeeze(2) for each in places)
        return first, second


def neighbour_losses(
    network: nn.Module,
    noisy: Tensor,
    generator: torch.Generator,
    *,
    consistency: bool = True,
) -> dict[str, Tensor]:
    """Return the terms of Neighbor2Neighbor's loss (Huang et al. 2021, equation 9).

    Parameters
    ----------
    network : torch.nn.Module
        Denoises (B, C, Y, X) of any even size.
    noisy : Tensor
        (B, C, Y, X), with noise of zero mean that is independent between pixels.
    generator : torch.Generator
        On the device of `noisy`.
    consistency : bool
        Whether to return the second term, too, which costs a pass without gradients.

    Returns
    -------
    dict of str to Tensor
        ``neighbours``: |F(g1) - g2|^2 of the two half-size images g1 and g2;
        ``consistency``: the same less what the half-size images of F(y), through which no
        gradient goes, tell to be the difference between neighbouring clean pixels.
    """
    sample = NeighbourSampler(noisy, generator)
    first, second = sample(noisy)
    denoised = network(first)
    losses = {"neighbours": mse_loss(denoised, second)}
    if consistency:
        with torch.no_grad():
            clean_first, clean_second = sample(network(noisy))
        change = mse_loss(denoised - clean_first, second - clean_second)
        losses["consistency"] = change
    return losses
