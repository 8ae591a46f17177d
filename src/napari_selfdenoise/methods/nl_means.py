"""Non-local means: average the pixels whose surroundings look alike.

Each pixel becomes a mean of the pixels around it, weighted by how similar the small
patches around them are, so that edges and repeated structures survive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import SigmaConfig, setting
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.engine.planewise import PlanewiseMethod


@dataclass(frozen=True, kw_only=True)
class NLMeansConfig(SigmaConfig):
    """Settings of non-local means."""

    strength: float = setting(
        0.8,
        low=0.1,
        high=3.0,
        step=0.1,
        help="How different two patches may be and still be averaged, in multiples of the "
        "noise's standard deviation; larger is smoother.",
    )
    patch_size: int = setting(
        5, low=3, high=15, step=2, help="Side of the patches that are compared, in pixels."
    )
    search_distance: int = setting(
        6,
        low=1,
        high=30,
        help="How far away, in pixels, similar patches are looked for.",
        advanced=True,
    )


class NLMeans(PlanewiseMethod[NLMeansConfig]):
    """Mean of the pixels whose surroundings look alike, plane by plane.

    Assumes noise that is independent between pixels and of the same strength everywhere.
    Fails where noise is correlated (it takes the pattern for structure) and where it
    grows with the signal (bright parts stay noisy).
    """

    title = "Non-local means"
    summary = "Mean of the pixels whose surroundings look alike."
    assumes = (
        "Noise independent between pixels and equally strong everywhere; keeps noise that is "
        "correlated, or stronger in bright parts."
    )
    assumes_even_noise = True
    assumes_white_noise = True
    psnr_gain = 6.6
    reference = (
        "Buades, Coll, Morel, A non-local algorithm for image denoising, CVPR 2005, "
        "doi:10.1109/CVPR.2005.38"
    )
    Config = NLMeansConfig
    nanoseconds_per_pixel = 1000.0

    def denoise_plane(
        self, plane: NDArray[np.float32], config: NLMeansConfig
    ) -> NDArray[np.float32]:
        """Denoise one plane; sigma is estimated on it unless it is given."""
        from napari_selfdenoise.solvers.nl_means import nl_means

        sigma = config.sigma or float(np.mean([estimate_sigma(colour) for colour in plane]))
        return nl_means(
            plane,
            sigma,
            strength=config.strength,
            patch_size=config.patch_size,
            search_distance=config.search_distance,
        )
