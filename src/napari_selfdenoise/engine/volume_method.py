"""Learned methods that can denoise a plane of a stack with the planes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from napari_selfdenoise.core.config import setting
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.beside import stacked_axis
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig

BESIDE = 2
"""Planes on each side that are seen with dimensions=3."""


@dataclass(frozen=True, kw_only=True)
class VolumeConfig(TrainingConfig):
    """Settings of methods that can use a volume."""

    dimensions: Literal["2", "3"] = setting(
        "2",
        help="3 shows the network two planes above and two below the one it denoises (or "
        "frames before and after), which helps where they show nearly the same; 2 denoises "
        "every plane by itself.",
    )

    @property
    def beside(self) -> int:
        """Planes on each side of the one to denoise that the network sees with it."""
        return BESIDE if self.dimensions == "3" else 0


V = TypeVar("V", bound=VolumeConfig)


class VolumeMethod(LearnedMethod[V]):
    """A method whose network sees the planes beside the one it denoises, if it is asked to.

    They enter the first convolution as further channels, as in FastDVDnet (Tassano, Delon,
    Veit, CVPR 2020) and not as a third axis of all convolutions: so a volume takes hardly
    longer than its planes by themselves.
    """

    def beside(self, config: V) -> int:
        """Return how many planes on each side the network sees with the one it denoises."""
        return config.beside

    def check_images(self, config: V, images: Sequence[Image], stride: int = 1) -> None:
        """Refuse images that have no planes to see beside another; see `Method`."""
        if not config.beside:
            return
        for image in images:
            axis = stacked_axis(image)
            if axis is None:
                raise UsageError(
                    f"dimensions=3 needs a stack, and {image.name} has but one plane "
                    f"({image.describe()}): give a stack with an axis Z or T, or set "
                    "dimensions=2."
                )
            if axis == "T" and stride > 1:
                raise UsageError(
                    "The noise of neighbouring pixels is correlated, so that each plane is "
                    f"divided into {stride**2} sub-images (decorrelate), which stand where "
                    f"the frames of {image.name} do: set dimensions=2, or decorrelate=off."
                )
