"""Networks that draw samples of the clean images that a noisy one may be of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_selfdenoise.nn.ladder import crop, level_sizes, pad, padded_size
from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import Encoding, LadderVAE

SAMPLES_AT_A_GLANCE = 4
"""Samples whose mean is what the network returns as a denoised image at a glance."""


class PosteriorNetwork(nn.Module):
    """An encoder of the clean image and a decoder of it: what sampling needs.

    How both are trained is up to the derived network, which makes them. Images are
    (B, channels, [Z,] Y, X), normalised.

    Attributes
    ----------
    encoder : LadderVAE
        From a noisy image to codes of clean ones.
    signal : torch.nn.Module
        From a code to the clean image.
    direct : LadderUNet or None
        Restores an image in one pass, if there is such a network.
    """

    encoder: LadderVAE
    signal: nn.Module
    direct: LadderUNet | None

    @property
    def multiple(self) -> int:
        """What the sides of an image must be multiples of to need no padding."""
        factor: int = 2 ** sum(self.encoder.halves)
        return factor

    def latent_shapes(self, size: Sequence[int]) -> list[tuple[int, ...]]:
        """Return (latents, [Z,] Y, X) of every level for an image of `size`, coarsest first."""
        halves = self.encoder.halves
        sizes = level_sizes(padded_size(size, halves), halves)
        return [(self.encoder.latents, *level) for level in sizes]

    def encode(self, image: Tensor) -> Encoding:
        """Return what all samples of a noisy image have in common; see `LadderVAE.encode`."""
        return self.encoder.encode(image)

    def sample(self, encoding: Encoding, draws: Sequence[Tensor]) -> Tensor:
        """Return clean images that the encoded noisy one may be of."""
        clean: Tensor = self.signal(self.encoder.sample(encoding, draws))
        return clean

    def sample_code(self, encoding: Encoding, draws: Sequence[Tensor]) -> Tensor:
        """Return codes of clean images that the encoded noisy one may be of."""
        return self.encoder.sample(encoding, draws)

    def generate(self, draws: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return clean images of `size` drawn from the prior."""
        clean: Tensor = self.signal(self.encoder.generate(draws, size))
        return clean

    def one_sample(self, image: Tensor, draws: Sequence[Tensor]) -> tuple[Tensor]:
        """Return a clean image that the noisy one may be of."""
        return (self.sample(self.encode(image), draws),)

    def in_one_pass(self, image: Tensor) -> tuple[Tensor]:
        """Return the clean image without drawing samples, if there is a network for it."""
        if self.direct is None:
            raise ValueError("the network has no part that restores an image in one pass")
        return (self.direct(image),)

    def forward(self, image: Tensor) -> Tensor:
        """Return the mean of a few samples, always with the same draws."""
        generator = torch.Generator(image.device).manual_seed(0)
        size, encoder = image.shape[2:], self.encoder
        # Padded here, so that the decoder has the pixels that its convolutions mirror, too.
        image = pad(image, padded_size(size, encoder.halves), encoder.padding)
        encoding = self.encode(image)
        total = torch.zeros_like(image)
        for _ in range(SAMPLES_AT_A_GLANCE):
            draws = encoder.draws(len(image), image.shape[2:], generator)
            total += self.sample(encoding, draws)
        return crop(total / SAMPLES_AT_A_GLANCE, size)


def multiplications(features: int, halves: Sequence[bool]) -> float:
    """Count those of encoding, sampling and decoding, per pixel of one channel in 2-D."""
    square = features**2
    block = 20 * square  # two 3x3 convolutions and a gate of 1x1
    count, size = 25.0 * features + 18 * square, 1.0
    for level, halving in enumerate(halves):
        above = size
        if halving:
            size /= 4
            count += size * 9 * square
        top = level == len(halves) - 1
        distributions, latents = (9 if top else 18) * square, 4.5 * square
        merges = 0 if top else 2 * (2 * square + block)
        mix = square if halving else 0
        count += size * (block + distributions + latents + merges + mix) + above * block
    return count + square + 27 * square
