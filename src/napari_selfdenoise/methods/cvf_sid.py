"""CVF-SID: a network splits the image into a clean one and two kinds of noise.

What it split off it must find again in every other mixture of the same parts: in the clean
image no noise, in the noise nothing clean. The strength of the noise is measured before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import SigmaConfig, setting, with_default
from napari_selfdenoise.core.events import Event, Note
from napari_selfdenoise.data.noise_correlation import (
    LARGEST_STRIDE,
    MOSTLY_WHITE,
    noise_autocorrelation,
)
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn

SIGNS = ((1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (-1, 0), (1, 1))
"""Of noise that follows the signal and noise that does not, in the mixtures to split again."""
LEAST_SIDE = 48
"""Pixels along a side from which on the noise is measured between pixels that are apart."""


@dataclass(frozen=True, kw_only=True)
class CvfSidConfig(SigmaConfig, TrainingConfig):
    """Settings of CVF-SID."""

    mixtures: float = setting(
        0.1,
        low=0.0,
        high=10.0,
        step=0.01,
        help="Weight of splitting the parts again, mixed with other signs; 0.1 as published.",
        advanced=True,
    )
    width: int = setting(
        32,
        low=4,
        high=128,
        step=4,
        help="Channels of the network; 64 as published.",
        advanced=True,
    )
    layers: int = setting(
        9,
        low=5,
        high=17,
        help="Layers that find the clean image; 17 as published. The noise has in proportion.",
        advanced=True,
    )
    steps: int = with_default(TrainingConfig, "steps", 400)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.98)
    augment: bool = with_default(TrainingConfig, "augment", True)
    # Trained on one image: every pixel of it that is denoised is learned from.
    validation_fraction: float = with_default(TrainingConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 150},
        "thorough": {"steps": 4000},
        "paper": {
            "steps": 100_000,
            "width": 64,
            "layers": 17,
            "batch_size": 64,
            "patch_size": 40,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "weight_average": 0.0,
        },
    }

    @property
    def depths(self) -> tuple[int, int, int]:
        """Layers for the clean image, for both kinds of noise together, and for each."""
        return self.layers, round(self.layers * 10 / 17), max(round(self.layers * 5 / 17), 2)


class CvfSid(LearnedMethod[CvfSidConfig]):
    """A clean image, noise that follows it and noise that does not, told apart cyclically.

    Assumes noise whose strength can be measured, and which looks different from structures;
    that it is independent between pixels is not assumed. Fails where noise looks like
    structures: nothing but its strength says how much to take away.

    Deviations from the paper, for a CPU: about half of the layers and channels, and far fewer
    steps of one patch each. The noise's strength, which the paper takes from a file of each
    training image, is measured by `data.noise_level` once for all planes; on every third pixel
    where neighbours are correlated. gamma, the power of the signal that
    noise follows, is 1 as in the published code.
    """

    title = "CVF-SID"
    summary = (
        "Splits the image into a clean one and two kinds of noise, and each mixture again."
    )
    assumes = (
        "Noise of zero mean and measurable strength that looks unlike structures, correlated "
        "or not; keeps part of noise that is coarse."
    )
    handles_correlation = "any"
    psnr_gain = 4.8
    reference = (
        "Neshatavar, Yavartanoo, Son, Lee, CVF-SID: Cyclic Multi-Variate Function for "
        "Self-Supervised Image Denoising by Disentangling Noise from Image, CVPR (2022)"
    )
    learns_from = "one image"
    Config = CvfSidConfig
    normalization = "robust"

    def network(self, config: CvfSidConfig, channels: int) -> nn.Module:
        """Return the function that splits images."""
        from napari_selfdenoise.nn.cyclic import CyclicFunction

        return CyclicFunction(channels, config.width, config.depths)

    def halo(self, config: CvfSidConfig) -> int:
        """Return the radius of the receptive field of the clean image."""
        from napari_selfdenoise.nn.cyclic import radius

        return radius(config.depths)

    def work(self, config: CvfSidConfig) -> float:
        """Count the convolutions of all splits of a step."""
        from napari_selfdenoise.nn.cyclic import multiplications

        splits = 4 + len(SIGNS) * (config.mixtures > 0)
        return splits * multiplications(config.width, config.depths)

    def prediction_work(self, config: CvfSidConfig) -> float:
        """Count the layers that find the clean image."""
        return 9.0 * config.width**2 * (config.layers - 1)

    def stages(self, training: Training, config: CvfSidConfig) -> Iterator[Stage | Event]:
        """Yield the training, for noise of the strength that is measured."""
        patches = training.patches
        if config.sigma > 0:
            sigma = config.sigma / np.asarray(patches.normalization.scale)
        else:
            sigma = _measured(patches.normalised(*patches.places()[0]))
            told = ", ".join(f"{each:.3g}" for each in sigma * patches.normalization.scale)
            yield Note(f"The noise has a standard deviation of {told} (sigma=0 measures it).")

        def split(network: Any, batch: Tensor) -> Mapping[str, Tensor]:
            return _losses(network, batch, batch.new_tensor(sigma), config.mixtures)

        yield Stage("training", config.steps, split, config.learning_rate)


def _measured(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the standard deviation of the noise of each colour of a plane, (C, Y, X).

    Where neighbours are correlated it is measured between pixels that are apart, as far as
    the plane is large enough.
    """
    neighbours = noise_autocorrelation(plane, reach=1)[-2:]
    if min(plane.shape[1:]) >= LEAST_SIDE and neighbours.max() > MOSTLY_WHITE:
        plane = plane[:, ::LARGEST_STRIDE, ::LARGEST_STRIDE]
    return np.array([estimate_sigma(np.ascontiguousarray(colour)) for colour in plane])


def _losses(
    network: Any, noisy: Tensor, sigma: Tensor, mixtures: float
) -> Mapping[str, Tensor]:
    """Return the losses of section 3.3 of the paper, as the published code weighs them."""
    from torch.nn.functional import avg_pool2d, mse_loss

    clean, follows, apart = network.call("split", noisy)
    nothing = clean.new_zeros(())

    def is_zero(image: Tensor) -> Tensor:
        return image.square().mean()

    clean_clean, clean_follows, clean_apart = network.call("split", clean)
    signal_clean, signal_follows, signal_apart = network.call("split", clean + clean * follows)
    noise_clean, _, noise_apart = network.call("split", apart)
    local = avg_pool2d(clean, 7, stride=1, padding=3, count_include_pad=False)
    strength = (
        local.square().mean((2, 3)) * follows.var((2, 3)) + apart.var((2, 3)) + 1e-12
    ).sqrt()
    losses = {
        "consistency": mse_loss(clean + clean * follows + apart, noisy),
        "identity": mse_loss(clean_clean, clean)
        + mse_loss(signal_clean, clean)
        + mse_loss(signal_follows, follows)
        + mse_loss(noise_apart, apart),
        "zero": is_zero(clean_follows)
        + is_zero(clean_apart)
        + is_zero(signal_apart)
        + is_zero(noise_clean),
        "strength": mse_loss(strength, sigma.expand_as(strength)),
    }
    if mixtures == 0:
        return losses
    total = nothing
    for with_signal, without in SIGNS:
        mixed = clean + with_signal * clean * follows + without * apart
        again, follows_again, apart_again = network.call("split", mixed)
        total = total + mse_loss(again, clean)
        total = total + mse_loss(follows_again, with_signal * follows)
        total = total + mse_loss(apart_again, without * apart)
    return {**losses, "mixtures": mixtures * total}
