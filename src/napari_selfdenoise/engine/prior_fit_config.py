"""Settings of fitting an untrained network to one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from napari_selfdenoise.core.config import Config, setting


@dataclass(frozen=True, kw_only=True)
class PriorFitConfig(Config):
    """Settings of Deep Image Prior."""

    steps: int = setting(
        1500,
        low=1,
        high=100_000,
        step=100,
        help="Updates of the network, if nothing stops it before; thousands as published. Weak "
        "noise on fine detail takes most.",
    )
    stopping: Literal["pixels", "variance", "never"] = setting(
        "pixels",
        help="When to stop: once pixels that are held out are predicted no better, once the "
        "outputs begin to vary more from step to step, or after all steps.",
    )
    patience: int = setting(
        150,
        low=1,
        high=100_000,
        step=10,
        help="Steps without improvement after which it stops; the best is kept.",
        advanced=True,
    )
    held_out: float = setting(
        0.05,
        low=0.001,
        high=0.5,
        step=0.001,
        help="Share of the pixels that is held out, to tell when to stop.",
        advanced=True,
    )
    learning_rate: float = setting(
        0.01, low=1e-6, high=1.0, step=1e-6, help="Size of the updates.", advanced=True
    )
    input_noise: float = setting(
        0.03,
        low=0.0,
        high=1.0,
        step=0.001,
        help="Standard deviation of the noise that is added to the network's random input in "
        "every step, against learning the image's noise.",
        advanced=True,
    )
    output_average: float = setting(
        0.98,
        low=0.0,
        high=0.999,
        step=0.001,
        help="Decay per step of the running average of outputs, which is the result.",
        advanced=True,
    )
    width: int = setting(
        32,
        low=4,
        high=256,
        step=4,
        help="Channels of the network; 128 as published.",
        advanced=True,
    )
    levels: int = setting(
        5, low=1, high=7, help="How often the network halves the resolution.", advanced=True
    )

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 500},
        "thorough": {"steps": 3000, "width": 64, "patience": 500},
        "paper": {
            "steps": 1800,
            "stopping": "never",
            "width": 128,
            "input_noise": 0.033,
            "output_average": 0.99,
        },
        "early_stopping": {"steps": 5000, "stopping": "variance", "patience": 500},
    }
