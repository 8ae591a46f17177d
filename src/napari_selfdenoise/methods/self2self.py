"""Self2Self: a network with dropout predicts hidden pixels, and many looks are averaged.

In every step a random part of the pixels is hidden and predicted from the others by a network
of which a random part is switched off. The mean of many such predictions is the denoised
image; how far they disagree is a second image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import check_image
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn

LEVELS = 4


@dataclass(frozen=True, kw_only=True)
class Self2SelfConfig(TrainingConfig):
    """Settings of Self2Self."""

    predictions: int = setting(
        30,
        low=2,
        high=1000,
        help="Looks at the image that are averaged, each without other pixels and other parts "
        "of the network; 100 as published.",
    )
    spread: bool = setting(
        True,
        help="Also return the standard deviation of these predictions (dropout_std): where "
        "they disagree, the result is uncertain. Takes as long as denoising again.",
    )
    hidden: float = setting(
        0.3,
        low=0.01,
        high=0.9,
        step=0.01,
        help="Share of the pixels that is hidden and predicted in a step.",
        advanced=True,
    )
    dropout: float = setting(
        0.3,
        low=0.0,
        high=0.9,
        step=0.01,
        help="Share of the network's features that is switched off.",
        advanced=True,
    )
    width: int = setting(
        32,
        low=4,
        high=256,
        step=4,
        help="Channels of the network; 48 as published.",
        advanced=True,
    )
    steps: int = with_default(TrainingConfig, "steps", 1000)
    batch_size: int = with_default(TrainingConfig, "batch_size", 4)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.99)
    augment: bool = with_default(TrainingConfig, "augment", True)
    # Trained on one image: every pixel of it that is denoised is learned from.
    validation_fraction: float = with_default(TrainingConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 300, "predictions": 10},
        "thorough": {"steps": 10_000, "predictions": 100},
        "paper": {
            "steps": 150_000,
            "predictions": 100,
            "width": 48,
            "batch_size": 1,
            "patch_size": 0,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "weight_average": 0.0,
        },
    }


class Self2Self(LearnedMethod[Self2SelfConfig]):
    """Prediction of hidden pixels by an ensemble of networks that share their weights.

    Assumes noise of zero mean that is independent between pixels. Fails on correlated noise,
    which the pixels that are shown give away, and blurs where it was trained too shortly.

    Besides the denoised image there is ``dropout_std``, the standard deviation of the
    predictions, in the image's intensities, unless the image was prepared or the run stopped.
    It tells where the network is unsure, not how far it is off.

    Deviations from the paper, for a CPU: random patches, a larger learning rate that falls
    along a cosine, and averaged weights, so that a hundredth of the steps do; four halvings
    of the resolution instead of five, and thinner layers; the colours of a pixel are hidden
    together; the output is linear, not limited to 0 to 1; what is hidden while denoising
    repeats every 64 pixels, so that tiles fit together and a model gives the same pixels again.
    """

    title = "Self2Self"
    summary = "Predicts hidden pixels with random parts of a network, and averages many looks."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours."
    )
    assumes_white_noise = True
    psnr_gain = 7.6
    reference = (
        "Quan, Chen, Pang, Ji, Self2Self With Dropout: Learning Self-Supervised Denoising From "
        "Single Image, CVPR (2020)"
    )
    learns_from = "one image"
    Config = Self2SelfConfig
    multiple = 2**LEVELS

    def network(self, config: Self2SelfConfig, channels: int) -> nn.Module:
        """Return the U-Net with holes and gaps."""
        from napari_selfdenoise.nn.dropout_unet import DropoutUNet

        shares = config.hidden, config.dropout
        return DropoutUNet(channels, config.width, LEVELS, *shares, config.predictions)

    def halo(self, config: Self2SelfConfig) -> int:
        """Return the radius of the receptive field, up to a multiple of the gaps' period."""
        from napari_selfdenoise.nn.dropout_unet import PERIOD, radius

        return PERIOD * ceil(radius(LEVELS) / PERIOD)

    def work(self, config: Self2SelfConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.dropout_unet import multiplications

        return multiplications(config.width, LEVELS)

    def prediction_work(self, config: Self2SelfConfig) -> float:
        """Count the looks."""
        return config.predictions * (1 + config.spread) * self.work(config)

    def stages(self, training: Training, config: Self2SelfConfig) -> Iterator[Stage | Event]:
        """Yield the training; what it hides is drawn from the training's random numbers."""

        def predict(network: Any, batch: Tensor) -> Mapping[str, Tensor]:
            generator = training.generator(network, batch)
            predicted, hidden = network.call("prediction", batch, generator)
            # Equation 3 of the paper: only what was hidden counts.
            error = ((predicted - batch).square() * hidden).sum()
            return {"hidden": error / (hidden.sum() * batch.shape[1]).clamp(min=1)}

        yield Stage("training", config.steps, predict, config.learning_rate)

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size: the mean of all looks."""
        from napari_selfdenoise.nn.unet import padded

        height, width = tile.shape[2:]
        denoised: Tensor = network(padded(tile, self.multiple))
        return denoised[..., :height, :width]

    def denoise(self, image: Image, config: Self2SelfConfig, context: Context) -> Run[Result]:
        """Train on `image`, denoise it, and tell how far predictions disagree."""
        result = yield from super().denoise(image, config, context)
        if not config.spread or result.stopped:
            return result
        from napari_selfdenoise.engine.predict_image import predict_image

        noisy = check_image(image, fill_nan=context.fill_nan).image
        above = yield from predict_image(result.model, noisy, context, restore=self._one_above)
        spread = np.asarray(above) - result["denoised"].read()
        named = noisy.like(np.maximum(spread, 0), f"{noisy.name} dropout std")
        return replace(
            result, images={**result.images, "dropout_std": named}, stopped=context.stopped
        )

    def _one_above(self, network: Any, tile: Tensor) -> Tensor:
        """Return what is one standard deviation above the mean, so that it has its scale."""
        from napari_selfdenoise.nn.unet import padded

        height, width = tile.shape[2:]
        mean, spread = network.call("ensemble", padded(tile, self.multiple))
        above: Tensor = (mean + spread)[..., :height, :width]
        return above
