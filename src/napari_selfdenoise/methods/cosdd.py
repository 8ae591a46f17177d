"""COSDD: tells signal and noise apart, and draws samples of the signal.

A variational autoencoder explains a noisy image by a code and a model of the noise that sees
along one axis only. It can explain noise along that axis, while structures, which have two
dimensions, must come through the code; a second decoder makes the clean image of the code.
Every draw of the code is one clean image that the noisy one may be of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event, Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.ladder_method import LadderConfig, LadderMethod, chosen_noise
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class CosddConfig(LadderConfig):
    """Settings of COSDD."""

    direction: Literal["auto", "x", "y", "none"] = setting(
        "auto",
        help="Along which axis the noise of neighbouring pixels is correlated: x for stripes "
        "along rows, y along columns, none for independent noise; auto measures it.",
    )
    noise_model: Literal["auto", "measured", "photons", "learned"] = setting(
        "auto",
        help="measured takes strength and correlation of the noise from the image, photons "
        "does, too, and spreads it as few photons do; learned is the network of the paper, "
        "which can explain noise of any kind, but takes details for noise, too. auto measures, "
        "with photons where these stand out of the read noise.",
    )
    components: int = setting(
        3,
        low=1,
        high=30,
        help="Normal distributions in the model of a pixel's noise, if noise_model is learned; "
        "more if the noise is found in the denoised image.",
        advanced=True,
    )
    noise_filters: int = setting(
        32,
        low=1,
        high=512,
        help="Channels of the model of the noise, if noise_model is learned.",
        advanced=True,
    )
    noise_blocks: int = setting(
        3,
        low=1,
        high=8,
        help="Convolutions of the model of the noise along the axis, if noise_model is "
        "learned: 3 see 16 pixels back, 8 see 40, as published. The fewer, the more "
        "structures must come through the code.",
        advanced=True,
    )
    steps: int = with_default(LadderConfig, "steps", 9000)
    augment: bool = with_default(LadderConfig, "augment", True)

    _published: ClassVar[Mapping[str, Any]] = {
        "patch_size": 256,
        "batch_size": 4,
        "accumulate": 4,
        "steps": 80_000,
        "schedule": "plateau",
        "weight_average": 0.0,
        "gradient_clip": 0.0,
        "kl_warm_up": 0.0,
        "augment": False,
        "noise_model": "learned",
        "noise_filters": 64,
        "noise_blocks": 8,
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"steps": 3000, "features": 16, "levels": 4, "noise_filters": 16},
        "quick": {"steps": 3000},
        "thorough": {"steps": 10_000, "features": 64},
        "small": {**_published, "features": 64, "levels": 6},
        "large": {**_published, "features": 128, "levels": 14},
    }

    @classmethod
    def from_file(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from a file; see `Config.from_file`."""
        return super().from_file({"noise_model": "learned", **values})  # all there was


class Cosdd(LadderMethod[CosddConfig]):
    """Denoising by a variational autoencoder that models the noise, with posterior samples.

    Assumes noise of zero mean that may depend on the signal and may be correlated along one
    axis, rows or columns. Fails where noise is correlated along both axes (it is taken for
    structure), and blurs what too few pixels or too short a training teach. Measured noise
    (``noise_model``) is normal, and its variance a line over the intensity: where it is not,
    let it be learned.

    The spread of the samples tells what the network, trained on these data, cannot decide.
    It does not tell what is wrong with all of them.

    Deviations from the paper and the published code: standard deviations have a floor
    (`nn.ladder_vae`, `nn.mixture`), without which training in bfloat16 ends in NaN; images are
    padded by mirroring, not with zeros; validation uses the same patches and draws every time,
    and the best weights are kept, not the last. The network for one pass is trained after the
    others, whose samples no longer change by then, not beside them. The defaults, made for a
    CPU, differ further: the model of the noise does not learn from the code, but is made of
    the image before and sees the clean one (`nn.linear_noise`). The decoder of the signal
    then has no ReLUs, which could die, and is trained by the likelihood, too. Patches are
    turned and mirrored, as far as the noise stays what it is. The Kullback-Leibler divergence
    grows to its weight over most of the training, the learning rate falls along a cosine, the
    weights are averaged, the model of the noise, where it is learned, sees less far, and all
    networks are narrower; the presets ``small`` and ``large`` are those of the paper. Where
    patches were mirrored, samples are of the image mirrored in four ways, in turn
    (`core.sampling.Sampling`), in the paper of the image as it is.
    """

    title = "COSDD"
    summary = "Learns signal and noise apart, also noise in stripes, and samples the signal."
    assumes = (
        "Noise of zero mean, of any strength at any intensity, independent between pixels or "
        "correlated along rows or along columns, but not both."
    )
    handles_correlation = "one axis"
    reference = (
        "Salmon, Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated "
        "Imaging Noise, WACV 2025, arXiv:2310.07887"
    )
    learns_from = "one image"
    Config = CosddConfig
    watched: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "model": ("kl", "nll"),
        "signal": ("signal",),
    }
    kl_start = 0.2  # with less it grows beyond measure

    def settle(self, config: CosddConfig, images: Sequence[Image]) -> Run[CosddConfig]:
        """Choose direction and model of the noise, and patches no larger than the images."""
        config = yield from super().settle(config, images)
        if config.direction == "auto":
            config = replace(config, direction=(yield from _measured_direction(images)))
        if config.noise_model == "auto":
            how: Any = yield from chosen_noise(images, otherwise="learned")
            config = replace(config, noise_model=how)
        if config.augment and config.noise_model == "learned" and self.directed(config):
            config = replace(config, augment=False)
            yield Note(
                "Patches are not mirrored (augment=False): noise that is learned may differ "
                "between the two ways along its axis."
            )
        return config

    def directed(self, config: CosddConfig) -> bool:
        """Return whether noise is correlated along an axis."""
        return config.direction != "none"

    def network(self, config: CosddConfig, channels: int) -> nn.Module:
        """Return encoder, model of the noise, and signal decoder; see `SignalAndNoise`."""
        from napari_selfdenoise.engine.noise_fit import MIXTURES
        from napari_selfdenoise.nn.signal_and_noise import SignalAndNoise

        return SignalAndNoise(
            channels,
            config.features,
            config.halves(),
            (config.patch_size, config.patch_size),
            cast(Any, config.direction),
            linear=MIXTURES.get(cast(Any, config.noise_model)),
            components=config.components,
            filters=config.noise_filters,
            blocks=config.noise_blocks,
            direct=config.direct_share > 0,
        )

    def work(self, config: CosddConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.signal_and_noise import multiplications

        return multiplications(
            config.features,
            config.halves(),
            linear=config.noise_model != "learned",
            filters=config.noise_filters,
            blocks=config.noise_blocks,
        )

    def parts(self, network: nn.Module) -> dict[str, nn.Module]:
        """Return what has an optimiser: model, signal decoder, and the network for one pass.

        Where the noise is measured, the signal decoder is a part of the model.
        """
        from torch import nn

        parts: Any = network
        found: dict[str, nn.Module]
        if parts.linear:
            found = {"model": nn.ModuleList([parts.encoder, parts.signal])}
        else:
            model = nn.ModuleList([parts.encoder, parts.noise])
            found = {"model": model, "signal": parts.signal}
        return found if parts.direct is None else {**found, "direct": parts.direct}

    def stages(self, training: Training, config: CosddConfig) -> Iterator[Stage | Event]:
        """Yield the training, once the noise is known."""
        if config.noise_model != "learned":
            from napari_selfdenoise.engine.noise_fit import fit_correlation, fit_noise

            noise: Any = training.network.noise
            how: Any = config.noise_model
            patches = training.patches
            yield from fit_noise(
                noise.own, how, patches.sources, patches.normalization, training.context
            )
            if self.directed(config):
                fit_correlation(noise, patches.sources, patches.normalization)
        yield from super().stages(training, config)

    def evidence(
        self, network: Any, batch: Tensor, draws: Sequence[Tensor]
    ) -> Mapping[str, Tensor]:
        """Return the negative evidence lower bound, per value, and the signal's loss.

        The bound of the paper, equation 5: KL + nll in nats, divided by the number of values.
        Where the noise is measured, the bound trains the decoder of the signal as well.
        """
        from torch.nn.functional import mse_loss

        divergences, likelihood, signal = network.call("evidence", batch, draws)
        losses = {"kl": divergences.sum() / batch.numel(), "nll": -likelihood.mean()}
        if not network.network.linear:
            losses["signal"] = mse_loss(signal, batch)
        return losses


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
