"""Settings of methods that train a network by plug-and-play ADMM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_selfdenoise.core.config import SigmaConfig, setting
from napari_selfdenoise.engine.learned import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class PlugAndPlayConfig(SigmaConfig, TrainingConfig):
    """Settings of a network that has a denoiser, the prior, as its teacher."""

    prior: Literal["bm3d", "nl_means"] = setting(
        "bm3d", help="The denoiser that says what a clean image looks like."
    )
    updates: int = setting(
        4,
        low=0,
        high=1000,
        help="How often the prior denoises what the network has learned.",
        advanced=True,
    )
    warm_up: float = setting(
        0.6,
        low=0.0,
        high=0.95,
        step=0.05,
        help="Share of the training, before the first update, in which the network learns "
        "what the prior makes of the noisy image; 0 starts from the noisy image itself, as "
        "published.",
        advanced=True,
    )
    renoise: float = setting(
        0.7,
        low=0.0,
        high=1.0,
        step=0.05,
        help="Share of the patches on which the network removes fresh noise from the result "
        "of the prior, not that of the image; 0 as published.",
        advanced=True,
    )
    variety: float = setting(
        0.15,
        low=0.0,
        high=1.0,
        step=0.05,
        help="How much renoised patches vary in contrast, and half as much in the strength of "
        "their noise, as a logarithm: for other images than the one trained on.",
        advanced=True,
    )
    dual: Literal["optimum", "ascent"] = setting(
        "optimum",
        help="The dual variable: kept at the value it has at the optimum, or followed step "
        "by step, as published.",
        advanced=True,
    )
    eta: float = setting(
        0.5, low=0.0, high=2.0, step=0.1, help="Step of the dual variable.", advanced=True
    )
    rho: float = setting(
        0.0,
        low=0.0,
        high=1e6,
        step=1,
        help="Weight of the tie between network and prior, for an image of variance 1; 0 "
        "takes twice the weight of the noisy image.",
        advanced=True,
    )
    data_weight: float = setting(
        0.0,
        low=0.0,
        high=1e6,
        step=0.1,
        help="Weight of the noisy image, for an image of variance 1; 0 takes 1 / (2 sigma^2).",
        advanced=True,
    )
    planes: int = setting(
        4,
        low=0,
        high=10_000,
        help="Planes of a stack that are trained on, evenly spaced; 0 for all.",
        advanced=True,
    )

    @property
    def update_steps(self) -> frozenset[int]:
        """Steps after which the prior has its turn: the ends of equal epochs.

        The first is the warm-up, if there is one; in the last the network has the last word.
        """
        first = (self.warm_up or 1 / (self.updates + 1)) * self.steps
        epoch = (self.steps - first) / max(self.updates, 1)
        return frozenset(round(first + number * epoch) for number in range(self.updates))
