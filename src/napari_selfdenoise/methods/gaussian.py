"""Gaussian filter: the simplest thing that could work, and what everything must beat.

Every pixel becomes a weighted mean of its surroundings. It removes any zero-mean noise
whose correlation is shorter than the filter, and every detail that is finer than it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.engine.planewise import PlanewiseMethod


@dataclass(frozen=True, kw_only=True)
class GaussianConfig(Config):
    """Settings of the Gaussian filter."""

    width: float = setting(
        1.5,
        low=0.1,
        high=50.0,
        step=0.1,
        help="Standard deviation of the filter in pixels; larger is smoother.",
    )


class Gaussian(PlanewiseMethod[GaussianConfig]):
    """Weighted mean of the surroundings of each pixel, plane by plane.

    Assumes zero-mean noise that is finer than the filter; the image must be coarser than
    it. Fails by blurring: edges and small structures are spread over ``width`` pixels.
    """

    title = "Gaussian filter"
    summary = "Weighted mean of the surroundings of each pixel."
    assumes = "Noise of zero mean and structures coarser than the filter; blurs finer ones."
    handles_correlation = "any"
    psnr_gain = 5.9
    reference = "Linear filter; the baseline of every denoising paper."
    Config = GaussianConfig
    nanoseconds_per_pixel = 12.0

    def denoise_plane(
        self, plane: NDArray[np.float32], config: GaussianConfig
    ) -> NDArray[np.float32]:
        """Filter one plane; the mean is kept because borders are mirrored."""
        width = config.width
        filtered: NDArray[np.float32] = gaussian_filter(
            plane, (0, width, width), mode="reflect"
        )
        return filtered
