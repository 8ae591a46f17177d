"""Noise that is linear along one axis, and as strong as was measured, until it learns more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.autoregressive import AXES, Direction
from napari_selfdenoise.nn.mixture import GaussianMixture
from napari_selfdenoise.nn.noise_mixture import NoiseMixture

TAPS = 3
"""Pixels along the axis of whose noise that of the next one is predicted. Of noise that is
blurred over up to two pixels they tell all but 2 % of the variance that can be told."""
WIDTH = 16
"""Channels of the layers that learn how the noise depends on the signal."""
LEAST = 0.05
"""Share of the variance that is the pixel's own, at least: measurements may contradict."""
SPREAD = 0.5
"""Between the logarithms of which, and its negative, the widths of the normal distributions
are spread at the start, relative to what was measured."""


class LinearNoise(nn.Module):
    """Likelihood of a noisy image given its clean one, for noise along one axis.

    The noise of a pixel is a weighted sum of the noise of the pixels before it on the line,
    plus a part of its own that is independent of them: a mixture of normal distributions, of
    mean zero, that depends on the clean value. Weights and strength begin as measured, see
    `begin`; weights, and what the mixture is beyond a single normal distribution, are learned.

    The model of the noise of COSDD with its least freedom. One that sees more, the code and
    the noisy image itself, explains also structures as noise, and these then are missing in
    the clean image.

    Parameters
    ----------
    channels : int
        Of the image; each has weights and mixtures of its own.
    direction : {"x", "y", "none"}
        Along which axis the noise is correlated; "none" for noise that is independent between
        pixels.
    components : int
        Normal distributions per mixture.

    Attributes
    ----------
    measured : NoiseMixture
        How strong the independent part is at each intensity.
    weights : Tensor
        (channels, taps), those of the nearest pixel first; none with direction "none".
    """

    def __init__(self, channels: int, direction: Direction, components: int = 3) -> None:
        super().__init__()
        self.channels, self.axis = channels, AXES[direction]
        self.measured = NoiseMixture(channels)
        self.weights = nn.Parameter(torch.zeros(channels, 0 if direction == "none" else TAPS))
        inner, outer = WIDTH * channels, 3 * components * channels
        last = nn.Conv2d(inner, outer, 1, groups=channels)
        nn.init.zeros_(last.weight)
        # Components that are all alike would stay so.
        spread = torch.linspace(-SPREAD, SPREAD, components + 2)[1:-1]
        start = torch.zeros(channels, 3, components)
        start[:, 2] = spread
        last.bias = nn.Parameter(start.flatten())
        self.learned = nn.Sequential(
            nn.Conv2d(channels, inner, 1, groups=channels), nn.ReLU(), last
        )

    def begin(self, channel: int, correlation: Sequence[float]) -> None:
        """Set the weights of a channel, whose ``measured`` strength is that of all noise.

        By the equations of Yule and Walker; what the weights explain is no longer in the
        independent part.

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
        known = torch.tensor([1.0, *correlation], dtype=torch.float64)[: taps + 1]
        places = torch.arange(taps)
        between = known[(places[:, None] - places).abs()]
        weights = torch.linalg.solve(between, known[1:])
        independent = max(1 - float(weights @ known[1:]), LEAST)
        with torch.no_grad():
            self.weights[channel] = weights.to(self.weights)
        self.measured.variances[channel] *= independent

    def log_likelihood(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Return the log-density of every value given those before it, in nats; as `noisy`.

        Parameters
        ----------
        noisy, clean : Tensor
            (B, channels, Y, X), normalised.
        """
        with torch.autocast(noisy.device.type, enabled=False):  # differences of close values
            noisy, clean = noisy.float(), clean.float()
            return self._given(clean).log_density(noisy - self._predicted(noisy - clean))

    def draws(
        self, batch: int, size: Sequence[int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return uniform and normal draws for `batch` images of `size`, as `columns` needs."""
        return self.measured.draws(batch, size, generator)

    @torch.no_grad()
    def columns(self, clean: Tensor, draws: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield a noisy image of a clean one column by column, or row by row for direction y.

        Each is (B, channels, ...), without the axis of the noise.
        """
        clean = clean.float()
        own = (self._given(clean).at(*draws) - clean).unbind(self.axis)
        past: deque[Tensor] = deque(maxlen=self.weights.shape[1])
        for column, noise in zip(clean.unbind(self.axis), own, strict=True):
            for weight, before in zip(self.weights.t(), past, strict=False):
                noise = noise + weight.view(-1, 1) * before
            past.appendleft(noise)
            yield column + noise

    def _given(self, clean: Tensor) -> GaussianMixture:
        """Return the mixtures around the clean values, without the noise of other pixels."""
        measured = self.measured.given(clean)
        apart = self.learned(clean).unflatten(1, (self.channels, 3, -1))
        logits, offsets, ratios = apart.unbind(2)
        centred = offsets - (logits.softmax(2) * offsets).sum(2, keepdim=True)
        return GaussianMixture(
            logits,
            measured.means + measured.stds * centred,
            measured.stds * ratios.clamp(-3, 3).exp(),
        )

    def _predicted(self, noise: Tensor) -> Tensor:
        """Return what the pixels before tell of the noise of each."""
        along = noise.movedim(self.axis, -1)
        total = torch.zeros_like(along)
        for distance, weight in enumerate(self.weights.t(), 1):
            before = functional.pad(along, [distance, -distance])
            total = total + weight.view(-1, 1, 1) * before
        return total.movedim(-1, self.axis)
