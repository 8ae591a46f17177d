"""self2noise: an autoencoder that is too narrow for the noise.

Many noisy images that show the same kind of structures are squeezed through a bottleneck and
made anew. What comes back in many images is worth its place in the bottleneck; noise, which
is new in every image, is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import median_low
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.learned import LearnedMethod, Schedule, TrainingConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_selfdenoise.nn.compressive import CompressiveAutoencoder

PIXELS_PER_NUMBER = 16
"""Of the bottleneck as published: 64 channels at a resolution of 1/32."""
STEP_SECONDS, SLOWNESS = 0.05, 3.0
"""What a step takes whatever its patches, and how much slower layers of few channels are."""
SCALES = "full", "half", "quarter", "eighth"
"""Names of the outputs' losses."""
_LIGHT: Mapping[str, Any] = {"width": 4, "blocks": 4, "first_kernels": (3, 5)}
_LIGHT_HEADS = 5, 5, 5, 3


@dataclass(frozen=True, kw_only=True)
class Self2NoiseConfig(TrainingConfig):
    """Settings of self2noise."""

    bottleneck: int = setting(
        0,
        low=0,
        high=1024,
        help="Channels of the bottleneck: fewer let less noise through, and more keep more "
        "details; 0 chooses one number for 16 pixels, as published: 4, 16 or 64 channels for "
        "3, 4 or 5 halvings.",
    )
    loss: Literal["l1", "l2"] = setting(
        "l1",
        help="What is made small: l1, absolute differences, finds the median of the noisy "
        "values, and is right for sparse bright structures in strong noise, also if it was cut "
        "off at zero; l2, squared differences, finds the mean, and is right for few photons.",
    )
    size: Literal["light", "full"] = setting(
        "light",
        help="The network as published (full), or one for CPUs (light): half as wide, with "
        "a quarter of the residual blocks and no large kernels.",
    )
    coarse_outputs: bool = setting(
        True,
        help="Compare the image at a half, a quarter and an eighth of the resolution, too, "
        "which makes learning faster.",
        advanced=True,
    )
    halvings: int = setting(
        0,
        low=0,
        high=5,
        help="How often the resolution is halved before the bottleneck; 0 chooses by the size "
        "of the patches: 5 from 256 pixels on, 4 from 128 on, else 3.",
        advanced=True,
    )
    steps: int = with_default(TrainingConfig, "steps", 4000)
    batch_size: int = with_default(TrainingConfig, "batch_size", 16)
    schedule: Schedule = with_default(TrainingConfig, "schedule", "constant")

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 1500},
        "paper": {"size": "full", "patch_size": 256, "steps": 100_000},
    }


class Self2Noise(LearnedMethod[Self2NoiseConfig]):
    """Denoising of many images by an autoencoder without a way around its bottleneck.

    Assumes noise that is independent of the signal and between pixels, and hundreds of images
    (or one large one) in which the same kind of structures come back. Fails on what occurs
    rarely: it is left out or replaced by something similar that occurs often, which looks
    convincing; on few images, whose noise is learned by heart; and on single images with many
    different details, which it blurs.

    With ``loss="l1"`` it finds the median of the noisy values. For noise that is as often
    above as below the clean image this is the clean image, also after the noise was cut off at
    zero or saturated. Brightness is therefore kept in the median: half of the residual is
    positive. For few photons per pixel the median is below the mean, and ``l2`` is right.

    Deviations from the paper and the published script: one map of intensities for training
    and prediction (there x / max for the one, (x - min) / (max - min) for the other), to a
    range without outliers and with room above, because a sigmoid cannot leave 0 to 1, and
    intensities beyond it are set to its ends; patches are drawn at random, not from a grid in
    the order of the file; prediction is in overlapping tiles of the training patches' size,
    because the normalisation of every layer is over the whole input. The default is a lighter
    network, made for a CPU.
    """

    title = "self2noise"
    summary = "Squeezes many noisy images through a bottleneck that has no room for noise."
    assumes = (
        "Noise independent of the signal and between pixels, as often above as below it, in "
        "many images that share their structures; rare structures are lost."
    )
    reference = (
        "Wang, Henninen, Keller, Erni, Self-supervised denoising for massive noisy images, "
        "arXiv:2110.11911 (2021)"
    )
    learns_from = "many images"
    Config = Self2NoiseConfig
    normalization = "robust"
    multiple = 32

    def settle(
        self, config: Self2NoiseConfig, images: Sequence[Image]
    ) -> Run[Self2NoiseConfig]:
        """Choose square patches that fit into the images, and a bottleneck for them."""
        # As patches are: one tiny image among larger ones is mirrored up to their size.
        room = min(median_low([image.size(axis) for image in images]) for axis in "YX")
        wanted = config.patch_size or room
        side = max(min(wanted, room) // self.multiple, 1) * self.multiple
        if side != wanted:
            yield Note(
                f"Training patches have {side} pixels a side: a multiple of {self.multiple} "
                f"that fits into {room} pixels, the shorter side of the images."
            )
        return _chosen(replace(config, patch_size=side))

    def network(self, config: Self2NoiseConfig, channels: int) -> nn.Module:
        """Return the autoencoder."""
        chosen = _chosen(config)
        return _autoencoder(
            chosen.size, chosen.halvings, chosen.bottleneck, chosen.coarse_outputs, channels
        )

    def halo(self, config: Self2NoiseConfig) -> int:
        """Return a quarter of a tile, so that tiles overlap by half."""
        return config.patch_size // 4

    def tile_size(self, config: Self2NoiseConfig) -> int:
        """Return the side of the training patches."""
        return config.patch_size

    def work(self, config: Self2NoiseConfig) -> float:
        """Count the multiplications of network and outputs."""
        chosen = _chosen(config)
        return _work(chosen.size, chosen.halvings, chosen.bottleneck, chosen.coarse_outputs)

    def forecast(self, image: Image, config: Self2NoiseConfig) -> float:
        """Count many small layers; see `Method.forecast`."""
        steps = config.steps * config.accumulate * image.size("C")
        return SLOWNESS * super().forecast(image, config) + STEP_SECONDS * steps

    def centre(
        self, noise: NDArray[np.float32], config: Self2NoiseConfig
    ) -> NDArray[np.floating[Any]]:
        """Return the median, which l1 finds, or the mean, which l2 finds."""
        return (
            np.median(noise, axis=1) if config.loss == "l1" else super().centre(noise, config)
        )

    def losses(
        self, network: nn.Module, batch: Tensor, config: Self2NoiseConfig
    ) -> Mapping[str, Tensor]:
        """Return the mean difference from the noisy image itself, at each scale."""
        from torch.nn.functional import avg_pool2d, l1_loss, mse_loss

        difference = l1_loss if config.loss == "l1" else mse_loss
        target, named = batch.clamp(0, 1), {}
        outputs: Any = network  # which knows how to call another method in low precision
        for name, output in zip(SCALES, outputs.call("scales", target), strict=False):
            named[name] = difference(output, target)
            target = avg_pool2d(target, 2)
        return named

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Return what comes through the bottleneck."""
        denoised: Tensor = network(tile.clamp(0, 1))
        return denoised


def _chosen(config: Self2NoiseConfig) -> Self2NoiseConfig:
    """Return the settings with what is automatic chosen by the size of the patches."""
    side = config.patch_size or 256
    halvings = config.halvings or (5 if side >= 256 else 4 if side >= 128 else 3)
    bottleneck = config.bottleneck or max(4**halvings // PIXELS_PER_NUMBER, 1)
    return replace(config, halvings=halvings, bottleneck=bottleneck)


def _autoencoder(
    size: str, halvings: int, bottleneck: int, coarse_outputs: bool, channels: int = 1
) -> CompressiveAutoencoder:
    from napari_selfdenoise.nn.compressive import HEAD_KERNELS, CompressiveAutoencoder

    light = size == "light"
    heads = _LIGHT_HEADS if light else HEAD_KERNELS
    return CompressiveAutoencoder(
        channels,
        bottleneck,
        halvings=halvings,
        head_kernels=heads[: halvings if coarse_outputs else 1],
        **(_LIGHT if light else {}),
    )


@lru_cache(maxsize=64)
def _work(*settings: Any) -> float:
    from napari_selfdenoise.nn.compressive import multiplications

    return multiplications(lambda: _autoencoder(*settings), 1)
