"""Noise2Void: a network learns to predict pixels that are hidden from it.

Single pixels of a noisy image get the value of a neighbour, and a network learns to predict
what they were. Noise that is independent between pixels cannot be predicted, structures can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event, Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.unet_method import LEVELS, UNetConfig, UNetMethod
from napari_selfdenoise.engine.volume_method import VolumeConfig, VolumeMethod

if TYPE_CHECKING:
    from torch import Tensor, nn

STRUCTURED = 0.25
"""Correlation of neighbours along one axis from which on a line of pixels is hidden: of weaker
noise a network without it keeps little, and every line costs detail."""
APART = 0.15
"""By so much the correlation along the other axis is smaller: else it is that of texture."""


@dataclass(frozen=True, kw_only=True)
class Noise2VoidConfig(UNetConfig, VolumeConfig):
    """Settings of Noise2Void."""

    variant: Literal["n2v", "n2v2"] = setting(
        "n2v",
        help="n2v, or n2v2 against a chequered pattern in the result: hidden pixels get the "
        "median of their neighbours, and the network passes fine detail on less directly.",
    )
    structured: Literal["auto", "none", "horizontal", "vertical"] = setting(
        "auto",
        help="Along which axis the noise of neighbouring pixels is correlated, so that they "
        "are hidden, too: horizontal for stripes along rows, vertical along columns, none for "
        "independent noise; auto measures it.",
    )
    extent: int = setting(
        5,
        low=1,
        high=20,
        help="How many pixels are hidden on both sides along that axis; as many as the "
        "noise is correlated over.",
        advanced=True,
    )
    masked_percent: float = setting(
        6.0,
        low=0.05,
        high=10.0,
        step=0.01,
        help="Share of the pixels that is predicted in a step, in percent; about 0.2 as "
        "published. With more of them less training is needed.",
        advanced=True,
    )
    radius: int = setting(
        5,
        low=4,
        high=20,
        help="A hidden pixel gets a value of those not farther away, in pixels.",
        advanced=True,
    )
    # Many small steps: at equal cost 0.3 dB above a quarter as many of four patches.
    steps: int = with_default(UNetConfig, "steps", 800)
    batch_size: int = with_default(UNetConfig, "batch_size", 1)
    # Trained on one image: every pixel of it that is denoised is learned from.
    validation_fraction: float = with_default(UNetConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 300},
        "thorough": {"steps": 5000},
        "paper": {"masked_percent": 0.2, "batch_size": 16, "steps": 20_000},
    }

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The pixels that are hidden with one that is predicted, its own included."""
        from napari_selfdenoise.nn.blind_spot import line

        return line("none" if self.structured == "auto" else self.structured, self.extent)


class Noise2Void(VolumeMethod[Noise2VoidConfig], UNetMethod[Noise2VoidConfig]):
    """Prediction of hidden pixels from their surroundings (N2V, N2V2, StructN2V).

    Assumes noise of zero mean that is independent between pixels, or correlated along one
    axis and then hidden along it (StructN2V). Fails on noise correlated along both, which the
    surroundings give away, and on single bright pixels, which they do not. Of the planes
    beside it in a stack (``dimensions=3``) nothing is hidden: their noise is taken to be
    independent of the plane's own.

    Deviations from the paper and the published code, for a CPU: thirty times as many pixels
    are predicted in a step, so that far fewer steps do; a hidden pixel gets the value of one
    that is not hidden, so that the network sees no hidden value at another's place either;
    the U-Net is that of `nn.unet`, which halves the resolution three times and has no batch
    normalisation; the learning rate falls along a cosine, the weights are averaged, and
    nothing is held out. N2V2 averages the weights as well, and learns by squared differences.
    """

    title = "Noise2Void"
    summary = "Learns to predict hidden pixels of a noisy image from their surroundings."
    assumes = (
        "Noise of zero mean, independent between pixels or correlated along rows or along "
        "columns, but not both."
    )
    assumes_white_noise = True
    handles_correlation = "one axis"
    psnr_gain = 7.0
    reference = (
        "Krull, Buchholz, Jug, Noise2Void: Learning Denoising from Single Noisy Images, CVPR "
        "(2019); N2V2: Höck et al., ECCV workshops (2022); StructN2V: Broaddus et al., ISBI "
        "(2020)"
    )
    learns_from = "one image"
    Config = Noise2VoidConfig

    def settle(
        self, config: Noise2VoidConfig, images: Sequence[Image]
    ) -> Run[Noise2VoidConfig]:
        """Choose the axis along which pixels are hidden."""
        if config.structured == "auto":
            axis = yield from _measured_axis(images)
            config = replace(config, structured=axis)
        return config

    def directed(self, config: Noise2VoidConfig) -> bool:
        """Return whether a line of pixels is hidden."""
        return config.structured != "none"

    def network(self, config: Noise2VoidConfig, channels: int) -> nn.Module:
        """Return the U-Net; for N2V2 with blurred pooling and no skip connection at the top."""
        from napari_selfdenoise.nn.unet import UNet

        second, last = config.variant == "n2v2", (config.width, config.width)
        return UNet(
            self.inputs(config, channels),
            config.width,
            LEVELS,
            blurred=second,
            top_skip=not second,
            last_widths=last,
            outputs=channels,
        )

    def halo(self, config: Noise2VoidConfig) -> int:
        """Return the radius of the receptive field, up to a multiple of the coarsest pixel."""
        from napari_selfdenoise.nn.unet import radius

        coarsest: int = self.multiple
        return coarsest * ceil(radius(LEVELS, blurred=config.variant == "n2v2") / coarsest)

    def work(self, config: Noise2VoidConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.unet import multiplications

        last, first = (config.width, config.width), config.variant == "n2v"
        return multiplications(
            self.inputs(config, 1), config.width, LEVELS, top_skip=first, last_widths=last
        )

    def stages(self, training: Training, config: Noise2VoidConfig) -> Iterator[Stage | Event]:
        """Yield the training; its random pixels are those of the training."""

        def predict(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            return self._hidden_losses(network, batch, training, config)

        yield Stage("training", config.steps, predict, config.learning_rate)

    def _hidden_losses(
        self, network: nn.Module, batch: Tensor, training: Training, config: Noise2VoidConfig
    ) -> Mapping[str, Tensor]:
        """Return the squared error at the pixels that are to be predicted."""
        import torch
        from torch.nn.functional import mse_loss

        from napari_selfdenoise.nn.blind_spot import hidden_pixels, replaced, scattered_spots

        generator, offsets = training.generator(network, batch), config.offsets
        own, beside = batch.tensor_split([batch.shape[1] // self.inputs(config, 1)], 1)
        spots = scattered_spots(own, config.masked_percent / 100, generator, offsets)
        hidden = hidden_pixels(own, spots, offsets)
        median = config.variant == "n2v2"
        seen = replaced(own, hidden, config.radius, generator, median=median)
        predicted = network(torch.cat([seen, beside], 1))
        return {"hidden": mse_loss(spots.of(predicted), spots.of(own))}


def _measured_axis(images: Sequence[Image]) -> Run[Literal["none", "horizontal", "vertical"]]:
    """Choose the axis along which pixels are hidden, and say why."""
    from napari_selfdenoise.data.noise_direction import noise_direction
    from napari_selfdenoise.data.planes import sample_planes

    found = noise_direction(sample_planes(images))
    along_x, along_y = found.along_x, found.along_y
    axis: Literal["none", "horizontal", "vertical"] = "none"
    if max(along_x, along_y) > STRUCTURED and abs(along_x - along_y) > APART:
        axis = "horizontal" if along_x > along_y else "vertical"
    yield Note(
        f"The correlation of neighbouring pixels in flat places is {along_x:.2f} along rows "
        f"and {along_y:.2f} along columns (structured={axis})."
    )
    if min(along_x, along_y) > STRUCTURED:
        yield Note(
            "The noise is correlated along rows and columns, which Noise2Void takes for "
            "structure: part of it will be left in the denoised image.",
            "warning",
        )
    return axis
