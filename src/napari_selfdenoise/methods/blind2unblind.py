"""Blind2Unblind: blind spots that become visible again.

A network learns to predict hidden pixels, and from these predictions what to make of an
image in which nothing is hidden: the hidden pixels, whose values blind-spot methods give
away, count again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.events import Event
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.unet_method import OneImageConfig, OneImageMethod

if TYPE_CHECKING:
    from torch import Tensor, nn

FIRST = 2.0
"""Weight of the image as it is at the start of training, as published."""
CONSTANT = 0.4
"""Share of the training in which it stays so; then it grows linearly. As published for noise
of unknown strength (0.8 for Gaussian noise of known strength)."""


@dataclass(frozen=True, kw_only=True)
class Blind2UnblindConfig(OneImageConfig):
    """Settings of Blind2Unblind."""

    visible: float = setting(
        20.0,
        low=0.0,
        high=100.0,
        step=0.5,
        help="Weight, at the end of training and in the result, of what the network makes of "
        "the image as it is beside what it predicts of hidden pixels; 0 is a pure blind spot.",
    )
    regularisation: float = setting(
        1.0,
        low=0.0,
        high=20.0,
        step=0.1,
        help="Weight of the error of the hidden pixels alone, which keeps training stable.",
        advanced=True,
    )
    spacing: int = setting(
        4,
        low=2,
        high=10,
        help="Side of the cells of which each hides one pixel; 4 as published.",
        advanced=True,
    )
    lattices: int = setting(
        4,
        low=1,
        high=100,
        help="In how many ways pixels are hidden in a step, at most all (spacing squared), as "
        "published.",
        advanced=True,
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 300},
        "thorough": {"steps": 5000},
        "paper": {"lattices": 16, "batch_size": 4, "patch_size": 128, "learning_rate": 3e-4},
    }


class Blind2Unblind(OneImageMethod[Blind2UnblindConfig]):
    """Blind spots in every pixel, and a loss in which the image itself is visible again.

    Assumes noise of zero mean that is independent between pixels. Fails on correlated noise,
    which the surroundings give away.

    Follows the re-visible loss of the paper and the schedule of the published code, whose
    weight of the visible image grows from 2 to 20. Deviations: a step hides 4 of the 16
    lattices, drawn at random, not all; at the borders the mean that replaces a pixel is of
    the neighbours that are there; the U-Net is that of `nn.unet`, trained on patches of one
    image, with a learning rate that falls along a cosine and averaged weights.
    """

    title = "Blind2Unblind"
    summary = "Learns to predict hidden pixels, and from that what to make of visible ones."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours."
    )
    assumes_white_noise = True
    psnr_gain = 7.6
    reference = (
        "Wang, Liu, Li, Han, Blind2Unblind: Self-Supervised Image Denoising with Visible Blind "
        "Spots, CVPR 2022, arXiv:2203.06967"
    )
    Config = Blind2UnblindConfig

    def network(self, config: Blind2UnblindConfig, channels: int) -> nn.Module:
        """Return the U-Net in what hides pixels from it and shows them again."""
        from napari_selfdenoise.nn.blind_spot import RevisiblePrediction

        network = super().network(config, channels)
        return RevisiblePrediction(network, config.spacing, config.visible)

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size."""
        denoised: Tensor = network(tile)
        return denoised

    def work(self, config: Blind2UnblindConfig) -> float:
        """Count the passes: one for each lattice, and one without gradients for the image."""
        return super().work(config) * (_hidden(config) + 1 / 3)

    def prediction_work(self, config: Blind2UnblindConfig) -> float:
        """Count the passes: one for each lattice, and one for the image as it is."""
        return super().work(config) * (config.spacing**2 + 1)

    def stages(
        self, training: Training, config: Blind2UnblindConfig
    ) -> Iterator[Stage | Event]:
        """Yield the training, along which the image becomes visible."""

        def losses(network: Any, batch: Tensor) -> Mapping[str, Tensor]:
            visible = weight_of_visible(training.share(), config.visible)
            return self._revisible_losses(network, batch, visible, training, config)

        yield Stage("training", config.steps, losses, config.learning_rate)

    def _revisible_losses(
        self,
        network: Any,
        batch: Tensor,
        visible: float,
        training: Training,
        config: Blind2UnblindConfig,
    ) -> Mapping[str, Tensor]:
        """Return ``|h + v f - (1 + v) y|^2`` and ``|h - y|^2`` at the hidden pixels.

        Through f, the output for the image as it is, goes no gradient.
        """
        import torch

        from napari_selfdenoise.nn.blind_spot import lattice_spots

        generator = training.generator(network, batch)
        order = torch.randperm(config.spacing**2, generator=generator, device=batch.device)
        with torch.no_grad():
            (whole,) = network.call("seen", batch)
        hidden_errors, visible_errors = [], []
        for phase in order[: _hidden(config)].tolist():
            spots = lattice_spots(batch, config.spacing, phase)
            (predicted,) = network.call("unseen", batch, spots)
            hidden_errors.append(predicted - spots.of(batch))
            visible_errors.append(spots.of(whole - batch))
        hidden, seen = torch.cat(hidden_errors), torch.cat(visible_errors)
        return {
            "revisible": (hidden + visible * seen).square().mean(),
            "hidden": config.regularisation * hidden.square().mean(),
        }


def weight_of_visible(share: float, last: float) -> float:
    """Return the weight of the image as it is after a share of the training, 0 to 1."""
    first = min(FIRST, last)
    grown = max(0.0, share - CONSTANT) / (1 - CONSTANT)
    return first + grown * (last - first)


def _hidden(config: Blind2UnblindConfig) -> int:
    return min(config.lattices, config.spacing**2)
