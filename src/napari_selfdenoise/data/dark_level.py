"""The grey level without light, from how the darkest pixels are spread.

The photon-transfer line tells the gain and the noise at every intensity, but not at which
intensity there is no light. The shape of the noise does: photons are counted, so few of them
spread unevenly to both sides, and through little read noise their numbers show as a comb.
Pixels are put into groups by the pixels around them, and the likelihood of their values is
compared for every dark level that the line allows.

A pixel is not predicted from its own row and column, so noise that is correlated along one
of them does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SIDES = 5, 9, 15
"""Sides of the squares a pixel is predicted from: the best of them counts for each group."""
_GROUPS, _DARK = 48, 16
"""Groups of equally many pixels, and how many of the darkest are looked at."""
_BRIGHTEST, _FEWEST = 40.0, 200
"""A group of more photons tells nothing of the dark; nor does one of so few pixels."""
_PIXELS = 1 << 20
"""So many pixels are enough."""
_ROUNDED = 1 / 12
"""Variance of the rounding to integers."""
_STRAY = 1e-3
"""Share of pixels that nothing explains (hot ones), so that a few of them decide nothing."""


@dataclass(frozen=True, eq=False)
class DarkLevel:
    """The grey level without light, and its standard error."""

    level: float
    error: float


def dark_level(
    image: Array, gain: float, constant: float, darkest: float, black: float = -math.inf
) -> DarkLevel | None:
    """Find the grey level without light.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values.
    gain, constant : float
        The line ``variance = gain * value + constant``; the gain is above 0.
    darkest : float
        The dark level is at most this.
    black : float
        Grey level at which pixels are cut off below, if they are.

    Returns
    -------
    DarkLevel or None
        None where no group of pixels tells anything of it.
    """
    lowest = min(-constant / gain, darkest)  # where the line has no noise left
    integers = np.issubdtype(image.dtype, np.integer)
    groups = [
        each
        for group in _groups(image, gain, constant)
        for each in [_without_strays(group, gain)]
        if each.size >= _FEWEST
        and each.mean(dtype=float) - lowest < _BRIGHTEST * gain
        and np.mean(each <= black) < 0.01
    ]
    if not groups:
        return None
    # Fine enough for a comb, or where it is washed out, for the shape of the noise.
    noise = math.sqrt(max(gain * float(groups[0].mean(dtype=float)) + constant, 0.0))
    width = max(gain / 8, noise / 16)
    width = max(1.0, round(width)) if integers else width
    spread = _Spread(groups, gain, constant, width, _ROUNDED if integers else 0.0)
    most = math.sqrt(max(constant + gain * darkest, 1e-9))
    read_noises = np.linspace(0, 1.02 * most, 40)
    for _ in range(4):
        likelihoods = [spread.likelihood(each) for each in read_noises]
        best, step = float(read_noises[np.argmax(likelihoods)]), read_noises[1] - read_noises[0]
        read_noises = np.linspace(max(best - step, 0), best + step, 9)
    misfit = max(1.0, spread.misfit(best))
    lost = spread.likelihood(best) - misfit / 2  # at one standard error

    def reach(sign: int) -> float:
        further = 1e-3 * most
        while further < 2 * most and best + sign * further > 0:
            if spread.likelihood(best + sign * further) < lost:
                break
            further *= 1.3
        return max(best + sign * further, 0.0)

    error = max(abs(reach(sign) ** 2 - best**2) for sign in (-1, 1)) / gain
    return DarkLevel((best**2 - constant) / gain, error)


def _groups(image: Array, gain: float, constant: float) -> Iterator[Array]:
    """Yield the values of pixels that are predicted to be about equally dark."""
    planes = _thinned(image)
    values = planes.ravel()
    shares = np.arange(1, _DARK + 1) / _GROUPS
    found: list[list[Array]] = []
    for side in _SIDES:
        predicted = np.concatenate([_predicted(plane, side).ravel() for plane in planes])
        limits = np.quantile(predicted[:: max(1, predicted.size // 50_000)], shares)
        dark = np.flatnonzero(predicted <= limits[-1])
        numbers = np.searchsorted(limits, predicted[dark])
        in_order = dark[np.argsort(numbers, kind="stable")]
        found.append(
            np.split(values[in_order], np.searchsorted(np.sort(numbers), range(1, _DARK)))
        )

    def excess(group: Array) -> float:
        if group.size < _FEWEST:
            return math.inf
        line = max(gain * float(group.mean(dtype=float)) + constant, 1e-9)
        return float(group.var(dtype=float)) / line

    for candidates in zip(*found, strict=True):
        yield min(candidates, key=excess)


def _without_strays(group: Array, gain: float) -> Array:
    """Return a group without hot and dead pixels, which would decide on its variance.

    A few photons among pixels without any are no strays.
    """
    low, middle, high = np.quantile(group, (0.25, 0.5, 0.75)) if group.size else (0, 0, 0)
    near: Array = group[np.abs(group - middle) <= 10 * (high - low + gain)]
    return near


def _thinned(image: Array) -> Array:
    """Return about `_PIXELS` pixels: bands of rows of some planes, float32."""
    planes = image.reshape(-1, *image.shape[-2:])
    planes = planes[:: max(1, planes.size // _PIXELS) if len(planes) > 1 else 1]
    rows = max(4 * max(_SIDES), _PIXELS // (planes.shape[0] * planes.shape[2]))
    if rows < planes.shape[1]:
        count = max(1, rows // 64)
        starts = np.linspace(0, planes.shape[1] - rows // count, count).astype(int)
        bands = [planes[:, start : start + rows // count] for start in starts]
        planes = np.concatenate(bands)
    return planes.astype(np.float32)


def _predicted(plane: Array, side: int) -> Array:
    """Return the mean of the square around each pixel, without its row and its column."""
    from scipy.ndimage import uniform_filter, uniform_filter1d

    square = uniform_filter(plane, side) * side**2
    lines = sum(uniform_filter1d(plane, side, axis) for axis in (0, 1)) * side
    predicted: Array = (square - lines + plane) / (side - 1) ** 2
    return predicted


class _Spread:
    """How often each value occurs in each group, and how likely that is.

    In a group the number of photons that is to be expected varies from pixel to pixel, by
    as much as the variance is above the line: a gamma distribution, so that the photons
    have a negative binomial one.
    """

    def __init__(
        self, groups: list[Array], gain: float, constant: float, width: float, rounded: float
    ) -> None:
        self._gain, self._constant, self._rounded = gain, constant, rounded
        self._means = np.array([each.mean(dtype=float) for each in groups])
        line = np.maximum(gain * self._means + constant, 1e-9)
        variances = np.array([each.var(dtype=float) for each in groups])
        self._extra = np.maximum(variances - line, 0) / gain**2
        first = math.floor(min(float(each.min()) for each in groups))
        bins = [((each - first) // width).astype(np.intp) for each in groups]
        count = 1 + max(int(each.max()) for each in bins)
        self._counts = np.stack([np.bincount(each, minlength=count) for each in bins])
        self._limits = first - (0.5 if rounded else 0.0) + width * np.arange(count + 1)
        most = (self._means.max() + constant / gain) / gain
        self._photons = np.arange(int(most + 8 * math.sqrt(most + self._extra.max() + 1)) + 12)
        # The shape of what varies is known as little as its skewness, of about 1.
        chance = 6 * (line / gain**2 + self._extra) ** 3 / self._counts.sum(1)
        self._trust = chance / (chance + self._extra**3)

    def likelihood(self, read_noise: float) -> float:
        """Return the logarithm of the likelihood, of groups in so far as they are trusted."""
        of_groups = (self._counts * np.log(self._probabilities(read_noise))).sum(1)
        return float(self._trust @ of_groups)

    def misfit(self, read_noise: float) -> float:
        """Return chi squared for each degree of freedom."""
        expected = self._probabilities(read_noise) * self._counts.sum(1, keepdims=True)
        some = expected >= 5
        squares = (self._counts - expected)[some] ** 2 / expected[some]
        return float(squares.sum() / max(1, some.sum() - 2 * len(self._means)))

    def _probabilities(self, read_noise: float) -> Array:
        """Return the probability of each value in each group."""
        from scipy.special import gammaln, ndtr

        gain, photons = self._gain, self._photons
        dark = (read_noise**2 - self._constant) / gain
        mean = np.maximum((self._means - dark) / gain, 1e-6)[:, np.newaxis]
        size = mean**2 / np.maximum(self._extra[:, np.newaxis], 1e-4 * mean**2 + 1e-9)
        chances = np.exp(
            gammaln(photons + size)
            - gammaln(size)
            - gammaln(photons + 1)
            + size * np.log(size / (size + mean))
            + photons * np.log(mean / (size + mean))
        )
        # A comb narrower than that of the values would be cut by errors of the gain.
        blur = math.sqrt(max(read_noise**2 - self._rounded, (0.03 * gain) ** 2))
        below = ndtr((self._limits - dark - gain * photons[:, np.newaxis]) / blur)
        probabilities: Array = chances @ np.diff(below, axis=1)
        probabilities = (1 - _STRAY) * probabilities + _STRAY / probabilities.shape[1]
        return probabilities
