"""The noise of a camera: how strong it is at each intensity, and how to make it even.

A pixel is ``offset + gain * photons + read noise`` with a Poisson number of photons, so
its variance is ``gain * (mean - offset) + read_noise ** 2``: the photon-transfer line.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import ImageError

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


_SIDE = 8
"""Side of the tiles in which mean and variance are measured."""
_BINS = 24
"""Bins of intensity, of equally many tiles."""


def fit_noise_model(image: Array) -> NoiseModel:
    """Fit gain, offset and read noise to one image or stack.

    Mean and variance are measured in small tiles; the variance from second differences
    along the diagonals, which neither a gradient nor noise shared by a row or a column
    disturbs. Of each bin of intensity the flat tiles count; through the bins goes a robust
    line.

    The line fixes the gain, and the noise at every intensity in the image. What share of
    the noise in the dark is read noise depends on the offset, which is taken to be the
    level of the darkest tiles: in an image without a dark place the offset and with it
    the read noise come out too high, which changes the stabilised image but little.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values; pixels at the limits of the camera are left out.

    Raises
    ------
    ImageError
        If the image is too small, or saturated nearly everywhere.
    """
    means, variances, structures = _tiles(image)
    if len(means) < _BINS:
        raise ImageError(
            f"A noise model needs at least {_BINS} tiles of {_SIDE} x {_SIDE} unsaturated "
            f"pixels, but there are {len(means)} in an image of shape {image.shape}."
        )
    gain, constant = _photon_transfer(means, variances, structures)
    middle = gain * float(np.median(means)) + constant
    if gain * float(np.ptp(means)) < 0.01 * middle:  # as good as even
        gain, constant = 0.0, middle
    darkest = float(np.quantile(means, 0.005))
    # Of the tiles without light it is those whose own noise makes them the darkest.
    offset = darkest + 2.6 / _SIDE * math.sqrt(max(constant + gain * darkest, 0.0))
    dark = constant + gain * offset
    return NoiseModel(gain=gain, offset=offset, read_noise=math.sqrt(max(dark, 0.0)))


def _photon_transfer(means: Array, variances: Array, structures: Array) -> tuple[float, float]:
    """Return slope and constant of the line of variance over mean through the flat tiles."""

    def line_through(bins: list[Array]) -> tuple[float, float]:
        return _robust_line(
            np.array([means[each].mean() for each in bins]),
            np.array([variances[each].mean() for each in bins]),
        )

    bins = np.array_split(np.argsort(means), _BINS)
    flattest = [each[np.argsort(structures[each])[: max(1, len(each) // 4)]] for each in bins]
    slope, constant = line_through(flattest)
    # With the noise known roughly, tiles that hold nothing else need not be left out: the
    # flattest alone are, at low counts, those with few photons.
    expected = np.maximum(slope * means + constant, variances.mean() * 1e-3)
    flat = 4 * structures < 1.5 * expected
    return line_through(
        [
            each[flat[each]] if flat[each].sum() > len(few) else few
            for each, few in zip(bins, flattest, strict=True)
        ]
    )


def _tiles(image: Array) -> tuple[Array, Array, Array]:
    """Return mean, variance of the noise and structure of tiles without saturated pixels."""
    planes = image.reshape(-1, *image.shape[-2:])
    low, high = _limits(planes)
    rows, columns = (side // _SIDE for side in planes.shape[1:])
    measured = []
    for plane in planes:
        whole = np.asarray(plane[: rows * _SIDE, : columns * _SIDE], dtype=np.float64)
        split = whole.reshape(rows, _SIDE, columns, _SIDE).swapaxes(1, 2)
        tiles = split.reshape(-1, _SIDE, _SIDE)
        middle = 2 * tiles[:, 1:-1, 1:-1]
        falling = tiles[:, :-2, :-2] + tiles[:, 2:, 2:] - middle
        rising = tiles[:, 2:, :-2] + tiles[:, :-2, 2:] - middle
        variance = (falling**2 + rising**2).mean((1, 2)) / 12
        dark, full = (tiles <= low).any((1, 2)), (tiles >= high).any((1, 2))
        measured.append([tiles.mean((1, 2)), variance, _coarse_variance(tiles), dark, full])
    means, variances, structures, dark, full = np.concatenate(measured, axis=1)
    # Where many tiles are saturated, the others are those of too little noise.
    for each in np.array_split(np.argsort(means), _BINS):
        if each.size and full[each].mean() > 0.1:
            full[each] = 1
    kept = dark + full == 0
    return means[kept], variances[kept], structures[kept]


def _coarse_variance(tiles: Array) -> Array:
    """Return the variance of means of 2 x 2 pixels within each tile.

    It shows structure but tells nearly nothing of the second differences, so choosing tiles
    by it does not choose those that happen to have little noise.
    """
    half = _SIDE // 2
    coarse: Array = tiles.reshape(-1, half, 2, half, 2).mean((2, 4))
    variance: Array = coarse.var((1, 2))
    return variance


def _limits(planes: Array) -> tuple[float, float]:
    """Return the values at which the camera is saturated, infinite where it is not.

    Saturated pixels pile up at the extreme value: more of them there than at the next. But
    where a twentieth of the image has the lowest value, it is a background without photons.
    """
    values, counts = np.unique(planes, return_counts=True)
    if len(values) < 3:
        return -math.inf, math.inf
    low = 1.5 * counts[1] < counts[0] < planes.size / 20
    high = 1.5 * counts[-2] < counts[-1]
    some = 3  # equal values of so few pixels are chance
    return (
        float(values[0]) if low and counts[0] > some else -math.inf,
        float(values[-1]) if high and counts[-1] > some else math.inf,
    )


def _robust_line(means: Array, variances: Array) -> tuple[float, float]:
    """Fit ``variance = slope * mean + constant`` to bins, some of which lie too high.

    By reweighted least squares: the error of a variance is in proportion to it, and what
    lies far off counts as little as its distance asks (Huber). The bins of least variance
    decide on the constant but not on the slope, because where photons are few, tiles that
    got one look like structure. Without a rise, or without a range of intensities, the
    slope is 0.
    """
    line = np.full(len(means), max(float(np.median(variances)), 1e-12))
    trust = np.ones(len(means))
    for _ in range(30):
        weights = trust / (line + line.max() / 30) ** 2
        center = np.average(means, weights=weights)
        spread = np.sum(weights * (means - center) ** 2)
        slope = (
            float(np.sum(weights * (means - center) * variances) / spread) if spread else 0.0
        )
        slope = max(0.0, slope)
        constant = float(np.average(variances - slope * means, weights=trust / line**2))
        line = slope * means + constant
        line = np.maximum(line, max(line.max() * 1e-3, 1e-12))
        relative = np.abs(variances - line) / line
        trust = np.minimum(1, (1.5 * np.median(relative) + 1e-6) / np.maximum(relative, 1e-12))
    return slope, constant
