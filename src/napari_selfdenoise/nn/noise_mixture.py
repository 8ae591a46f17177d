"""A model of pixel noise: mixtures of normal distributions that depend on the signal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from napari_selfdenoise.nn.mixture import GaussianMixture

FIT_STEPS, FIT_RATE = 300, 0.05
FLOOR = 0.1
"""Smallest standard deviation that is fitted, as a share of that of all noise."""
SPREADS = 0.5, 1.5
"""Deviations of the narrowest and the widest normal distribution of dark pixels when the fit
begins, as shares of that of all noise."""


class NoiseMixture(nn.Module):
    """How a noisy value is distributed, given the clean one; independent between pixels.

    Source: Prakash, Lalit, Tomancak, Krull, Jug, Fully Unsupervised Probabilistic Noise2Void,
    ISBI 2020, section 3: a mixture of normal distributions whose weights (through a softmax),
    means and variances are polynomials of the signal; the mean of the mixture is the signal.
    Unlike in the published code the polynomials stay as they are at the ends of the range
    of signals that they were made for, and variances have a floor under them in addition.

    It has no weights that a network's training changes, but is saved with the network.

    Parameters
    ----------
    channels : int
        Of the image; each has its own mixtures.
    components : int
        Normal distributions per mixture.
    coefficients : int
        Of the polynomials: 2 for straight lines.

    Attributes
    ----------
    low, high : Tensor
        (channels,): the range of signals, in units of the normalised image.
    logits, offsets, variances : Tensor
        (channels, components, coefficients): of the polynomials in the place in this range,
        from 0 to 1.
    """

    axis = -1
    """Along which `columns` go."""
    low: Tensor
    high: Tensor
    logits: Tensor
    offsets: Tensor
    variances: Tensor

    def __init__(self, channels: int, components: int = 1, coefficients: int = 2) -> None:
        super().__init__()
        self.channels = channels
        shape = channels, components, coefficients
        self.register_buffer("low", torch.zeros(channels))
        self.register_buffer("high", torch.ones(channels))
        self.register_buffer("logits", torch.zeros(shape))
        self.register_buffer("offsets", torch.zeros(shape))
        self.register_buffer("variances", torch.ones(shape))

    def given(self, signal: Tensor) -> GaussianMixture:
        """Return the mixtures for a clean image, (B, channels, ...)."""
        signal = signal.float()
        place = self.place(signal).unsqueeze(2)
        logits, offsets, variances = (
            _polynomial(each, place) for each in (self.logits, self.offsets, self.variances)
        )
        centred = offsets - (logits.softmax(2) * offsets).sum(2, keepdim=True)
        return GaussianMixture(logits, signal.unsqueeze(2) + centred, variances.sqrt())

    def place(self, signal: Tensor) -> Tensor:
        """Return where signals, (B, channels, ...), are in the range of signals, 0 to 1."""
        low, span = (_per_channel(each, signal) for each in (self.low, self.high - self.low))
        return ((signal - low) / span).clamp(0, 1)

    def variance(self, channel: int, signals: Tensor) -> Tensor:
        """Return the variances of a channel for signals of any shape."""
        each = self.given(signals.expand(1, self.channels, *signals.shape))
        return each.variance[0, channel]

    def spread(self, channel: int, count: int) -> Tensor:
        """Return `count` signals spread evenly over the range of a channel."""
        places = torch.linspace(0, 1, count, device=self.low.device)
        return self.low[channel] + places * (self.high[channel] - self.low[channel])

    def log_density(self, noisy: Tensor, signal: Tensor) -> Tensor:
        """Return the log-density of every noisy value given the clean one, in nats."""
        return self.given(signal).log_density(noisy)

    def draws(
        self, batch: int, size: Sequence[int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return uniform and normal draws for `batch` images of `size`, as `columns` needs."""
        shape = (batch, self.channels, *size)
        uniform = torch.rand(shape, generator=generator, device=generator.device)
        return uniform, torch.randn(shape, generator=generator, device=generator.device)

    @torch.no_grad()
    def columns(self, signal: Tensor, draws: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield a noisy image of a clean one, (B, channels, Y, X), column by column."""
        yield from self.given(signal).at(*draws).unbind(self.axis)

    def set_line(
        self, channel: int, constant: float, slope: float, low: float, high: float
    ) -> None:
        """Make the noise of a channel normal, its variance a line.

        Parameters
        ----------
        channel : int
            Of the image.
        constant : float
            Variance of signals of `low` and below.
        slope : float
            By how much it grows per unit of the signal.
        low, high : float
            Range of signals in which it grows.
        """
        high = max(high, low + 1e-6 * (1 + abs(low)))
        self.low[channel], self.high[channel] = low, high
        for each in (self.logits, self.offsets, self.variances):
            each[channel] = 0
        self.variances[channel, :, 0] = constant
        self.variances[channel, :, 1] = slope * (high - low)

    @torch.enable_grad()
    def fit(self, channel: int, signal: Tensor, noisy: Tensor) -> float:
        """Fit the mixtures of a channel by maximum likelihood; returns the log-likelihood.

        Parameters
        ----------
        channel : int
            Of the image.
        signal, noisy : Tensor
            (pairs,): clean values, or estimates of them, and noisy ones.

        Returns
        -------
        float
            Mean log-density of the noisy values, in nats.
        """
        # Of unit noise: the learning rate and the floor are then those of any image.
        unit = max(float((noisy - signal).square().mean().sqrt()), 1e-6)
        one = NoiseMixture(1, *self.logits.shape[1:]).to(signal.device)
        clean, values = (each[None, None] / unit for each in (signal, noisy))
        one.low[0], one.high[0] = clean.min(), clean.max() + 1e-6
        roots, offsets, logits = free = [torch.zeros_like(each) for each in one.buffers()][2:]
        components = logits.shape[1]
        roots[0, :, 0] = torch.linspace(*SPREADS, components) if components > 1 else 1.0
        roots[0, :, 1:] = 0.5
        for each in free:
            each.requires_grad_()
        optimiser = torch.optim.Adam(free, FIT_RATE)
        for step in range(FIT_STEPS + 1):
            # Squares: the logarithms of the published code leave no term away.
            one.variances = torch.square(roots)
            one.variances[..., 0] += FLOOR**2
            one.offsets, one.logits = offsets, logits
            likelihood = one.log_density(values, clean).mean()
            if step < FIT_STEPS:
                optimiser.zero_grad()
                (-likelihood).backward()
                optimiser.step()
        scales = {"logits": 1.0, "variances": unit**2}
        for name, found in one.named_buffers():
            getattr(self, name)[channel] = found[0].detach() * scales.get(name, unit)
        return float(likelihood.detach()) - math.log(unit)


def _polynomial(coefficients: Tensor, place: Tensor) -> Tensor:
    """Return (B, channels, components, ...) for places (B, channels, 1, ...)."""
    ends = [1] * (place.ndim - 3)
    total = torch.zeros_like(place)
    for each in coefficients.unbind(-1)[::-1]:
        total = total * place + each.view(1, *each.shape, *ends)
    return total


def _per_channel(values: Tensor, image: Tensor) -> Tensor:
    return values.view(-1, *[1] * (image.ndim - 2))
