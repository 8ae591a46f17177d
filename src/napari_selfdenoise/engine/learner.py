"""A network being trained: optimiser, running average, snapshots."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_selfdenoise.engine.device import Compute, Float32Outputs, place
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.engine.stages import Losses

State = dict[str, Tensor]


class Learner:
    """A network being trained: optimiser, running average, snapshots.

    Parameters
    ----------
    network : torch.nn.Module
        Moved to the device, in channels-last layout.
    parts : mapping of str to torch.nn.Module
        Parts of the network that have a learning rate and a gradient limit of their own.
    config : TrainingConfig
        The method's settings.
    compute : Compute
        Device and precision.

    Attributes
    ----------
    predictor : torch.nn.Module
        The network to predict with: the running average, or the network itself.
    """

    def __init__(
        self,
        network: nn.Module,
        parts: Mapping[str, nn.Module],
        config: TrainingConfig,
        compute: Compute,
    ) -> None:
        self.network = place(network, compute.device)
        averaged = config.weight_average > 0
        self.predictor = copy.deepcopy(self.network).eval() if averaged else self.network
        self.parts, self.config, self.compute = parts, config, compute
        self._steps = 0
        self.begin()

    def begin(self) -> None:
        """Start a stage: forget the optimiser's momentum."""
        groups = [
            {"params": list(part.parameters()), "name": name}
            for name, part in self.parts.items()
        ]
        self.optimiser: torch.optim.Optimizer
        if self.config.optimiser == "adamax":
            self.optimiser = torch.optim.Adamax(groups, foreach=True)
        else:
            fused = self.compute.device.type in ("cpu", "cuda")
            self.optimiser = torch.optim.Adam(groups, fused=fused)
        self._steps = 0

    def tensor(self, patches: NDArray[np.float32]) -> Tensor:
        """Return patches as a tensor on the device, channels last in memory."""
        on_device = torch.from_numpy(patches).to(self.compute.device)
        return on_device.contiguous(memory_format=torch.channels_last)

    def loss(
        self,
        losses: Losses,
        batch: Tensor,
        weight: Callable[[str], float] | None = None,
        shown: Collection[str] = (),
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted sum of the losses, and each of them without its weight.

        What is only `shown` is not in the sum.
        """
        named = losses(Float32Outputs(self.network, self.compute), batch)
        parts = [
            value * weight(name) if weight else value
            for name, value in named.items()
            if name not in shown
        ]
        total = torch.stack(parts).sum()
        return total, {name: float(value.detach()) for name, value in named.items()}

    def follow(self, total: Tensor) -> None:
        """Add the gradient of one of the batches that make up a step."""
        (total / self.config.accumulate).backward()

    def update(self, rates: Mapping[str, float]) -> None:
        """Make a step along the gradient, with the learning rate of each part."""
        if self.config.gradient_clip > 0:
            limit = self.config.gradient_clip
            norms = [
                nn.utils.clip_grad_norm_(part.parameters(), limit)
                for part in self.parts.values()
            ]
            # bfloat16 may overflow on the way back although the loss is finite; such a step
            # would leave nothing of the network.
            if not torch.stack(norms).isfinite().all():
                self.optimiser.zero_grad()
                return
        for group in self.optimiser.param_groups:
            group["lr"] = rates[group["name"]]
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._steps += 1
        if self.predictor is not self.network:
            self._update_average()

    @torch.no_grad()
    def validate(self, losses: Losses, batches: Tensor) -> dict[str, float]:
        """Return the losses of the predictor on held-out patches."""
        training = self.predictor.training
        network = Float32Outputs(self.predictor.eval(), self.compute)
        means: dict[str, float] = {}
        for batch in batches.split(self.config.batch_size):
            for name, value in losses(network, batch).items():
                share = float(value) * len(batch) / len(batches)
                means[name] = means.get(name, 0.0) + share
        self.predictor.train(training)
        return means

    def snapshot(self) -> State:
        """Return copies of the predictor's weights."""
        return {name: value.clone() for name, value in self.predictor.state_dict().items()}

    def adopt(self, weights: State) -> None:
        """Take `weights` as those of the network and of its average."""
        self.network.load_state_dict(weights)
        self.predictor.load_state_dict(weights)

    def state(self) -> State:
        """Return everything needed to go on: weights, average, optimiser."""
        state = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        state |= {f"average/{name}": each for name, each in self.predictor.state_dict().items()}
        for number, slots in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{number}/{name}": value for name, value in slots.items()}
        state["steps"] = torch.tensor(self._steps)
        return {name: value.detach().clone().contiguous() for name, value in state.items()}

    def load_state(self, state: State) -> None:
        """Go on from what `state` returned."""
        self.network.load_state_dict(under("network/", state))
        self.predictor.load_state_dict(under("average/", state))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in under("optimiser/", state).items():
            number, _, slot = name.partition("/")
            slots.setdefault(int(number), {})[slot] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.optimiser.zero_grad()
        self._steps = int(state["steps"])

    @torch.no_grad()
    def _update_average(self) -> None:
        # The first steps count little: they are far from where the weights end.
        decay = min(self.config.weight_average, (1 + self._steps) / (10 + self._steps))
        averages: list[Tensor] = list(self.predictor.parameters())
        weights: list[Tensor] = list(self.network.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)
        for average, value in zip(
            self.predictor.buffers(), self.network.buffers(), strict=True
        ):
            average.copy_(value)


def under(prefix: str, state: Mapping[str, Tensor]) -> State:
    """Return the entries whose name starts with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix)
    }
