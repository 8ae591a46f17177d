"""What a method says about its training: stages with losses, and what they may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.data.patches import Patches

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

Losses = Callable[["nn.Module", "Tensor"], Mapping[str, "Tensor"]]
"""``losses(network, batch)`` returns named scalars whose sum is minimised."""
Between = Callable[[int], Iterator[Event]]
"""``between(step)`` is run after `step` steps of a stage; what it yields is told."""


@dataclass(frozen=True)
class Stage:
    """A part of a training with one loss.

    Attributes
    ----------
    name : str
        As shown to users.
    steps : int
        Updates of the network.
    losses : callable
        ``losses(network, batch)`` returns named scalars whose sum is minimised.
    learning_rate : float
        At the start of the stage.
    between : callable, optional
        Run after every step, for methods that do more than to follow a gradient.
    watched : mapping of str to tuple of str
        Names of the losses that tell of each part of the network, for schedule=plateau; a
        part that is missing is judged by all of them.
    sums : mapping of str to tuple of str
        Name -> losses whose sum has a learning curve of its own.
    weight : callable, optional
        ``weight(name)`` returns the factor of a loss in the sum that is minimised at this
        time; curves and validation show losses without it.
    shown : tuple of str
        What `losses` returns besides losses: values that have curves, but are not minimised.
    """

    name: str
    steps: int
    losses: Losses
    learning_rate: float
    between: Between | None = None
    watched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weight: Callable[[str], float] | None = None
    shown: tuple[str, ...] = ()

    def curves(self, losses: Mapping[str, float]) -> dict[str, float]:
        """Return the losses and their sums, as far as they are among the losses."""
        sums = {
            name: sum(losses[each] for each in parts)
            for name, parts in self.sums.items()
            if set(parts) <= set(losses)
        }
        return {**sums, **losses}


@dataclass(frozen=True, eq=False)
class Training:
    """What a method may use while it makes the stages of a training.

    Attributes
    ----------
    network : torch.nn.Module
        Under training.
    patches : Patches
        Where batches come from; its random numbers are those of the training.
    context : Context
        Device and stop flag.
    restored : callable
        ``restored(source, plane)`` returns a plane of ``patches.sources``, denoised with
        what has been learned so far and normalised: (channels, Y, X), float32.
    share : callable
        ``share()`` returns how much of the stage at hand is done, 0 to 1.
    """

    network: nn.Module
    patches: Patches
    context: Context
    restored: Callable[[int, int], NDArray[np.float32]]
    share: Callable[[], float]

    def generator(self, network: nn.Module, batch: Tensor) -> torch.Generator:
        """Return random numbers for a loss: new while training, the same for validation.

        Parameters
        ----------
        network : torch.nn.Module
            As the loss got it; it knows whether it is being trained.
        batch : Tensor
            On the device where the random numbers are made.
        """
        import torch

        seed = int(self.patches.rng.integers(2**62)) if network.training else 0
        return torch.Generator(batch.device).manual_seed(seed)
