"""Recorruption: noise like its own that is added to a noisy image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from napari_selfdenoise.nn.unet import padded

PERIOD = 64
"""Pixels after which the noise repeats that is added to an image to be denoised: what adds
it tile by tile gives every pixel the same if the tiles begin at multiples of it."""
_SEED = 20_210_625
"""Of that noise: the same for every network, so that the same image gets the same result."""
_REACH = 3
"""Pixels on both sides over which an image is smoothed to tell how strong its noise is."""


class NoiseStrength(nn.Module):
    """Standard deviation of the noise at each pixel, by the noise model of a camera.

    ``variance = gain * max(mean - offset, 0) + floor``, with the mean from the noisy image,
    smoothed with a Gaussian of a pixel's width. Saved with the weights of a network.

    Parameters
    ----------
    channels : int
        Of the images.

    Attributes
    ----------
    gain, offset, floor : Tensor (channels, 1, 1)
        Of the noise in the units of the images; 0 until they are set.
    """

    gain: Tensor
    offset: Tensor
    floor: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("gain", "offset", "floor"):
            self.register_buffer(name, torch.zeros(channels, 1, 1))

    def forward(self, noisy: Tensor) -> Tensor:
        """Return the standard deviations, (B, C, Y, X) as `noisy`."""
        channels = noisy.shape[1]
        places = torch.arange(-_REACH, _REACH + 1, device=noisy.device)
        weights = torch.exp(-0.5 * places.square())
        kernel = weights[:, None] * weights / weights.sum() ** 2
        whole = pad(noisy, [_REACH] * 4, mode="replicate")
        with torch.autocast(noisy.device.type, enabled=False):  # these are intensities
            mean = conv2d(whole, kernel.expand(channels, 1, -1, -1), groups=channels)
        return (self.gain * (mean - self.offset).clamp(min=0) + self.floor).sqrt()


def recorrupted_pair(
    noisy: Tensor, sigma: Tensor, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return two noisier images whose noises are uncorrelated.

    Source: Pang et al., Recorrupted-to-Recorrupted, CVPR 2021: ``y1 = y + alpha z`` and
    ``y2 = y - z / alpha``. The covariance of their noises is that of the noise n of y less
    that of z: zero if z is as strong as n. Gaussian noise is then independent between them.

    Parameters
    ----------
    noisy : Tensor (B, C, Y, X)
        The image y.
    sigma : Tensor
        Standard deviation of its noise, of a shape that broadcasts to that of `noisy`.
    alpha : float
        Above 0: the larger it is, the more noise has the first, and the less the second.
    generator : torch.Generator
        On the device of `noisy`.
    """
    added = sigma * torch.randn(noisy.shape, generator=generator, device=noisy.device)
    return noisy + alpha * added, noisy - added / alpha


class Recorruption(nn.Module):
    """A network that denoises noisier images; its results are averaged over added noise.

    Source: Recorrupted-to-Recorrupted.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape, with sides that are multiples of its
        ``multiple``.
    channels : int
        Of the images.
    alpha : float
        As in `recorrupted_pair`.
    draws : int
        Over how many added noises the denoised images are averaged.

    Attributes
    ----------
    strength : NoiseStrength
        Of the noise that is added.
    """

    added: Tensor

    def __init__(self, network: nn.Module, channels: int, alpha: float, draws: int) -> None:
        super().__init__()
        self.network, self.alpha = network, alpha
        self.strength = NoiseStrength(channels)
        self.multiple: int = getattr(network, "multiple", 1)
        generator = torch.Generator().manual_seed(_SEED)
        added = torch.randn(draws, channels, PERIOD, PERIOD, generator=generator)
        self.register_buffer("added", added, persistent=False)

    def forward(self, noisy: Tensor) -> Tensor:
        """Return the denoised image, (B, C, Y, X) of any size: the mean over the draws."""
        rows, columns = (
            torch.arange(side, device=noisy.device) % PERIOD for side in noisy.shape[2:]
        )
        scale = self.alpha * self.strength(noisy)
        total = torch.zeros_like(noisy)
        for added in self.added:
            everywhere = added.index_select(1, rows).index_select(2, columns)
            (denoised,) = self.once(noisy + scale * everywhere)
            total = total + denoised.to(total)
        return total / len(self.added)

    def once(self, noisier: Tensor) -> tuple[Tensor]:
        """Return what the network makes of an image to which noise was added."""
        output: Tensor = self.network(padded(noisier, self.multiple))
        return (output[..., : noisier.shape[2], : noisier.shape[3]],)
