"""Methods with a network. The engine trains it, predicts with it and saves it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import numpy as np

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.normalization import Policy
from napari_selfdenoise.data.patches import Patches

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

Losses = Callable[["nn.Module", "Tensor"], Mapping[str, "Tensor"]]
"""``losses(network, batch)`` returns named scalars whose sum is minimised."""


Between = Callable[[int], Iterator[Event]]
"""``between(step)`` is run after `step` steps of a stage; what it yields is told."""

Schedule = Literal["constant", "halve", "cosine", "fifths", "plateau"]
Optimiser = Literal["adam", "adamax"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Settings of every method that trains a network."""

    steps: int = setting(2000, low=1, high=1_000_000, step=100, help="Updates of the network.")
    batch_size: int = setting(1, low=1, high=256, help="Patches per step.", advanced=True)
    patch_size: int = setting(
        128,
        low=0,
        high=2048,
        step=16,
        help="Side of the training patches in pixels; 0 takes whole planes.",
        advanced=True,
    )
    learning_rate: float = setting(
        1e-3,
        low=1e-6,
        high=1.0,
        step=1e-6,
        help="Size of the updates at the start of training.",
        advanced=True,
    )
    schedule: Schedule = setting(
        "cosine",
        help="How the learning rate falls in each stage: not at all, by half for the last "
        "quarter, along a cosine to zero, to a fifth after 30 % and again after 60 %, or for "
        "each part of the network to a tenth when its validation no longer improves.",
        advanced=True,
    )
    plateau: int = setting(
        10,
        low=1,
        high=1000,
        help="Validations without improvement after which schedule=plateau lowers the "
        "learning rate.",
        advanced=True,
    )
    optimiser: Optimiser = setting(
        "adam", help="How the network's weights follow the gradient.", advanced=True
    )
    accumulate: int = setting(
        1,
        low=1,
        high=1024,
        help="Batches that make up one step: large batches in little memory.",
        advanced=True,
    )
    weight_average: float = setting(
        0.0,
        low=0.0,
        high=0.9999,
        step=1e-4,
        help="Decay per step of a running average of the network's weights, which then "
        "predicts instead of the last weights; 0 for none.",
        advanced=True,
    )
    augment: bool = setting(
        False,
        help="Turn the patches by multiples of 90 degrees and mirror them at random.",
        advanced=True,
    )
    validation_fraction: float = setting(
        0.1,
        low=0.0,
        high=0.5,
        step=0.01,
        help="Share of the image, a place of its own, that is kept out of training to find "
        "the best weights; 0 trains on everything.",
        advanced=True,
    )
    patience: int = setting(
        0,
        low=0,
        high=1000,
        help="Validations without improvement after which training ends; 0 for never.",
        advanced=True,
    )
    gradient_clip: float = setting(
        0.0,
        low=0.0,
        high=1000.0,
        step=0.1,
        help="Largest norm of the gradient of each part of the network; 0 for no limit.",
        advanced=True,
    )
    network_per: Literal["stack", "plane"] = setting(
        "stack",
        help="Train one network on all planes of a stack, or one for each plane.",
        advanced=True,
    )


L = TypeVar("L", bound=TrainingConfig)


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
    """

    name: str
    steps: int
    losses: Losses
    learning_rate: float
    between: Between | None = None
    watched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weight: Callable[[str], float] | None = None

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


class LearnedMethod(Method[L]):
    """A method with a network. The engine trains it, predicts with it and saves it."""

    normalization: ClassVar[Policy] = "standard"
    """What the network sees: mean 0 and deviation 1, or the range 0 to 1."""
    multiple: ClassVar[int] = 1
    """Sides of training patches are multiples of this."""
    target: ClassVar[str] = ""
    """What each image to train on must come with, ``"a clean image"`` for example, in
    ``context.targets``; then a batch has the target's channels after the image's own."""
    keeps_brightness: ClassVar[bool] = True
    """Whether the noise it assumes has zero mean, so that denoising must keep the mean."""

    @abstractmethod
    def network(self, config: L, channels: int) -> nn.Module:
        """Return an untrained network for images of `channels` colour samples."""

    def settle(self, config: L, images: Sequence[Image]) -> Run[L]:
        """Return the settings with what is automatic decided on the images to train on."""
        yield from ()
        return config

    @abstractmethod
    def halo(self, config: L) -> int:
        """Return the radius of the network's receptive field in pixels."""

    @abstractmethod
    def work(self, config: L) -> float:
        """Return the multiplications per trained pixel and step, forward; for the forecast."""

    def losses(self, network: nn.Module, batch: Tensor, config: L) -> Mapping[str, Tensor]:
        """Return named losses, whose sum is minimised.

        A method with `stages` of its own need not have it.

        Parameters
        ----------
        network : torch.nn.Module
            Called with (B, C, Y, X); returns float32.
        batch : Tensor
            Normalised noisy patches, (B, C, Y, X), float32.
        config : TrainingConfig
            The method's settings.
        """
        raise NotImplementedError

    def stages(self, training: Training, config: L) -> Iterator[Stage | Event]:
        """Yield the stages of training; a stage is asked for when the one before is done."""
        yield Stage(
            "training",
            config.steps,
            lambda network, batch: self.losses(network, batch, config),
            config.learning_rate,
        )

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Return the denoised tile, (B, C, Y, X), of a normalised noisy one."""
        denoised: Tensor = network(tile)
        return denoised

    def parts(self, network: nn.Module) -> dict[str, nn.Module]:
        """Return the parts that have an optimiser, a gradient limit and a plateau each."""
        return {"network": network}

    def denoise(self, image: Image, config: L, context: Context) -> Run[Result]:
        """Train on `image`, then denoise it; see `Method.denoise`."""
        # torch takes seconds to import, and this module is read to list the methods.
        from napari_selfdenoise.engine.runs import train_and_apply

        result = yield from train_and_apply(self, image, config, context)
        return result

    def forecast(self, image: Image, config: L) -> float:
        """Return expected seconds, training only; see `Method.forecast`."""
        sides = [min(config.patch_size or size, size) for size in image.shape]
        patch = [sides[image.axes.index(axis)] for axis in "YX"]
        networks = image.size("C")
        if config.network_per == "plane":
            planes = [image.size(axis) for axis in "QTCZ"]
            networks = int(np.prod(planes))
        # Forward and backward are three forward passes; an ordinary core does 80 GMAC/s.
        pixels = (
            config.steps
            * config.accumulate
            * config.batch_size
            * patch[0]
            * patch[1]
            * networks
        )
        return 2.0 + 3 * pixels * self.work(config) / 80e9
