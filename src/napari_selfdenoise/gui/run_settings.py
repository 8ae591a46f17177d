"""How to run, whatever the method: preparation, seed, device, time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class RunSettings(Preparation):
    """Settings of a run that are the same for all methods."""

    seed: int = setting(
        0,
        low=0,
        high=999_999,
        advanced=True,
        help="Start of all random numbers; the same seed gives the same result.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto",
        advanced=True,
        help="Where to compute; auto takes a graphics card if there is one.",
    )
    time_budget: int = setting(
        0,
        low=0,
        high=86_400,
        step=10,
        title="Time budget (s)",
        advanced=True,
        help="Seconds after which training ends with what it has learned; 0 for no limit.",
    )
    fill_nan: bool = setting(
        False,
        title="Fill NaN",
        advanced=True,
        help="Replace pixels that are NaN or infinite by the mean of their neighbours.",
    )

    @property
    def preparation(self) -> Preparation:
        """How the image is prepared for the method."""
        return Preparation(stabilise=self.stabilise, decorrelate=self.decorrelate)

    def context(
        self, preview_interval: float = 0.0, sampling: Sampling | None = None
    ) -> Context:
        """Return the context of a new run; `sampling` is for methods with a posterior."""
        return Context(
            device=self.device,
            seed=self.seed,
            time_budget=float(self.time_budget),
            fill_nan=self.fill_nan,
            preview_interval=preview_interval,
            checkpoint=unfinished_training(),
            sampling=sampling,
        )


def unfinished_training() -> Path:
    """Return the file from which a stopped or interrupted training goes on.

    It knows its method, settings, seed and image, so that only the same training takes it
    up, and ends as it would have without the interruption.
    """
    return user_cache_path("napari-selfdenoise") / "unfinished-training"
