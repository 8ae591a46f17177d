"""Learned methods with a ladder autoencoder, which draw samples of the clean image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, UsageError
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


@dataclass(frozen=True, kw_only=True)
class LadderConfig(TrainingConfig):
    """Settings of methods with a ladder autoencoder."""

    kl_warm_up: float = setting(
        0.8,
        low=0.0,
        high=1.0,
        step=0.05,
        help="Share of the training in which the weight of the Kullback-Leibler divergence "
        "grows from a small part, so that structures reach the code soon; 0 as published.",
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
    features: int = setting(
        32, low=4, high=512, step=4, help="Channels of the networks.", advanced=True
    )
    levels: int = setting(
        5, low=1, high=20, help="Levels of the autoencoder, one latent map each.", advanced=True
    )
    batch_size: int = with_default(TrainingConfig, "batch_size", 2)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    learning_rate: float = with_default(TrainingConfig, "learning_rate", 2e-3)
    optimiser: Optimiser = with_default(TrainingConfig, "optimiser", "adamax")
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.999)
    # The divergence is at times a million times as large in one step as in the one before.
    gradient_clip: float = with_default(TrainingConfig, "gradient_clip", 5.0)

    def halves(self) -> tuple[bool, ...]:
        """Return which levels halve the resolution, finest first."""
        from napari_selfdenoise.nn.ladder import halving_levels

        return halving_levels(self.levels, max(self.patch_size, SMALLEST_PATCH))


L = TypeVar("L", bound=LadderConfig)


class LadderMethod(LearnedMethod[L]):
    """A method whose network is a `nn.posterior_network.PosteriorNetwork`."""

    samples_posterior = True
    learns_noise_as_it_is = True
    normalization = "standard"
    watched: ClassVar[Mapping[str, tuple[str, ...]]]
    """Names of the losses that tell of each part of the network; see `Stage`."""
    kl_start: ClassVar[float]
    """Share of its weight with which the divergence begins."""

    def settle(self, config: L, images: Sequence[Image]) -> Run[L]:
        """Choose patches no larger than the images."""
        smallest = min(image.size(axis) for image in images for axis in "YX")
        side = min(config.patch_size or smallest, smallest)
        if side < config.patch_size:
            yield Note(f"Training patches have {side} pixels a side, as the smallest image.")
        return replace(config, patch_size=max(side, SMALLEST_PATCH))

    def denoise(self, image: Image, config: L, context: Context) -> Run[Result]:
        """Train on `image`, then sample its posterior; see `Method.denoise`."""
        if not context.sampling.samples and not config.direct_share:
            raise UsageError(  # said now, not after the training
                "samples is 0, but direct_share is 0, too, so that there will be no network "
                "that denoises in one pass: draw samples, or set direct_share above 0."
            )
        return (yield from super().denoise(image, config, context))

    def halo(self, config: L) -> int:
        """Return how far a tile sees beyond its own pixels."""
        return HALO

    def training_seconds(self, image: Image, config: L) -> float:
        """Add what many small operations take; see `LearnedMethod.training_seconds`."""
        steps = config.steps * config.accumulate * image.size("C")
        return super().training_seconds(image, config) * 2 + STEP_SECONDS * steps

    def prediction_work(self, config: L) -> float:
        """Count the samples."""
        return SAMPLES_EXPECTED * self.work(config)

    def stages(self, training: Training, config: L) -> Iterator[Stage | Event]:
        """Yield the training of the model and, if asked for, of the network for one pass."""
        direct = round(config.direct_share * config.steps)

        def learn(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self.evidence(network, batch, _draws(network, batch, training))

        def weight(loss: str) -> float:
            if loss != "kl":
                return 1.0
            grown = training.share() / config.kl_warm_up if config.kl_warm_up else 1.0
            return min(self.kl_start + (1 - self.kl_start) * grown, 1.0)

        def distil(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return _distilled(network, batch, _draws(network, batch, training))

        yield Stage(
            "training",
            config.steps - direct,
            learn,
            config.learning_rate,
            watched=self.watched,
            sums={"elbo": ("kl", "nll")},
            weight=weight,
        )
        if direct:
            yield Stage("distilling", direct, distil, config.learning_rate)

    @abstractmethod
    def evidence(
        self, network: Any, batch: Tensor, draws: Sequence[Tensor]
    ) -> Mapping[str, Tensor]:
        """Return the losses of one batch.

        Among them ``kl`` and ``nll``, in nats per value, whose sum is the negative evidence
        lower bound.

        Parameters
        ----------
        network : Float32Outputs
            Calls the network.
        batch : Tensor
            Normalised noisy patches, (B, C, Y, X), float32.
        draws : sequence of Tensor
            Of the latent variables; see `LadderVAE.draws`.
        """


def chosen_noise(images: Sequence[Image], *, otherwise: str) -> Run[str]:
    """Choose how the model of the noise is made; see `noise_fit.fit_noise`.

    Few photons are spread unevenly; where their noise is taken for normal, the code takes over
    the difference, and keeps it.

    Parameters
    ----------
    images : sequence of Image
        Of one training.
    otherwise : str
        The choice if the noise cannot be measured.
    """
    from napari_selfdenoise.data.single_photons import single_photons

    try:
        why = single_photons(images)
    except ImageError as error:
        yield Note(f"The model of the noise is learned (noise_model={otherwise}): {error}")
        return otherwise
    if not why:
        return "measured"
    yield Note(f"The noise is that of few photons (noise_model=photons): {why}")
    return "photons"


def _distilled(network: Any, batch: Tensor, draws: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Return the distance of the one-pass image from one sample of the frozen model."""
    import torch
    from torch.nn.functional import mse_loss

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
