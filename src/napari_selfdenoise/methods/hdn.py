"""HDN: samples of the clean image, under noise that was measured before.

A variational autoencoder with latent images at several resolutions learns what clean images
look like, and is judged by how likely the noisy image is, given its clean one: for that it
needs to know the noise, and gets it from the image itself. Every draw of the latent images
is one clean image that the noisy one may be of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event, Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.ladder_method import LadderConfig, LadderMethod, chosen_noise
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_IGNORED = 3
CORRELATED = 0.25
"""Correlation of neighbours from which on levels are ignored: each one costs detail."""


@dataclass(frozen=True, kw_only=True)
class HdnConfig(LadderConfig):
    """Settings of HDN."""

    noise_model: Literal["auto", "measured", "photons", "bootstrap"] = setting(
        "auto",
        help="Where the model of the noise comes from: measured takes gain, offset and read "
        "noise from the image, photons does, too, and spreads it as few photons do; bootstrap "
        "learns it from what BM3D takes away. auto measures, with photons where these stand "
        "out of the read noise, and learns what cannot be measured.",
    )
    ignored_levels: Literal["auto", "0", "1", "2", "3"] = setting(
        "auto",
        help="How many of the finest levels learn nothing of the image, so that noise which is "
        "correlated between neighbouring pixels has no way into the result; details go with "
        "it. 2 is the HDN_3-6 of the paper; auto measures how far the noise is correlated.",
    )
    steps: int = with_default(LadderConfig, "steps", 1500)
    augment: bool = with_default(LadderConfig, "augment", True)
    kl_warm_up: float = with_default(LadderConfig, "kl_warm_up", 0.3)
    learning_rate: float = with_default(LadderConfig, "learning_rate", 4e-3)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 500},
        "thorough": {"steps": 6000},
        "paper": {
            "steps": 200_000,
            "batch_size": 8,
            "accumulate": 8,
            "features": 64,
            "levels": 6,
            "learning_rate": 3e-4,
            "schedule": "plateau",
            "weight_average": 0.0,
            "gradient_clip": 0.0,
            "kl_warm_up": 0.0,
        },
    }


class Hdn(LadderMethod[HdnConfig]):
    """Denoising by a hierarchical variational autoencoder under a model of the noise.

    Assumes noise of zero mean that is independent between pixels given the signal, and whose
    strength depends on the signal alone: its model is measured before the training. Fails
    where the model is wrong: noise that is stronger than the model is left in the image, and
    structures go where it is weaker. Noise that is correlated between neighbours is removed
    only as far as levels that are as fine are ignored, and details of that size go with it.

    The spread of the samples tells what the network, trained on these data, cannot decide.
    It does not tell what is wrong with all of them.

    Deviations from the paper and the published code: the networks are those of COSDD
    (`nn.ladder_vae`, of the same family, one residual block per level for five, and without
    dropout and free bits), and so is the decoder; the divergence grows to its
    weight, as in COSDD; the model of the noise is measured on the image itself, and where
    photons are few spread as theirs (`NoiseModel.multiplied`), unless it is fitted to a
    pseudo-clean image, which is that of BM3D here. Ignored levels are those of
    HDN_3-6: their posterior is the prior, in training as in sampling, but for the convolution
    that the published code has between the two. Samples are of the image mirrored in four
    ways, in turn, as in COSDD.
    """

    title = "HDN"
    summary = "Learns what lies under noise of a measured strength, and samples the signal."
    assumes = (
        "Noise of zero mean, independent between pixels, whose strength at each intensity can "
        "be measured; correlated noise goes only together with details as fine as it."
    )
    psnr_gain = 6.5
    reference = (
        "Prakash, Delbracio, Milanfar, Jug, Interpretable Unsupervised Diversity Denoising and "
        "Artefact Removal, ICLR 2022, arXiv:2104.01374; model of the noise: Prakash et al., "
        "Fully Unsupervised Probabilistic Noise2Void, ISBI 2020"
    )
    learns_from = "one image"
    Config = HdnConfig
    watched: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("kl", "nll")}
    kl_start = 0.02  # with more the code may stay empty for hundreds of steps

    def settle(self, config: HdnConfig, images: Sequence[Image]) -> Run[HdnConfig]:
        """Choose patches, where the model of the noise comes from, and which levels count."""
        config = yield from super().settle(config, images)
        if config.noise_model == "auto":
            how: Any = yield from chosen_noise(images, otherwise="bootstrap")
            config = replace(config, noise_model=how)
        if config.ignored_levels == "auto":
            levels = yield from _chosen_levels(_reach(images), config)
            config = replace(config, ignored_levels=levels)
        if int(config.ignored_levels) >= config.levels:
            ignored: Any = str(config.levels - 1)
            yield Note(
                f"Of {config.levels} levels at most {ignored} can be ignored "
                f"(ignored_levels={ignored}).",
                "warning",
            )
            config = replace(config, ignored_levels=ignored)
        return config

    def network(self, config: HdnConfig, channels: int) -> nn.Module:
        """Return encoder, model of the noise, and decoder; see `SignalUnderKnownNoise`."""
        from napari_selfdenoise.engine.noise_fit import MIXTURES
        from napari_selfdenoise.nn.known_noise import SignalUnderKnownNoise

        components, coefficients = MIXTURES[cast(Any, config.noise_model)]
        return SignalUnderKnownNoise(
            channels,
            config.features,
            config.halves(),
            (config.patch_size, config.patch_size),
            components=components,
            coefficients=coefficients,
            ignored=int(config.ignored_levels),
            direct=config.direct_share > 0,
        )

    def work(self, config: HdnConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.posterior_network import multiplications

        return multiplications(config.features, config.halves())

    def parts(self, network: nn.Module) -> dict[str, nn.Module]:
        """Return the autoencoder, and the network for one pass; each has its optimiser."""
        from torch import nn

        parts: Any = network
        found: dict[str, nn.Module] = {"model": nn.ModuleList([parts.encoder, parts.signal])}
        return found if parts.direct is None else {**found, "direct": parts.direct}

    def stages(self, training: Training, config: HdnConfig) -> Iterator[Stage | Event]:
        """Yield the training, once the noise is known."""
        from napari_selfdenoise.engine.noise_fit import fit_noise

        noise: Any = training.network.noise
        how: Any = config.noise_model
        patches = training.patches
        yield from fit_noise(
            noise, how, patches.sources, patches.normalization, training.context
        )
        yield from super().stages(training, config)

    def evidence(
        self, network: Any, batch: Tensor, draws: Sequence[Tensor]
    ) -> Mapping[str, Tensor]:
        """Return the negative evidence lower bound, per value: the paper's equation 3."""
        divergences, signal = network.call("evidence", batch, draws)
        likelihood = network.network.noise.log_density(batch, signal)
        return {"kl": divergences.sum() / batch.numel(), "nll": -likelihood.mean()}


def _reach(images: Sequence[Image]) -> int:
    """Return the distance in pixels up to which noise is correlated along an axis."""
    from napari_selfdenoise.data.noise_direction import crossed_autocorrelation
    from napari_selfdenoise.data.planes import sample_planes

    found = [crossed_autocorrelation(stack) for stack in sample_planes(images)]
    correlated = np.mean(found, axis=0).max(axis=0) > CORRELATED
    return int(np.argmin([*correlated, False]))


def _chosen_levels(reach: int, config: HdnConfig) -> Run[Literal["0", "1", "2", "3"]]:
    """Choose how many levels are ignored, and say why.

    The pixels of the finest level are 2 pixels of the image, and twice as many on each level
    above. Ignored are those whose pixels are no larger than twice the distance up to which
    the noise is correlated.
    """
    most = min(MOST_IGNORED, config.levels - 1)
    ignored: Any = str(min(int(2 * reach).bit_length() - 1 if reach else 0, most))
    if reach:
        yield Note(
            f"The noise is correlated up to a distance of {reach} pixels: the finest levels "
            f"learn nothing of the image (ignored_levels={ignored}), and details as fine are "
            "lost. COSDD and Noise2Void keep them if the noise runs along one axis.",
            "warning",
        )
    return ignored  # type: ignore[no-any-return]
