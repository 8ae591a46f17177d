"""Where the results of several methods disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.data.noise_model import NoiseModel


def disagreement(
    results: Sequence[ArrayLike], noise: NoiseModel | ArrayLike | float
) -> NDArray[np.float32]:
    """Return the standard deviation between results, in multiples of the noise.

    Methods err in different ways: what only one of them shows is its own invention, or
    what all others lost. Where the map is well below 1, the methods agree to better than
    the noise.

    It misleads where all methods make the same error, as relatives do, and all filters do on
    structures finer than a few pixels: agreement is no proof. A poor method among them is
    seen everywhere; leave it out.

    Parameters
    ----------
    results : sequence of array_like (..., Y, X)
        Two or more denoised images of one noisy one.
    noise : NoiseModel, float or array_like
        The noise of the noisy image: its model, evaluated at the mean of the results, or its
        standard deviation, one for all pixels or one for each.

    Returns
    -------
    ndarray
        Of the shape of the results, from 0; NaN where a result is.

    Raises
    ------
    UsageError
        If there are fewer than two results, or the noise is not positive.
    ImageError
        If shapes differ.
    """
    if len(results) < 2:
        raise UsageError(f"Disagreement is between two or more results, not {len(results)}.")
    images = [np.asarray(each) for each in results]
    shapes = [each.shape for each in images]
    if len(set(shapes)) > 1:
        raise ImageError(
            f"The results have the shapes {', '.join(map(str, shapes))}; they must show the "
            "same pixels."
        )
    mean = sum(each.astype(np.float64) for each in images) / len(images)
    power = sum((each - mean) ** 2 for each in images) / (len(images) - 1)
    sigma: NDArray[Any]
    if isinstance(noise, NoiseModel):
        variance = np.asarray(noise.variance(mean))
        # A model without read noise knows none in the dark, but there is a last photon.
        sigma = np.sqrt(np.maximum(variance, noise.gain**2 * 0.1))
    else:
        sigma = np.asarray(noise, dtype=np.float64)
    if not np.all(sigma[np.isfinite(sigma)] > 0):
        raise UsageError("The standard deviation of the noise must be positive everywhere.")
    return np.asarray(np.sqrt(power) / sigma, dtype=np.float32)
