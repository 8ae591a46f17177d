"""COSDD: tells signal and noise apart, and draws samples of the signal.

A variational autoencoder explains a noisy image by a code and a model of the noise that sees
along one axis only. It can explain noise along that axis, while structures, which have two
dimensions, must come through the code; a second decoder makes the clean image of the code.
Every draw of the code is one clean image that the noisy one may be of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Event, Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.engine.learned import LearnedMethod, Optimiser, TrainingConfig
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn

HALO = 96
"""Pixels that a tile sees beyond its own: less than the receptive field, which is larger than
any training patch, and more than the distance at which pixels still matter."""
SMALLEST_PATCH = 4
STEP_SECONDS = 0.04
"""What a step takes whatever its patches: hundreds of small operations."""
SAMPLES_EXPECTED = 50
KL_START = 0.2
"""Share of its weight with which the divergence begins: without any it grows beyond measure."""


@dataclass(frozen=True, kw_only=True)
class CosddConfig(TrainingConfig):
    """Settings of COSDD."""

    direction: Literal["auto", "x", "y", "none"] = setting(
        "auto",
        help="Along which axis the noise of neighbouring pixels is correlated: x for stripes "
        "along rows, y along columns, none for independent noise; auto measures it.",
    )
    kl_warm_up: float = setting(
        0.8,
        low=0.0,
        high=1.0,
        step=0.05,
        help="Share of the training in which the weight of the Kullback-Leibler divergence "
        "grows from a fifth, so that structures reach the code soon; 0 as published.",
        advanced=True,
    )
    direct_share: float = setting(
        0.0,
        low=0.0,
        high=0.9,
        step=0.05,
        help="Share of the steps in which another network learns to make the mean of the "
        "samples in one pass, for fast use of the model; 0 for no such network.",
        advanced=True,
    )
    components: int = setting(
        3,
        low=1,
        high=30,
        help="Normal distributions in the model of a pixel's noise; more if the noise is found "
        "in the denoised image.",
        advanced=True,
    )
    features: int = setting(
        32, low=4, high=512, step=4, help="Channels of the networks.", advanced=True
    )
    levels: int = setting(
        5, low=1, high=20, help="Levels of the autoencoder, one latent map each.", advanced=True
    )
    noise_filters: int = setting(
        32, low=1, high=512, help="Channels of the model of the noise.", advanced=True
    )
    noise_blocks: int = setting(
        3,
        low=1,
        high=8,
        help="Convolutions of the model of the noise along the axis: 3 see 16 pixels back, 8 "
        "see 40, as published. The fewer, the more structures must come through the code.",
        advanced=True,
    )
    steps: int = with_default(TrainingConfig, "steps", 9000)
    batch_size: int = with_default(TrainingConfig, "batch_size", 2)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    learning_rate: float = with_default(TrainingConfig, "learning_rate", 2e-3)
    optimiser: Optimiser = with_default(TrainingConfig, "optimiser", "adamax")
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.999)
    # The divergence is at times a million times as large in one step as in the one before.
    gradient_clip: float = with_default(TrainingConfig, "gradient_clip", 5.0)

    _published: ClassVar[Mapping[str, Any]] = {
        "patch_size": 256,
        "batch_size": 4,
        "accumulate": 4,
        "steps": 80_000,
        "schedule": "plateau",
        "weight_average": 0.0,
        "gradient_clip": 0.0,
        "kl_warm_up": 0.0,
        "noise_filters": 64,
        "noise_blocks": 8,
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"steps": 3000, "features": 16, "levels": 4, "noise_filters": 16},
        "quick": {"steps": 3000},
        "small": {**_published, "features": 64, "levels": 6},
        "large": {**_published, "features": 128, "levels": 14},
    }


class Cosdd(LearnedMethod[CosddConfig]):
    """Denoising by a variational autoencoder that models the noise, with posterior samples.

    Assumes noise of zero mean that may depend on the signal and may be correlated along one
    axis, rows or columns; it learns the noise, no model of it is needed. Fails where noise is
    correlated along both axes (it is taken for structure), and blurs what too few pixels or
    too short a training teach.

    The spread of the samples tells what the network, trained on these data, cannot decide.
    It does not tell what is wrong with all of them.

    Deviations from the paper and the published code: standard deviations have a floor
    (`nn.ladder_vae`, `nn.mixture`), without which training in bfloat16 ends in NaN; images are
    padded by mirroring, not with zeros; validation uses the same patches and draws every time,
    and the best weights are kept, not the last. The network for one pass is trained after the
    others, whose samples no longer change by then, not beside them. The defaults, made for a
    CPU, differ further: the Kullback-Leibler divergence grows to its weight over most of the
    training, the learning rate falls along a cosine, the weights are averaged, the
    model of the noise sees less far, and all networks are narrower; the presets ``small`` and
    ``large`` are those of the paper.
    """

    title = "COSDD"
    summary = "Learns signal and noise apart, also noise in stripes, and samples the signal."
    assumes = (
        "Noise of zero mean, of any strength at any intensity, independent between pixels or "
        "correlated along rows or along columns, but not both."
    )
    handles_correlation = "one axis"
    samples_posterior = True
    learns_noise_as_it_is = True
    reference = (
        "Salmon, Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated "
        "Imaging Noise, WACV 2025, arXiv:2310.07887"
    )
    learns_from = "one image"
    Config = CosddConfig
    normalization = "standard"

    def settle(self, config: CosddConfig, images: Sequence[Image]) -> Run[CosddConfig]:
        """Choose the direction of the noise, and patches no larger than the images."""
        smallest = min(image.size(axis) for image in images for axis in "YX")
        side = min(config.patch_size or smallest, smallest)
        if side < config.patch_size:
            yield Note(f"Training patches have {side} pixels a side, as the smallest image.")
        direction = config.direction
        if direction == "auto":
            direction = yield from _measured_direction(images)
        return replace(config, direction=direction, patch_size=max(side, SMALLEST_PATCH))

    def denoise(self, image: Image, config: CosddConfig, context: Context) -> Run[Result]:
        """Train on `image`, then sample its posterior; see `Method.denoise`."""
        if not context.sampling.samples and not config.direct_share:
            raise UsageError(  # said now, not after the training
                "samples is 0, but direct_share is 0, too, so that there will be no network "
                "that denoises in one pass: draw samples, or set direct_share above 0."
            )
        return (yield from super().denoise(image, config, context))

    def network(self, config: CosddConfig, channels: int) -> nn.Module:
        """Return encoder, model of the noise, and signal decoder; see `SignalAndNoise`."""
        from napari_selfdenoise.nn.ladder import halving_levels
        from napari_selfdenoise.nn.signal_and_noise import SignalAndNoise

        return SignalAndNoise(
            channels,
            config.features,
            halving_levels(config.levels, config.patch_size),
            (config.patch_size, config.patch_size),
            cast(Any, config.direction),
            components=config.components,
            filters=config.noise_filters,
            blocks=config.noise_blocks,
            direct=config.direct_share > 0,
        )

    def halo(self, config: CosddConfig) -> int:
        """Return how far a tile sees beyond its own pixels."""
        return HALO

    def work(self, config: CosddConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.ladder import halving_levels
        from napari_selfdenoise.nn.signal_and_noise import multiplications

        halves = halving_levels(config.levels, max(config.patch_size, SMALLEST_PATCH))
        return multiplications(
            config.features, halves, config.noise_filters, config.noise_blocks
        )

    def forecast(self, image: Image, config: CosddConfig) -> float:
        """Count training and sampling; see `Method.forecast`."""
        steps = config.steps * config.accumulate * image.size("C")
        samples = np.prod(image.shape) * SAMPLES_EXPECTED * self.work(config)
        return super().forecast(image, config) * 2 + STEP_SECONDS * steps + samples / 80e9

    def parts(self, network: nn.Module) -> dict[str, nn.Module]:
        """Return autoencoder with noise model, and the decoders; each has its optimiser."""
        from torch import nn

        parts: Any = network
        found = {"model": nn.ModuleList([parts.encoder, parts.noise]), "signal": parts.signal}
        return found if parts.direct is None else {**found, "direct": parts.direct}

    def stages(self, training: Training, config: CosddConfig) -> Iterator[Stage | Event]:
        """Yield the training of the model and, if asked for, of the network for one pass."""
        direct = round(config.direct_share * config.steps)

        def learn(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self._evidence(network, batch, training)

        def weight(loss: str) -> float:
            if loss != "kl":
                return 1.0
            grown = training.share() / config.kl_warm_up if config.kl_warm_up else 1.0
            return min(KL_START + (1 - KL_START) * grown, 1.0)

        def distil(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self._distilled(network, batch, training)

        yield Stage(
            "training",
            config.steps - direct,
            learn,
            config.learning_rate,
            watched={"model": ("kl", "nll"), "signal": ("signal",)},
            sums={"elbo": ("kl", "nll")},
            weight=weight,
        )
        if direct:
            yield Stage("distilling", direct, distil, config.learning_rate)

    def _evidence(
        self, network: Any, batch: Tensor, training: Training
    ) -> Mapping[str, Tensor]:
        """Return the negative evidence lower bound, per value, and the signal's loss.

        The bound of the paper, equation 5: KL + nll in nats, divided by the number of values.
        """
        from torch.nn.functional import mse_loss

        from napari_selfdenoise.nn.mixture import GaussianMixture

        draws = _draws(network, batch, training)
        divergences, mixtures, signal = network.call("evidence", batch, draws)
        likelihood = GaussianMixture.of(mixtures, batch.shape[1]).log_density(batch)
        return {
            "kl": divergences.sum() / batch.numel(),
            "nll": -likelihood.mean(),
            "signal": mse_loss(signal, batch),
        }

    def _distilled(
        self, network: Any, batch: Tensor, training: Training
    ) -> Mapping[str, Tensor]:
        """Return the distance of the one-pass image from one sample of the frozen model."""
        import torch
        from torch.nn.functional import mse_loss

        draws = _draws(network, batch, training)
        network.network.encoder.eval()
        network.network.signal.eval()
        with torch.no_grad():
            (sample,) = network.call("one_sample", batch, draws)
        (restored,) = network.call("in_one_pass", batch)
        return {"direct": mse_loss(restored, sample)}


def _draws(network: Any, batch: Tensor, training: Training) -> list[Tensor]:
    """Return the draws of the latents for one batch."""
    generator = training.generator(network, batch)
    draws: list[Tensor] = network.network.encoder.draws(len(batch), batch.shape[2:], generator)
    return draws


def _measured_direction(images: Sequence[Image]) -> Run[Literal["x", "y", "none"]]:
    """Choose the direction of the noise, and say why."""
    from napari_selfdenoise.data.noise_direction import noise_direction
    from napari_selfdenoise.data.planes import sample_planes

    found = noise_direction(sample_planes(images))
    yield Note(f"{found} (direction={found.axis}).")
    if found.both:
        yield Note(
            "The noise is correlated along rows and columns, which COSDD takes for structure: "
            "part of it will be left in the denoised image.",
            "warning",
        )
    return found.axis
