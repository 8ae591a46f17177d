"""A hierarchical variational autoencoder: from a noisy image to codes of clean ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.ladder import (
    BottomUp,
    Padding,
    StepDown,
    crop,
    level_sizes,
    pad,
    padded_size,
)
from napari_selfdenoise.nn.residual import Merge, convolution, mirrored

SCALE_FLOOR = 1e-3
"""Smallest standard deviation of a latent variable."""


@dataclass(frozen=True)
class Normal:
    """Independent normal distributions of the latent variables of a level, in float32."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, parameters: Tensor) -> Normal:
        """Return the distributions whose means are the first half of the channels.

        The second half are standard deviations before softplus. The published code has no
        floor under them (and even and odd channels instead of halves): with bfloat16 they
        reach zero, and training ends in NaN.
        """
        mean, raw = parameters.float().chunk(2, 1)
        return cls(mean, functional.softplus(raw).clamp(min=SCALE_FLOOR))

    def at(self, draw: Tensor) -> Tensor:
        """Return the values that lie `draw` standard deviations above the mean."""
        return torch.addcmul(self.mean, self.std, draw)

    def divergence(self, prior: Normal) -> Tensor:
        """Return the Kullback-Leibler divergence from `prior`, summed per image, in nats."""
        ratio = self.std / prior.std
        distance = (self.mean - prior.mean) / prior.std
        divergences = 0.5 * (ratio.square() + distance.square() - 1) - ratio.log()
        return divergences.flatten(1).sum(1)


class Level(nn.Module):
    """What every level of the way down does with its latent variables."""

    def __init__(self, features: int, latents: int, dimensions: int, *, doubles: bool) -> None:
        super().__init__()
        self.to_posterior = mirrored(dimensions, features, 2 * latents)
        self.from_latents = mirrored(dimensions, latents, features)
        self.down = StepDown(features, dimensions, doubles=doubles)


class TopLevel(Level):
    """The coarsest level, whose prior is learned and depends on nothing."""

    def __init__(
        self, features: int, latents: int, size: Sequence[int], *, doubles: bool
    ) -> None:
        super().__init__(features, latents, len(size), doubles=doubles)
        self.prior_parameters = nn.Parameter(torch.zeros(1, 2 * latents, *size))

    def prepare(self, features: Tensor) -> Tensor:
        """Return what does not depend on the draw."""
        parameters: Tensor = self.to_posterior(features)
        return parameters

    def posterior(self, prepared: Tensor) -> Normal:
        """Return the distributions given the image."""
        return Normal.of(prepared)

    def prior(self, size: Sequence[int]) -> Normal:
        """Return the distributions without an image.

        The published code has a prior for the size of the training patches alone; for any
        other, the learned parameters are interpolated.
        """
        parameters: Tensor = self.prior_parameters
        if parameters.shape[2:] != tuple(size):
            mode = "bilinear" if len(size) == 2 else "trilinear"
            parameters = functional.interpolate(
                parameters, tuple(size), mode=mode, align_corners=False
            )
        return Normal.of(parameters)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the features that enter the next level."""
        below: Tensor = self.down(self.from_latents(latents))
        return below


class InnerLevel(Level):
    """A finer level, whose distributions depend on the level above."""

    def __init__(
        self,
        features: int,
        latents: int,
        dimensions: int,
        *,
        doubles: bool,
        ignored: bool = False,
    ) -> None:
        super().__init__(features, latents, dimensions, doubles=doubles)
        self.ignored = ignored
        self.to_prior = mirrored(dimensions, features, 2 * latents)
        self.merge = Merge(features, dimensions)
        self.skip = Merge(features, dimensions)

    def prepare(self, features: Tensor) -> Tensor:
        """Return what does not depend on the draw."""
        return self.merge.prepare(features)

    def posterior(self, prepared: Tensor, above: Tensor) -> Normal:
        """Return the distributions given the image and the level above."""
        if self.ignored:
            return self.prior(above)
        return Normal.of(self.to_posterior(self.merge(prepared, above)))

    def prior(self, above: Tensor) -> Normal:
        """Return the distributions given the level above alone."""
        return Normal.of(self.to_prior(above))

    def forward(self, latents: Tensor, above: Tensor) -> Tensor:
        """Return the features that enter the next level."""
        prepared = self.skip.prepare(self.from_latents(latents))
        below: Tensor = self.down(self.skip(prepared, above))
        return below


@dataclass(frozen=True)
class Encoding:
    """What the way up leaves of an image, for any number of draws.

    Attributes
    ----------
    prepared : list of Tensor
        One map per level, coarsest first.
    size : tuple of int
        ([Z,] Y, X) of the image.
    """

    prepared: list[Tensor]
    size: tuple[int, ...]


class LadderVAE(nn.Module):
    """Encoder of a noisy image into the code of a clean one, sampled at every level.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated
    Imaging Noise, WACV 2025, supplement, section 3, as in the published code: a way up with
    a residual block per level, a way down on which each level draws its latent variables
    given the level above, and a 1x1 convolution. (In the paper the last latent variables
    are themselves the code, and have twice as many channels.) No level is weighted, and
    there are no free bits.

    The way up does not depend on the draws: `encode` an image once, then `sample` from it as
    often as wanted. Networks without batch statistics, as after ``eval()``, give the same
    this way as by ``forward``.

    Parameters
    ----------
    channels : int
        Channels of the image.
    features : int
        Channels of the code and of every level (paper: 128 large, 64 small).
    halves : sequence of bool
        Whether a level halves the resolution, finest level first; see `halving_levels`.
    crop : sequence of int
        ([Z,] Y, X) of the training patches in pixels: its length is the number of
        dimensions, and it sets the size of the learned prior of the coarsest level.
    latents : int
        Latent channels of each level; 0 takes half of `features`.
    padding : {"mirror", "zero"}
        How an image is padded until its sides can be halved. The published code pads with
        zeros, the mean of a normalised image, which shows at the borders.
    ignored : int
        Finest levels whose latent variables learn nothing of the image: their posterior is
        their prior, in training as in sampling. Source: HDN_3-6, Prakash et al., ICLR 2022,
        section 5. As in their published code, samples take the mean of the prior there.

    Raises
    ------
    ValueError
        If there is no level, or none that is not ignored.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        halves: Sequence[bool],
        crop: Sequence[int],
        *,
        latents: int = 0,
        padding: Padding = "mirror",
        ignored: int = 0,
    ) -> None:
        super().__init__()
        if not halves:
            raise ValueError("a ladder needs at least 1 level, not 0")
        if not 0 <= ignored < len(halves):
            raise ValueError(
                f"of a ladder of {len(halves)} levels at most {len(halves) - 1} can be "
                f"ignored, not {ignored}"
            )
        dimensions = len(crop)
        self.latents = latents or features // 2
        self.halves, self.padding = tuple(halves), padding
        top = level_sizes(padded_size(crop, halves), halves)[0]
        self.bottom_up = BottomUp(channels, features, halves, dimensions)
        self.top = TopLevel(features, self.latents, top, doubles=halves[-1])
        self.inner = nn.ModuleList(
            InnerLevel(
                features, self.latents, dimensions, doubles=halves[at], ignored=at < ignored
            )
            for at in range(len(halves) - 2, -1, -1)
        )
        self.to_code = convolution(dimensions, features, features, 1)

    def _inner(self) -> Sequence[InnerLevel]:
        return cast("Sequence[InnerLevel]", self.inner)

    def draws(
        self, batch: int, size: Sequence[int], generator: torch.Generator
    ) -> list[Tensor]:
        """Return standard normal draws for `batch` images of `size`, coarsest level first.

        On the device of the generator, float32: (B, latents, [Z,] Y, X) of each level.
        """
        sizes = level_sizes(padded_size(size, self.halves), self.halves)
        return [
            torch.randn(
                batch, self.latents, *level, generator=generator, device=generator.device
            )
            for level in sizes
        ]

    def encode(self, image: Tensor) -> Encoding:
        """Return what the way up leaves of an image, (B, C, [Z,] Y, X)."""
        size = tuple(image.shape[2:])
        found = self.bottom_up(pad(image, padded_size(size, self.halves), self.padding))
        prepared = [self.top.prepare(found[0])]
        for level, features in zip(self._inner(), found[1:], strict=True):
            prepared.append(level.prepare(features))
        return Encoding(prepared, size)

    def sample(self, encoding: Encoding, draws: Sequence[Tensor]) -> Tensor:
        """Return the codes of clean images that the encoded one may be of.

        Parameters
        ----------
        encoding : Encoding
            Of one image, or of as many as there are draws.
        draws : sequence of Tensor
            See `draws`; one sample per batch entry.

        Returns
        -------
        code : Tensor
            (B, features, [Z,] Y, X).
        """
        prepared, *others = encoding.prepared
        above = self.top(self.top.posterior(prepared).at(draws[0]))
        for level, prepared, draw in zip(self._inner(), others, draws[1:], strict=True):
            posterior = level.posterior(prepared, above)
            above = level(posterior.mean if level.ignored else posterior.at(draw), above)
        return crop(self.to_code(above), encoding.size)

    def forward(self, image: Tensor, draws: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the code of a sample, and what it costs: for training.

        Parameters
        ----------
        image : Tensor
            (B, C, [Z,] Y, X), normalised.
        draws : sequence of Tensor
            See `draws`.

        Returns
        -------
        code : Tensor
            (B, features, [Z,] Y, X).
        divergences : Tensor
            Kullback-Leibler divergence of the posterior from the prior, (B, levels),
            coarsest first, summed over the level, in nats.
        """
        encoding = self.encode(image)
        prepared, *others = encoding.prepared
        posterior = self.top.posterior(prepared)
        divergences = [posterior.divergence(self.top.prior(prepared.shape[2:]))]
        above = self.top(posterior.at(draws[0]))
        for level, prepared, draw in zip(self._inner(), others, draws[1:], strict=True):
            posterior = level.posterior(prepared, above)
            divergences.append(posterior.divergence(level.prior(above)))
            above = level(posterior.at(draw), above)
        code = crop(self.to_code(above), encoding.size)
        return code, torch.stack(divergences, 1)

    def generate(self, draws: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return the codes of images drawn from the prior, (B, features, [Z,] Y, X).

        `draws` are those for `size`; see `draws`.
        """
        above = self.top(self.top.prior(draws[0].shape[2:]).at(draws[0]))
        for level, draw in zip(self._inner(), draws[1:], strict=True):
            above = level(level.prior(above).at(draw), above)
        return crop(self.to_code(above), size)
