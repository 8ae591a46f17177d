"""How methods are compared, whatever the methods."""

from __future__ import annotations

from dataclasses import dataclass

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.engine.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class QueueSettings(Preparation):
    """Settings of a comparison."""

    time_budget: int = setting(
        120,
        low=0,
        high=86_400,
        step=10,
        title="Time for each (s)",
        help="Seconds after which the training of a method ends with what it has learned; 0 "
        "for no limit.",
    )
    heldout: bool = setting(
        True,
        title="Held-out scores",
        help="Judge without a clean image: each method denoises two more times, an image from "
        "which a part of the photons was taken, and is scored against that part.",
    )
    seed: int = setting(
        0,
        low=0,
        high=999_999,
        advanced=True,
        help="Start of all random numbers; the same seed gives the same result.",
    )

    @property
    def preparation(self) -> Preparation:
        """How the image is prepared for the methods."""
        return Preparation(stabilise=self.stabilise, decorrelate=self.decorrelate)

    def context(self) -> Context:
        """Return the context of a new comparison."""
        return Context(seed=self.seed, time_budget=float(self.time_budget))
