"""Fitting an untrained network to one image, and stopping before it fits the noise."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Metrics, Note, Progress, Run
from napari_selfdenoise.engine.device import Compute, Float32Outputs, place
from napari_selfdenoise.engine.prior_fit_config import PriorFitConfig
from napari_selfdenoise.nn.hourglass import Hourglass

INPUTS, INPUT_STRENGTH = 8, 0.1
"""Channels of the random numbers, 32 as published, and the value up to which they are drawn."""
WINDOW = 0.1
"""Share of the newest output in the moving mean whose variance tells when to stop."""
EVERY = 10
"""Steps between two points of the curves."""


class PriorFit:
    """A network with a fixed random input that learns to return one image.

    Source: Ulyanov, Vedaldi, Lempitsky, Deep Image Prior (CVPR 2018), section 3.1 and
    supplement: Adam, noise on the input, exponential average of the outputs. Wang et al.,
    Early Stopping for Deep Image Prior (2021), section 2.3, for the variance of the outputs.

    Parameters
    ----------
    image : ndarray (C, Y, X)
        Normalised, float32.
    config : PriorFitConfig
        Number of steps, learning rate, when to stop.
    seed : int
        Of all random numbers.
    compute : Compute
        Device and precision.

    Attributes
    ----------
    best : Tensor (C, Y, X)
        The average of outputs where the criterion was best; the last if there is none.
    """

    def __init__(
        self, image: NDArray[np.float32], config: PriorFitConfig, seed: int, compute: Compute
    ) -> None:
        self.config, self._compute = config, compute
        device = compute.device
        self._target = torch.from_numpy(image)[None].to(device)
        channels, height, width = image.shape
        self._random = torch.Generator(device).manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Hourglass(INPUTS, channels, config.width, config.levels)
        least = 2 * network.multiple  # normalisation needs several pixels
        sides = (max(_up(side, network.multiple), least) for side in (height, width))
        drawn = torch.rand((1, INPUTS, *sides), generator=self._random, device=device)
        drawn = drawn.to(memory_format=torch.channels_last)
        self._input = INPUT_STRENGTH * drawn
        self._network = Float32Outputs(place(network, device), compute).train()
        self._optimiser = torch.optim.Adam(network.parameters(), config.learning_rate)
        share = config.held_out if config.stopping == "pixels" else 0.0
        shape = (1, 1, height, width)
        self._hidden = torch.rand(shape, generator=self._random, device=device) < share
        self._average = torch.zeros_like(self._target)
        self._moving = torch.zeros_like(self._target)
        self._variance = math.inf
        self.best = self._average[0]
        self._least, self._waited, self._steps = math.inf, 0, 0

    def step(self) -> dict[str, float]:
        """Follow the gradient once; returns the loss and the criterion."""
        config = self.config
        noise = torch.randn(
            self._input.shape, generator=self._random, device=self._input.device
        )
        height, width = self._target.shape[2:]
        seen = self._input + config.input_noise * noise
        output = self._network(seen)[..., :height, :width]
        shown = ~self._hidden
        loss = ((output - self._target).square() * shown).sum() / (
            shown.sum() * output.shape[1]
        ).clamp(min=1)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        values = {"train/fit": loss.item()}
        if not math.isfinite(values["train/fit"]):
            self._waited = config.patience  # what was best before is kept
            return values
        values |= self._judge(output.detach())
        return values

    @property
    def begun(self) -> bool:
        """Whether there is anything better than nothing."""
        return self._steps > 0

    @property
    def ended(self) -> bool:
        """Whether the criterion has not improved for long enough."""
        return self.config.stopping != "never" and self._waited >= self.config.patience

    @torch.no_grad()
    def _judge(self, output: Tensor) -> dict[str, float]:
        """Average the outputs, and keep the average where the criterion is best."""
        self._steps += 1
        decay = min(self.config.output_average, self._steps / (self._steps + 9))
        self._average.lerp_(output, 1 - decay if self._steps > 1 else 1.0)
        criterion = self._criterion(output)
        self._waited += 1
        if criterion <= self._least or self.config.stopping == "never":
            self._least, self._waited = criterion, 0
            self.best = self._average[0].clone()
        return {} if math.isinf(criterion) else {f"stopping/{self._named()}": criterion}

    def _criterion(self, output: Tensor) -> float:
        if self.config.stopping == "pixels" and self._hidden.any():
            error = (self._average - self._target).square() * self._hidden
            return (error.sum() / (self._hidden.sum() * output.shape[1])).item()
        change = mse_loss(output, self._moving).item()
        first = math.isinf(self._variance)
        self._variance = (1 - WINDOW) * (
            WINDOW * change if first else self._variance + WINDOW * change
        )
        self._moving.lerp_(output, WINDOW if self._steps > 1 else 1.0)
        # The first changes are from nothing to something.
        return math.inf if self._steps < 2 / WINDOW else self._variance

    def _named(self) -> str:
        return "held-out pixels" if self._hidden.any() else "variance of outputs"


def run_fit(fit: PriorFit, context: Context, begun: int, total: int, ends: float) -> Run[bool]:
    """Fit until the criterion, the number of steps, the time or the user says stop.

    Parameters
    ----------
    fit : PriorFit
        Afterwards its `best` is the result.
    context : Context
        Its stop is left to be honoured by who asked.
    begun, total : int
        Steps of other images before, and of all.
    ends : float
        Seconds of the run after which to stop; 0 for never.

    Returns
    -------
    bool
        Whether it ended by itself, not by a stop.
    """
    steps = fit.config.steps
    for step in range(1, steps + 1):
        if context.stopping:
            return False
        values = fit.step()
        if step % EVERY == 0 or step == steps:
            yield Metrics(begun + step, values)
        yield Progress(begun + step, total, "fitting")
        if 0 < ends < context.seconds:
            yield Note(f"Time is up after {step} of {steps} steps.")
            break
        if fit.ended:
            yield from _told(fit, step)
            break
    return True


def _told(fit: PriorFit, step: int) -> tuple[Event, ...]:
    best = step - fit.config.patience
    return (Note(f"Stopped after {step} steps: the result is that of step {best}."),)


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
