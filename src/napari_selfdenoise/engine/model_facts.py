"""What a model remembers of the images it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.noise_model import NoiseModel

Thumbnail = NDArray[np.uint8]


@dataclass(frozen=True)
class SeenChannel:
    """Intensities and noise of one channel (axis C) or colour sample (axis S).

    Attributes
    ----------
    low, high : float
        Percentiles 0.1 and 99.9 of the noisy intensities.
    sigma : float
        Standard deviation of the noise if it is taken to be the same everywhere (see
        `data.noise_level`), in grey levels.
    camera : NoiseModel, optional
        Gain, offset and read noise as fitted to the images; ``None`` where they could not be.
    """

    low: float
    high: float
    sigma: float
    camera: NoiseModel | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make it from plain values."""
        camera = values["camera"]
        return cls(**{**values, "camera": None if camera is None else NoiseModel(**camera)})


@dataclass(frozen=True)
class ModelFacts:
    """What a model remembers of the images it was trained on; empty where that is unknown.

    Attributes
    ----------
    axes : str
        Axes of the first image.
    shape : tuple of int
        Length of each of its axes.
    scale : tuple of float
        Size of a pixel along each axis, in `units`.
    units : tuple of str
        Unit of each axis.
    images : int
        How many images it was trained on.
    normalization : str
        What its networks see, ``"standard"`` for example; see `data.normalization`.
    seen : tuple of SeenChannel
        Intensities and noise of each channel (axis C) and in it each colour sample (axis S).
    author : str
        Who made it, if they said so.
    before, after : ndarray of uint8, optional
        The middle of a noisy plane of the first channel and what the model makes of it: up
        to 128 x 128 pixels, and 3 colour samples for RGB; 0 is `low` and 255 is `high` of
        `seen`.
    """

    axes: str = ""
    shape: tuple[int, ...] = ()
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    images: int = 0
    normalization: str = ""
    seen: tuple[SeenChannel, ...] = ()
    author: str = ""
    before: Thumbnail | None = field(default=None, repr=False, compare=False)
    after: Thumbnail | None = field(default=None, repr=False, compare=False)

    @property
    def channels(self) -> int:
        """Length of axis C; 1 if there is none."""
        return self.shape[self.axes.index("C")] if "C" in self.axes else 1

    def pixel_size(self) -> tuple[float, str]:
        """Return the size of a pixel along X and its unit; 1 pixel if it is unknown."""
        if "X" not in self.axes:
            return 1.0, "pixel"
        at = self.axes.index("X")
        return self.scale[at], self.units[at]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the thumbnails."""
        values = {name: value for name, value in vars(self).items() if name not in THUMBNAILS}
        values |= {name: list(values[name]) for name in ("shape", "scale", "units")}
        return {**values, "seen": [asdict(each) for each in self.seen]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], thumbnails: Mapping[str, Thumbnail]) -> Self:
        """Make it from what `to_json` returned, and the thumbnails by name."""
        rows = {name: tuple(values[name]) for name in ("shape", "scale", "units")}
        seen = tuple(map(SeenChannel.from_json, values["seen"]))
        return cls(**{**values, **rows, "seen": seen, **thumbnails})


THUMBNAILS = "before", "after"
"""Attributes of `ModelFacts` that are images."""
