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
KNOTS = 16
"""Signals for which weights are computed; between them they are on straight lines."""


class LinearNoise(nn.Module):
    """Likelihood of a noisy image given its clean one, for noise along one axis.

    The noise of a pixel is a weighted sum of the noise of the pixels before it on the line,
    plus a part of its own, independent of them. The weights depend on the clean value: where
    noise that is equally strong everywhere, as that of reading out, runs along the line, and
    that of photons does not, dark pixels are the more correlated ones.
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
        All of the noise of a pixel, by itself.
    weights : Tensor
        (channels, taps, knots), those of the nearest pixel first, for signals spread evenly
        over the range of `own`; no taps with direction "none".
    left : Tensor
        (channels, 1, knots): standard deviation of the independent part over that of `own`.
    """

    weights: Tensor
    left: Tensor

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
        self.register_buffer("weights", torch.zeros(channels, taps, KNOTS))
        self.register_buffer("left", torch.ones(channels, 1, KNOTS))
        self.register_load_state_dict_pre_hook(_with_knots)  # type: ignore[no-untyped-call]

    def set_correlation(
        self,
        channel: int,
        correlation: Sequence[float],
        signal: float = 0.0,
        growing: float = 1.0,
    ) -> None:
        """Set the weights of a channel whose `own` is set, by the equations of Yule and Walker.

        Parameters
        ----------
        channel : int
            Of the image.
        correlation : sequence of float
            Of the noise along the axis at distances 1, 2, ..., as many as there are weights.
        signal : float
            Where it was measured, in units of the normalised image.
        growing : float
            Share of the noise along the line that grows as all of the noise does, 0 to 1. The
            rest is equally strong everywhere.
        """
        taps = self.weights.shape[1]
        if not taps:
            return
        signals = self.own.spread(channel, KNOTS)
        everywhere = self.own.variance(channel, signals).double()
        there = self.own.variance(channel, signals.new_tensor([signal])).double()
        strength = growing + (1 - growing) * there / everywhere
        apart = torch.tensor([0.0, *correlation[:taps]], dtype=torch.float64)
        places = torch.arange(taps + 1)
        between = apart[(places[:, None] - places).abs()].to(strength.device)
        # More than this no noise can be correlated, whatever was measured.
        most = (1 - LEAST) / max(-float(torch.linalg.eigvalsh(between)[0]), 1e-6)
        matrices = strength.clamp(max=most).view(-1, 1, 1) * between
        before = matrices[:, 1:, 1:] + torch.eye(taps).to(matrices)
        weights = torch.linalg.solve(before, matrices[:, 1:, 0])
        self.weights[channel] = weights.t().to(self.weights)
        left = 1 - (weights * matrices[:, 1:, 0]).sum(1)
        self.left[channel, 0] = left.sqrt().to(self.left)

    def log_likelihood(self, noisy: Tensor, clean: Tensor) -> Tensor:
        """Return the log-density of every value given those before it, in nats; as `noisy`.

        Parameters
        ----------
        noisy, clean : Tensor
            (B, channels, Y, X), normalised.
        """
        with torch.autocast(noisy.device.type, enabled=False):  # differences of close values
            noisy, clean = noisy.float(), clean.float()
            if not self.weights.shape[1]:
                return self.own.log_density(noisy, clean)
            noise, left = noisy - clean, self._at(self.left, clean).squeeze(2)
            alone = (noise - self._predicted(noise, clean)) / left
            return self.own.log_density(clean + alone, clean) - left.log()

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
        left = self._at(self.left, clean).squeeze(2)
        own = (left * (self.own.given(clean).at(*draws) - clean)).unbind(self.axis)
        weights = self._at(self.weights, clean).unbind(self.axis)
        past: deque[Tensor] = deque(maxlen=self.weights.shape[1])
        for column, noise, each in zip(clean.unbind(self.axis), own, weights, strict=True):
            for weight, before in zip(each.unbind(2), past, strict=False):
                noise = noise + weight * before
            past.appendleft(noise)
            yield column + noise

    def _predicted(self, noise: Tensor, clean: Tensor) -> Tensor:
        """Return what the pixels before tell of the noise of each."""
        weights = self._at(self.weights, clean).movedim(self.axis, -1)
        along = noise.movedim(self.axis, -1)
        total = torch.zeros_like(along)
        for distance, weight in enumerate(weights.unbind(2), 1):
            total = total + weight * functional.pad(along, [distance, -distance])
        return total.movedim(-1, self.axis)

    def _at(self, table: Tensor, clean: Tensor) -> Tensor:
        """Return (B, channels, n, ...): a table of (channels, n, knots), at these signals."""
        place = self.own.place(clean) * (KNOTS - 1)
        knot = place.detach().floor().clamp(max=KNOTS - 2)
        above = (place - knot).unsqueeze(2)
        found = []
        for each, at, part in zip(table, knot.long().unbind(1), above.unbind(1), strict=True):
            low, high = each[:, at].movedim(0, 1), each[:, at + 1].movedim(0, 1)
            found.append(low + part * (high - low))
        return torch.stack(found, 1)


def _with_knots(_noise: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Read models from when the weights were the same for all signals.

    What the weights explain was then taken out of `own` itself.
    """
    weights = state.get(f"{prefix}weights")
    if weights is not None and weights.ndim == 2:
        state[f"{prefix}weights"] = weights.unsqueeze(2).repeat(1, 1, KNOTS)
        state[f"{prefix}left"] = weights.new_ones(len(weights), 1, KNOTS)
