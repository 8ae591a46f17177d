"""Non-local means of a plane with colours.

Buades, Coll and Morel, "A non-local algorithm for image denoising" (CVPR 2005), by
scikit-image, with what its float32 arithmetic and its bias in dark images need.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import denoise_nl_means


def nl_means(
    plane: NDArray[np.float32],
    sigma: float,
    *,
    strength: float = 0.8,
    patch_size: int = 5,
    search_distance: int = 6,
) -> NDArray[np.float32]:
    """Return the mean of the pixels whose surroundings look alike.

    Parameters
    ----------
    plane : ndarray (channels, Y, X)
        Any range of intensities.
    sigma : float
        Standard deviation of the noise, in the same intensities; 0 returns the plane.
    strength : float
        How unlike, in units of sigma, the surroundings may be.
    patch_size, search_distance : int
        Side of the surroundings that are compared, and how far they may be, in pixels.
    """
    low, span = float(plane.min()), float(np.ptp(plane))
    if not sigma > 0 or span == 0:
        return plane
    # Unit range keeps scikit-image's float32 arithmetic away from its rounding error.
    unit = np.moveaxis((plane - low) / span, 0, -1)
    denoised = denoise_nl_means(
        unit,
        patch_size=patch_size,
        patch_distance=search_distance,
        h=strength * sigma / span,
        sigma=sigma / span,
        fast_mode=True,
        channel_axis=-1,
    )
    # scikit-image drops a colour axis of length one.
    denoised = denoised.reshape(unit.shape)
    restored: NDArray[np.float32] = np.moveaxis(denoised, -1, 0) * span + low
    # Where noise grows with the signal, dark pixels find more that is like them than
    # bright ones, and the image darkens; noise of zero mean leaves the mean alone.
    restored += (plane - restored).mean(axis=(1, 2), keepdims=True)
    return restored
