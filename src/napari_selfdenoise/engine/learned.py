"""Methods with a network. The engine trains it, predicts with it and saves it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import check_targets
from napari_selfdenoise.data.normalization import Policy
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

Schedule = Literal["constant", "halve", "cosine", "linear", "fifths", "plateau"]
Optimiser = Literal["adam", "adamax"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Settings of every method that trains a network."""

    steps: int = setting(2000, low=1, high=10_000_000, step=100, help="Updates of the network.")
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
        "quarter, along a cosine to zero, linearly to zero in the second half, to a fifth "
        "after 30 % and again after 60 %, or for each part of the network to a tenth when its "
        "validation no longer improves.",
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
        help="Turn the patches by multiples of 90 degrees and mirror them at random; not by "
        "90 degrees where the method takes the noise to have a direction.",
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

MULTIPLICATIONS = 80e9
"""Of an ordinary core, with additions, in a second."""


class LearnedMethod(Method[L]):
    """A method with a network. The engine trains it, predicts with it and saves it."""

    normalization: ClassVar[Policy] = "standard"
    """What the network sees: mean 0 and deviation 1, or the range 0 to 1."""
    multiple: ClassVar[int] = 1
    """Sides of training patches are multiples of this."""
    keeps_brightness: ClassVar[bool] = True
    """Whether the noise it assumes has zero mean, so that denoising must keep the mean."""

    @abstractmethod
    def network(self, config: L, channels: int) -> nn.Module:
        """Return an untrained network for images of `channels` colour samples."""

    def directed(self, config: L) -> bool:
        """Return whether the noise is taken to be correlated along one axis (settled)."""
        return False

    def settle(self, config: L, images: Sequence[Image]) -> Run[L]:
        """Return the settings with what is automatic decided on the images to train on."""
        yield from ()
        return config

    @abstractmethod
    def halo(self, config: L) -> int:
        """Return the radius of the network's receptive field in pixels."""

    def tile_size(self, config: L) -> int:
        """Return the side that all tiles have in prediction, in pixels; 0 for any.

        For networks whose output depends on all of their input, for example through a
        normalisation, and which predict at the size they were trained at. Neighbouring tiles
        overlap by two halos, and fade into each other. Such a method settles `patch_size`.
        """
        return 0

    def beside(self, config: L) -> int:
        """Return how many planes on each side the network sees with the one it denoises.

        Their channels come after its own, in a batch and in what the network gets, but not in
        its output.
        """
        return 0

    def inputs(self, config: L, channels: int) -> int:
        """Return the channels of a plane and those beside it, for `channels` of a plane."""
        return channels * (1 + 2 * self.beside(config))

    def centre(self, noise: NDArray[np.float32], config: L) -> NDArray[np.floating[Any]]:
        """Return what is zero of noise, (channels, pixels), for each channel: its mean.

        The loss decides: one that finds medians, not means, lets the median of noise be zero.
        """
        means: NDArray[np.float64] = noise.mean(axis=1, dtype=float)
        return means

    @abstractmethod
    def work(self, config: L) -> float:
        """Return the multiplications per trained pixel and step, forward; for the forecast."""

    def prediction_work(self, config: L) -> float:
        """Return the multiplications per pixel that is denoised; for the forecast."""
        return self.work(config)

    def pairs(
        self, images: Sequence[Image], targets: Sequence[Image]
    ) -> Run[tuple[Sequence[Image], Sequence[Image]]]:
        """Return the images to train on and the target of each, from those that were given.

        A method without `target` has none.
        """
        yield from ()
        if not self.target:
            return images, ()
        check_targets(self.title, self.target, images, targets)
        return images, targets

    def losses(self, network: nn.Module, batch: Tensor, config: L) -> Mapping[str, Tensor]:
        """Return named losses, whose sum is minimised.

        A method with `stages` of its own need not have it.

        Parameters
        ----------
        network : torch.nn.Module
            Called with (B, C, Y, X); returns float32.
        batch : Tensor
            Normalised noisy patches, (B, C, Y, X), float32. After the image's own channels
            come those of planes `beside`, and with a `target` its channels.
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
        """Return expected seconds of training and prediction; see `Method.forecast`."""
        pixels = float(np.prod(image.shape)) / image.size("S")
        prediction = pixels * self.prediction_work(config) / MULTIPLICATIONS
        return self.training_seconds(image, config) + prediction

    def training_seconds(self, image: Image, config: L) -> float:
        """Return the seconds that the training is expected to take."""
        sides = [min(config.patch_size or size, size) for size in image.shape]
        patch = [sides[image.axes.index(axis)] for axis in "YX"]
        networks = image.size("C")
        if config.network_per == "plane":
            planes = [image.size(axis) for axis in "QTCZ"]
            networks = int(np.prod(planes))
        # Forward and backward are three forward passes.
        pixels = (
            config.steps
            * config.accumulate
            * config.batch_size
            * patch[0]
            * patch[1]
            * networks
        )
        return 2.0 + 3 * pixels * self.work(config) / MULTIPLICATIONS
