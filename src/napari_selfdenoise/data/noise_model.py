"""The noise of a camera: how strong it is at each intensity, and how to make it even.

A pixel is ``offset + gain * photons + read noise`` with a Poisson number of photons, so
its variance is ``gain * (mean - offset) + read_noise ** 2``: the photon-transfer line.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.photon_transfer import photon_transfer

Array = NDArray[Any]


@dataclass(frozen=True)
class NoiseModel:
    """Gain, offset and read noise of the camera that took an image.

    Attributes
    ----------
    gain : float
        Grey levels for one photon; 0 for noise of the same strength at every intensity.
    offset : float
        Grey level without light.
    read_noise : float
        Standard deviation, in grey levels, of the noise without light.
    """

    gain: float
    offset: float
    read_noise: float

    def variance(self, mean: Array | float) -> Array | float:
        """Return the variance of pixels of this mean, both in grey levels."""
        return np.maximum(self.gain * (mean - self.offset), 0) + self.read_noise**2

    def stabilise(self, image: Array) -> Array:
        """Return the image on a scale on which the noise has about unit variance.

        The generalized Anscombe transform: ``2 sqrt(p + 3/8 + s^2)`` of p photons under read
        noise s, both in units of the gain.
        """
        values = np.asarray(image, dtype=np.float64) - self.offset
        if self.gain == 0:
            return (values / (self.read_noise or 1)).astype(np.float32)
        return _anscombe(values / self.gain, self.read_noise / self.gain).astype(np.float32)

    def multiplied(self, clean: Array, rng: np.random.Generator) -> Array:
        """Return a noisy image of a clean one, as a detector of few photons takes it.

        Such a detector, a photomultiplier for one, makes a random number of electrons of each
        photon, here with an exponential distribution. ``gain``, which was measured from the
        variance, then is that of twice as many photons than there seem to be: each counts
        half a gain on average. Unlike whole photons, this has no steps. A gain of 0 leaves the
        read noise alone.

        Source: Hirsch, Wareham, Martin-Fernandez, Hobson, Rolfe, A Stochastic Model for
        Electron Multiplication Charge-Coupled Devices, PLoS ONE 8, 2013.
        """
        light = np.asarray(clean - self.offset, dtype=np.float64)
        if self.gain > 0:
            half = self.gain / 2
            photons = rng.poisson(np.maximum(light, 0) / half)
            light = np.where(photons, rng.gamma(np.maximum(photons, 1), half), 0.0)
        noisy: Array = self.offset + light + rng.normal(0, self.read_noise, light.shape)
        return noisy

    def restore(self, stabilised: Array) -> Array:
        """Return a denoised image from the stabilised scale, without bias.

        The mean of a transformed pixel is not the transform of its mean. The exact unbiased
        inverse of Mäkitalo and Foi (IEEE Transactions on Image Processing 22, 2013) maps
        the one to the other.
        """
        values = np.asarray(stabilised, dtype=np.float64)
        if self.gain == 0:
            grey = values * (self.read_noise or 1)
        else:
            grey = self.gain * _unbiased_inverse(values, self.read_noise / self.gain)
        return (grey + self.offset).astype(np.float32)


def _anscombe(photons: Array, read_noise: float) -> Array:
    transformed: Array = 2 * np.sqrt(np.maximum(photons + 3 / 8 + read_noise**2, 0))
    return transformed


def _unbiased_inverse(values: Array, read_noise: float) -> Array:
    """Return the mean number of photons whose transform has the means `values`.

    Tabulated to 200 photons; above, the mean of the transform's square grows by 4 for each
    photon. Below the transform of darkness the table goes on straight, so that errors on
    both sides of it average out.
    """
    means, photons = mean_transforms(round(read_noise, 6))
    # Between the points of the table the square is nearly a straight line.
    inside: Array = np.interp(values**2, means**2, photons)
    above = photons[-1] + (values**2 - means[-1] ** 2) / 4
    below = (values - means[0]) * (photons[1] - photons[0]) / (means[1] - means[0])
    return np.where(values > means[-1], above, np.where(values < means[0], below, inside))


@lru_cache(maxsize=16)
def mean_transforms(read_noise: float) -> tuple[Array, Array]:
    """Return the mean of the transform for a table of mean photon numbers from 0 to 200."""
    from scipy import stats  # slow to import, and the menu and --help must not wait

    photons = np.linspace(0, np.sqrt(200), 600) ** 2
    counts = np.arange(320)
    deviations, width = np.linspace(-6, 6, 481, retstep=True)
    weights = stats.norm.pdf(deviations) * width
    of_count = _anscombe(counts[:, None] + read_noise * deviations, read_noise) @ weights
    of_mean = stats.poisson.pmf(counts, photons[:, None]) @ (of_count / weights.sum())
    return of_mean, photons


def fit_noise_model(image: Array, stride: int = 1) -> NoiseModel:
    """Fit gain, offset and read noise to one image or stack.

    The photon-transfer line fixes the gain and the noise at every intensity in the image.
    What share of the noise in the dark is read noise depends on the offset, which an image
    without a dark place tells less well (see `data.photon_transfer`); the stabilised image
    does not depend on it.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values; pixels at the limits of the camera are left out.
    stride : int
        Distance of pixels whose noise is independent (see `data.noise_direction`).

    Raises
    ------
    ImageError
        If the image is too small, or saturated nearly everywhere.
    """
    found = photon_transfer(image, stride)
    return NoiseModel(gain=found.gain, offset=found.offset, read_noise=found.read_noise)
