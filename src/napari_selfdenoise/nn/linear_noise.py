"""A model of noise that is correlated along one axis, as it was measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.autoregressive import AXES, Direction
from napari_selfdenoise.nn.noise_mixture import NoiseMixture

TAPS = 3
"""Pixels along the axis of whose noise that of the next one is predicted. Of noise that is
blurred over up to two pixels they tell all but 2 % of the variance that can be told."""
LEAST = 0.05
"""Share of the variance that is the pixel's own, at least: measurements may contradict."""


class LinearNoise(nn.Module):
    """Likelihood of a noisy image given its clean one, for noise along one axis.

    The noise of a pixel is a weighted sum of the noise of the pixels before it on the line,
    plus a part of its own, independent of them, whose strength depends on the clean value.
    Nothing is learned along with the network: like `NoiseMixture`, this is made before, see
    `engine.noise_fit`, and saved with it.

    Parameters
    ----------
    channels : int
        Of the image; each has noise of its own.
    direction : {"x", "y", "none"}
        Along which axis the noise is correlated; "none" for noise that is independent between
        pixels.
    components, coefficients : int
        Of the independent part; see `NoiseMixture`.

    Attributes
    ----------
    own : NoiseMixture
        The independent part.
    weights : Tensor
        (channels, taps), those of the nearest pixel first; no taps with direction "none".
    """

    weights: Tensor

    def __init__(
        self,
        channels: int,
        direction: Direction,
        components: int = 1,
        coefficients: int = 2,
    ) -> None:
        super().__init__()
        self.channels, self.axis = channels, AXES[direction]
        self.own = NoiseMixture(channels, components, coefficients)
        taps = 0 if direction == "none" else TAPS
        self.register_buffer("weights", torch.zeros(channels, taps))

    def set_correlation(self, channel: int, correlation: Sequence[float]) -> None:
        """Set the weights of a channel, where `own` is as strong as all of the noise.

        By the equations of Yule and Walker; what the weights explain is taken out of `own`.

        Parameters
        ----------
        channel : int
            Of the image.
        correlation : sequence of float
            Of the noise along the axis at distances 1, 2, ..., as many as there are weights.
        """
        taps = self.weights.shape[1]
        if not taps:
            return
        # Where there is no noise to measure, a correlation may be 1, and no equation is left.
        most = 1 - LEAST
        apart = torch.tensor(correlation[:taps], dtype=torch.float64).clamp(-most, most)
        known = torch.cat([apart.new_ones(1), apart])
        places = torch.arange(taps)
        between = known[(places[:, None] - places).abs()]
        weights = torch.linalg.solve(between, known[1:])
        self.weights[channel] = weights.to(self.weights)
        left = max(1 - float(weights @ known[1:]), LEAST)
        self.own.variances[channel] *= left
        self.own.offsets[channel] *= left**0.5

    def log_likelihood(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Return the log-density of every value given those before it, in nats; as `noisy`.

        Parameters
        ----------
        noisy, clean : Tensor
            (B, channels, Y, X), normalised.
        """
        with torch.autocast(noisy.device.type, enabled=False):  # differences of close values
            noisy, clean = noisy.float(), clean.float()
            return self.own.log_density(noisy - self._predicted(noisy - clean), clean)

    def draws(
        self, batch: int, size: Sequence[int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return uniform and normal draws for `batch` images of `size`, as `columns` needs."""
        return self.own.draws(batch, size, generator)

    @torch.no_grad()
    def columns(self, clean: Tensor, draws: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield a noisy image of a clean one column by column, or row by row for direction y.

        Each is (B, channels, ...), without the axis of the noise.
        """
        clean = clean.float()
        own = (self.own.given(clean).at(*draws) - clean).unbind(self.axis)
        past: deque[Tensor] = deque(maxlen=self.weights.shape[1])
        for column, noise in zip(clean.unbind(self.axis), own, strict=True):
            for weight, before in zip(self.weights.t(), past, strict=False):
                noise = noise + weight.view(-1, 1) * before
            past.appendleft(noise)
            yield column + noise

    def _predicted(self, noise: Tensor) -> Tensor:
        """Return what the pixels before tell of the noise of each."""
        along = noise.movedim(self.axis, -1)
        total = torch.zeros_like(along)
        for distance, weight in enumerate(self.weights.t(), 1):
            before = functional.pad(along, [distance, -distance])
            total = total + weight.view(-1, 1, 1) * before
        return total.movedim(-1, self.axis)
