"""The sample data in napari's *File > Open Sample* menu."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.synthetic import make_sample

LayerData = tuple[Any, dict[str, Any], str]


def cells() -> list[LayerData]:
    """Make cells with photon and read noise, and the clean image below."""
    return _layers("cells")


def cells_striped() -> list[LayerData]:
    """Make cells with noise correlated along the rows, and the clean image below."""
    return _layers("cells_striped")


def cells_timelapse() -> list[LayerData]:
    """Make a time-lapse of moving cells, and the clean images below."""
    return _layers("cells_timelapse")


def _layers(name: str) -> list[LayerData]:
    sample = make_sample(name)
    # Both get the same contrast, or the comparison by eye would mislead.
    limits = (sample.camera.offset, float(np.percentile(sample.clean.read(), 99.8)))
    # The last one lies on top and is selected.
    return [_layer(image, limits) for image in (sample.clean, sample.noisy)]


def _layer(image: Image, limits: tuple[float, float]) -> LayerData:
    look = {
        "name": image.name,
        "scale": image.scale,
        "units": image.units,
        "axis_labels": tuple(image.axes),
        "contrast_limits": limits,
        "colormap": "gray",
    }
    return image.data, look, "image"
