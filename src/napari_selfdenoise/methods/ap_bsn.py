"""AP-BSN: a blind-spot network for noise that reaches the neighbours of a pixel.

A network that cannot see the pixel it predicts learns on sub-images of every n-th pixel, in
which the noise is independent, and denoises denser ones, which keep more detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

Stride = Literal["auto", "1", "2", "3", "4", "5", "6"]
LARGEST = 6


@dataclass(frozen=True, kw_only=True)
class ApBsnConfig(TrainingConfig):
    """Settings of AP-BSN."""

    training_stride: Stride = setting(
        "auto",
        help="The network learns on sub-images of every n-th pixel, between which the noise "
        "must be independent; 5 as published, auto measures how far it reaches.",
    )
    denoising_stride: Stride = setting(
        "auto",
        help="It denoises sub-images of every n-th pixel; a smaller n keeps finer detail and "
        "more of the noise. 2 as published, auto goes by the noise.",
    )
    refinement: bool = setting(
        True,
        help="Denoise again, with a random part of the noisy pixels put back, and average: "
        "removes what is left between sub-images, in as many more passes.",
    )
    replaced: float = setting(
        0.16,
        low=0.0,
        high=1.0,
        step=0.01,
        help="Share of noisy pixels in the images of the refinement.",
        advanced=True,
    )
    passes: int = setting(8, low=1, high=64, help="Images of the refinement.", advanced=True)
    width: int = setting(
        32,
        low=4,
        high=256,
        step=4,
        help="Channels of the network; 128 as published.",
        advanced=True,
    )
    blocks: int = setting(
        4,
        low=1,
        high=20,
        help="Dilated convolutions in each branch of the network; 9 as published.",
        advanced=True,
    )
    loss: Literal["l1", "l2"] = setting(
        "l2",
        help="Whether the network learns by absolute differences, as published, which find "
        "the median of the noise, or by squared ones, which find its mean.",
        advanced=True,
    )
    steps: int = with_default(TrainingConfig, "steps", 600)
    patch_size: int = with_default(TrainingConfig, "patch_size", 120)
    learning_rate: float = with_default(TrainingConfig, "learning_rate", 4e-3)
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.99)
    augment: bool = with_default(TrainingConfig, "augment", True)
    # Trained on one image: every pixel of it that is denoised is learned from.
    validation_fraction: float = with_default(TrainingConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 300},
        "thorough": {"steps": 5000, "width": 64, "blocks": 6},
        "paper": {
            "training_stride": "5",
            "denoising_stride": "2",
            "width": 128,
            "blocks": 9,
            "loss": "l1",
            "steps": 100_000,
            "batch_size": 8,
            "learning_rate": 1e-4,
            "weight_average": 0.0,
        },
    }

    @property
    def strides(self) -> tuple[int, int]:
        """Those of training and denoising; 1 for what is not decided yet."""
        given = self.training_stride, self.denoising_stride
        first, second = (1 if each == "auto" else int(each) for each in given)
        return first, second


class ApBsn(LearnedMethod[ApBsnConfig]):
    """Blind-spot network on sub-images, of different strides in training and denoising.

    Assumes noise of zero mean that is independent between pixels a few apart, and structures
    that sub-images still show. Fails on structures as fine as the training stride, which
    a network trained on sub-images has never seen as they are, and on noise that reaches
    farther than the strides go.
    """

    title = "AP-BSN"
    summary = (
        "Trains a blind-spot network on sub-images, between whose pixels no noise is shared."
    )
    assumes = (
        "Noise of zero mean, correlated over no more than a few pixels, in any direction; "
        "structures finer than that are lost."
    )
    handles_correlation = "any"
    reference = (
        "Lee, Son, Lee, AP-BSN: Self-Supervised Denoising for Real-World Images via Asymmetric "
        "PD and Blind-Spot Network, CVPR (2022)"
    )
    learns_from = "one image"
    psnr_gain = 7.4
    Config = ApBsnConfig

    def settle(self, config: ApBsnConfig, images: Sequence[Image]) -> Run[ApBsnConfig]:
        """Choose the strides by how far the noise reaches."""
        if "auto" not in (config.training_stride, config.denoising_stride):
            return config
        return (yield from _measured_strides(config, images))

    def network(self, config: ApBsnConfig, channels: int) -> nn.Module:
        """Return the blind-spot network in what takes images apart for it."""
        from napari_selfdenoise.nn.dilated_blind_spot import (
            AsymmetricBlindSpot,
            DilatedBlindSpotNetwork,
        )

        network = DilatedBlindSpotNetwork(channels, config.width, config.blocks)
        passes = config.passes if config.refinement else 0
        return AsymmetricBlindSpot(network, *config.strides, passes, config.replaced)

    def halo(self, config: ApBsnConfig) -> int:
        """Return the radius of both passes, up to a multiple of the period of the masks."""
        from napari_selfdenoise.nn.dilated_blind_spot import PERIOD, radius

        passes = config.strides[1] + (1 if config.refinement else 0)
        return PERIOD * ceil(passes * radius(config.blocks) / PERIOD)

    def work(self, config: ApBsnConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.dilated_blind_spot import multiplications

        return multiplications(config.width, config.blocks)

    def prediction_work(self, config: ApBsnConfig) -> float:
        """Count the passes: one for all sub-images, and those of the refinement."""
        return self.work(config) * (1 + config.passes * config.refinement)

    def losses(self, network: Any, batch: Tensor, config: ApBsnConfig) -> Mapping[str, Tensor]:
        """Return the difference from the noisy image, of which no pixel saw its own."""
        from torch.nn.functional import l1_loss, mse_loss

        difference = l1_loss if config.loss == "l1" else mse_loss
        (predicted,) = network.call("prediction", batch)
        return {"prediction": difference(predicted, batch)}


def _measured_strides(config: ApBsnConfig, images: Sequence[Image]) -> Run[ApBsnConfig]:
    """Choose the strides that are not given, and say why."""
    from napari_selfdenoise.data.noise_correlation import (
        MOSTLY_WHITE,
        WHITE,
        noise_autocorrelation,
    )
    from napari_selfdenoise.data.planes import sample_planes

    reach = [noise_autocorrelation(each, LARGEST)[-2:] for each in sample_planes(images)]
    # Distances that a small image does not have are not correlated.
    far = np.nan_to_num(np.abs(reach)).max(axis=(0, 1))
    # So little between neighbours may be fine structure, which sub-images would lose.
    independent = np.flatnonzero(far < [MOSTLY_WHITE, *[WHITE] * (LARGEST - 1)])
    first = int(independent[0]) + 1 if len(independent) else LARGEST - 1
    # What little correlation is left would be learned; denoising suffers less from it.
    farther = first + 2 if first > 1 else 1
    chosen = {"training_stride": min(farther, LARGEST), "denoising_stride": first}
    values = config.to_json()
    named = {name: str(each) for name, each in chosen.items() if values[name] == "auto"}
    told = ", ".join(f"{name}={each}" for name, each in named.items())
    yield Note(
        f"In flat places the noise of neighbouring pixels is correlated by {far[0]:.2f}, at a "
        f"distance of {first} pixels by {far[first - 1]:.2f} ({told})."
    )
    return ApBsnConfig.from_json({**values, **named})
