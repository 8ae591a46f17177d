"""Signal and noise of an image, told apart: the networks of COSDD in one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_selfdenoise.nn.autoregressive import DILATIONS, AutoregressiveDecoder, Direction
from napari_selfdenoise.nn.ladder import crop, level_sizes, pad, padded_size
from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import Encoding, LadderVAE
from napari_selfdenoise.nn.signal_decoder import SignalDecoder

SAMPLES_AT_A_GLANCE = 4
"""Samples whose mean is what the network returns as a denoised image at a glance."""


class SignalAndNoise(nn.Module):
    """An encoder of the clean image, a model of the noise, and a decoder of the signal.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated
    Imaging Noise, WACV 2025. The encoder is a variational autoencoder whose decoder, for the
    noisy image, sees back along one axis alone: it can follow noise along that axis, but what
    has two dimensions must come through the code. A second decoder makes the clean image of
    the code.

    Images are (B, channels, [Z,] Y, X), normalised.

    Parameters
    ----------
    channels : int
        Channels of the image.
    features : int
        Channels of the code and of every level of the encoder.
    halves : sequence of bool
        Whether a level halves the resolution; see `nn.ladder.halving_levels`.
    patch : sequence of int
        ([Z,] Y, X) of the training patches.
    direction : {"x", "y", "z", "none"}
        Along which axis the noise is correlated.
    components : int
        Normal distributions per mixture.
    filters, blocks : int
        Channels and number of blocks of the model of the noise.
    direct : bool
        Whether there is a network that restores an image in one pass.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        halves: Sequence[bool],
        patch: Sequence[int],
        direction: Direction,
        *,
        components: int = 3,
        filters: int = 64,
        blocks: int = len(DILATIONS),
        direct: bool = False,
    ) -> None:
        super().__init__()
        dimensions = len(patch)
        self.encoder = LadderVAE(channels, features, halves, patch)
        self.noise = AutoregressiveDecoder(
            channels,
            features,
            direction,
            components=components,
            filters=filters,
            dilations=DILATIONS[:blocks],
            dimensions=dimensions,
        )
        self.signal = SignalDecoder(channels, features, dimensions)
        self.direct = LadderUNet(channels, features, halves, dimensions) if direct else None

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

    def evidence(self, image: Tensor, draws: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what training needs: how well one sample explains the noisy image.

        Returns
        -------
        divergences : Tensor
            (B, levels), see `LadderVAE.forward`.
        mixtures : Tensor
            Parameters of the noisy image's distribution, see `AutoregressiveDecoder.forward`.
        signal : Tensor
            The clean image of the sample, like `image`. Its gradient stays in its decoder, so
            that only the likelihood of the noisy image shapes the code.
        """
        code, divergences = self.encoder(image, draws)
        return divergences, self.noise(image, code), self.signal(code.detach())

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


def multiplications(features: int, halves: Sequence[bool], filters: int, blocks: int) -> float:
    """Count those of `SignalAndNoise.evidence` per pixel, for one channel in two dimensions."""
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
    noise = blocks * (4.5 * filters**2 + features * filters)
    return count + square + noise + 27 * square
