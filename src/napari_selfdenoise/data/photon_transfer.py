"""The photon-transfer line of a camera, from one image: noise against brightness.

A pixel is ``offset + gain * photons + read noise`` with a Poisson number of photons, so
its variance is ``gain * (mean - offset) + read_noise ** 2``, a line. The line gives the gain,
but not the offset and the read noise one by one; the shape of the noise in the darkest places
does (`data.dark_level`). Where single photons can be told apart, their comb gives gain and read
noise, better than either (`data.photon_comb`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.data.dark_level import dark_level
from napari_selfdenoise.data.noise_tiles import BINS, SIDE, Tiles, measure_tiles
from napari_selfdenoise.data.photon_comb import PhotonComb, photon_comb

Array = NDArray[Any]

_DARK = 0.98
"""Probability that a micrograph has a place without light."""
_SEEN = 0.3
"""Photons. With more read noise than that, photons leave no bare comb: then it is of the steps
in which values are stored, as those of a camera of 12 bits in a file of 16."""
_DEAD = 1e-3
"""Share of pixels that may be darker than without light."""
_FLAT, _FEWEST = 1.1, 12
"""Tiles whose structure is at most so many times that of noise alone count as flat; so many
of a bin count at least."""


@dataclass(frozen=True, eq=False)
class PhotonTransfer:
    """Noise against brightness, and the line through it.

    Attributes
    ----------
    gain : float
        Grey levels for one photon; 0 for noise of the same strength at every intensity.
    offset : float
        Grey level without light.
    read_noise : float
        Standard deviation of the noise without light, in grey levels, rounding included.
    read_noise_range : tuple of float
        Least and largest read noise that the image allows, at two standard errors of the
        offset: far apart in an image without a dark place.
    means, variances : ndarray (bins,)
        Mean and variance of the noise in flat places, by brightness: the points of a plot,
        whose line is ``variance = gain * (mean - offset) + read_noise ** 2``.
    """

    gain: float
    offset: float
    read_noise: float
    read_noise_range: tuple[float, float]
    means: Array
    variances: Array

    @property
    def line(self) -> Array:
        """Variance of the line at `means`."""
        line: Array = np.maximum(self.gain * (self.means - self.offset), 0)
        return line + self.read_noise**2

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "gain": self.gain,
            "offset": self.offset,
            "read_noise": self.read_noise,
            "read_noise_range": list(self.read_noise_range),
            "means": self.means.tolist(),
            "variances": self.variances.tolist(),
            "line": self.line.tolist(),
        }


def photon_transfer(image: Array, stride: int = 1) -> PhotonTransfer:
    """Measure the photon-transfer line of one image or stack.

    Of each bin of intensity the flat tiles count; through the bins goes a robust line.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values; pixels at the limits of the camera are left out.
    stride : int
        Every n-th pixel along Y and X is taken, where those between are correlated with it.

    Raises
    ------
    ImageError
        If the image is too small, or saturated nearly everywhere.
    """
    image = _interleaved(image, stride)
    tiles = measure_tiles(image)
    if len(tiles) < BINS:
        raise ImageError(
            f"A noise model needs at least {BINS} tiles of {SIDE} x {SIDE} unsaturated "
            f"pixels, but there are {len(tiles)} in an image of shape {image.shape}."
        )
    flat, gain, constant = _fitted(tiles)
    means, variances = _binned(tiles, flat)
    middle = gain * float(np.median(tiles.means)) + constant
    if gain * float(np.ptp(tiles.means)) < 0.01 * middle:  # as good as even
        gain, constant = 0.0, middle
    least, offset, most = _offset(image, tiles, gain, constant)
    low, read_noise, high = (
        math.sqrt(max(constant + gain * level, 0.0)) for level in (least, offset, most)
    )
    comb = photon_comb(image, gain, float(means.min())) if gain > 0 else None
    if comb is not None and not (comb.bare and read_noise > _SEEN * gain):
        offset = _offset_of_comb(image, comb, means, variances, _sizes(flat))
        found = comb.gain, offset, comb.read_noise, comb.read_noise_range
        return PhotonTransfer(*found, means, variances)
    return PhotonTransfer(gain, offset, read_noise, (low, high), means, variances)


def _interleaved(image: Array, stride: int) -> Array:
    """Return the stack of the images of every n-th pixel."""
    height, width = (length // stride for length in image.shape[-2:])
    return np.concatenate(
        [
            part[..., :height, :width].reshape(-1, height, width)
            for row in range(stride)
            for column in range(stride)
            for part in [image[..., row::stride, column::stride]]
        ]
    )


def _fitted(tiles: Tiles) -> tuple[list[NDArray[np.intp]], float, float]:
    """Return the flat tiles of each bin, and slope and constant of the line through them."""
    bins = tiles.bins()
    structures = tiles.structures
    flattest = [e[np.argsort(structures[e])[: max(_FEWEST, len(e) // 10)]] for e in bins]
    flat = flattest
    slope, constant = _robust_line(*_binned(tiles, flat), _sizes(flat))
    # With the noise known roughly, tiles that hold nothing else need not be left out: the
    # flattest alone are, at low counts, those with few photons.
    for _ in range(2):
        expected = np.maximum(slope * tiles.others + constant, tiles.variances.mean() * 1e-3)
        passed = structures < _FLAT * expected
        flat = [
            each[passed[each]] if passed[each].sum() > len(few) else few
            for each, few in zip(bins, flattest, strict=True)
        ]
        slope, constant = _robust_line(*_binned(tiles, flat), _sizes(flat))
    return flat, slope, constant


def _binned(tiles: Tiles, bins: list[NDArray[np.intp]]) -> tuple[Array, Array]:
    return (
        np.array([tiles.means[each].mean() for each in bins]),
        np.array([tiles.variances[each].mean() for each in bins]),
    )


def _sizes(bins: list[NDArray[np.intp]]) -> Array:
    return np.array([float(len(each)) for each in bins])


def _offset_of_comb(
    image: Array, comb: PhotonComb, means: Array, variances: Array, sizes: Array
) -> float:
    """Return the grey level without light for a line whose slope and read noise are known.

    There are no fewer than no photons, so it is not above the darkest pixels.
    """
    line = comb.gain * (means - means.min() + comb.gain / 4) + comb.read_noise**2
    constant = float(np.average(variances - comb.gain * means, weights=sizes / line**2))
    darkest = float(np.quantile(image, _DEAD)) + 3 * comb.read_noise
    return min((comb.read_noise**2 - constant) / comb.gain, darkest)


def _offset(
    image: Array, tiles: Tiles, gain: float, constant: float
) -> tuple[float, float, float]:
    """Return the grey level without light: the least it may be, what it is, the most.

    It is not above the darkest tiles. How far below them is told by the shape of the noise
    (`data.dark_level`).
    """
    first = np.argsort(tiles.others)[: max(2, len(tiles) // 200)]
    darkest = float(tiles.means[first].mean())
    if gain == 0:
        return darkest, darkest, darkest
    lowest = min(-constant / gain, darkest)  # where the line has no noise left
    found = dark_level(image, gain, constant, darkest, tiles.black)
    if found is None:
        return lowest, darkest, darkest
    offset = _between(lowest, darkest, found.level, found.error)
    least = min(max(found.level - 2 * found.error, lowest), offset)
    return least, offset, max(min(found.level + 2 * found.error, darkest), offset)


def _between(lowest: float, darkest: float, level: float, error: float) -> float:
    """Return the expected offset, of which ``level`` was measured with a standard error.

    Before that, it is taken to be likely that the image has a place without light
    (`_DARK`); if it has none, the offset lies anywhere down to the lowest.
    """

    def density(offset: float) -> float:
        return math.exp(-(((offset - level) / error) ** 2) / 2) / math.sqrt(2 * math.pi) / error

    def share_below(offset: float) -> float:
        return (1 + math.erf((offset - level) / error / math.sqrt(2))) / 2

    share = share_below(darkest) - share_below(lowest)
    if share < 1e-6 or darkest - lowest < 1e-6 * error:
        return min(max(level, lowest), darkest)
    below = level + error**2 * (density(lowest) - density(darkest)) / share
    dark, light = _DARK * density(darkest), (1 - _DARK) * share / (darkest - lowest)
    dark /= dark + light
    return dark * darkest + (1 - dark) * min(max(below, lowest), darkest)


def _robust_line(means: Array, variances: Array, sizes: Array) -> tuple[float, float]:
    """Fit ``variance = slope * mean + constant`` to bins, some of which lie too high.

    By reweighted least squares: the error of a variance is in proportion to it, a bin
    counts as its number of tiles, and what lies far off as little as its distance asks
    (Huber). The bins of least variance
    decide on the constant but not on the slope, because where photons are few, tiles that
    got one look like structure. Without a rise, or without a range of intensities, the
    slope is 0.
    """
    line = np.full(len(means), max(float(np.median(variances)), 1e-12))
    trust = np.ones(len(means))
    for _ in range(30):
        weights = sizes * trust / (line + line.max() / 30) ** 2
        center = np.average(means, weights=weights)
        spread = np.sum(weights * (means - center) ** 2)
        slope = (
            float(np.sum(weights * (means - center) * variances) / spread) if spread else 0.0
        )
        slope = max(0.0, slope)
        constant = float(np.average(variances - slope * means, weights=sizes * trust / line**2))
        line = slope * means + constant
        line = np.maximum(line, max(line.max() * 1e-3, 1e-12))
        relative = np.abs(variances - line) / line
        trust = np.minimum(1, (1.5 * np.median(relative) + 1e-6) / np.maximum(relative, 1e-12))
    return slope, constant
