"""Mean, noise and structure of small tiles of an image.

A tile is measured twice: on the white and on the black pixels of a chessboard, each of which
is brighter or darker by noise of its own. Diagonals have one colour.

The noise is told from the image by differences of fourth order along the diagonals. They
are zero on anything as smooth as a cubic, and, because no two of their pixels share a row
or a column, they see noise that is correlated along rows or along columns as if it were
white. Noise that is correlated along both they see too weak.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIDE = 8
"""Side of the tiles."""
BINS = 24
"""Bins of intensity, of equally many tiles."""
_BAND = 8
"""Rows of tiles measured at once: what is in the cache is quick."""
_FINE = 0.9
"""How much differences count against means of two pixels in what tells whether a tile is flat:
they see fine structure, and are measured with less error."""
_WEIGHTS = (1, -4, 6, -4, 1)
_REACH = len(_WEIGHTS) // 2
_SQUARES = sum(weight**2 for weight in _WEIGHTS)


@dataclass(frozen=True)
class Tiles:
    """What was measured of each tile and colour: arrays (2 tiles,).

    Attributes
    ----------
    means, others : ndarray
        Mean grey level of the pixels of this colour, and of the other. By the other, tiles
        are put into bins: by their own they would be so by their noise, too, which bends the
        line.
    variances : ndarray
        Variance of the noise.
    structures : ndarray
        About the variance of white noise, plus what is there besides: the larger of two
        measures, from the pixels of the other colour alone, in the tile and around it. So
        choosing tiles by it does not choose those that happen to have little noise.
    black : float
        Grey level at which pixels are cut off below; -inf if they are not.
    """

    means: Array
    others: Array
    variances: Array
    structures: Array
    black: float

    def __len__(self) -> int:
        return len(self.means)

    def bins(self) -> list[NDArray[np.intp]]:
        """Return the numbers of the tiles of each bin of intensity, darkest first."""
        return np.array_split(np.argsort(self.others), BINS)


def measure_tiles(image: Array) -> Tiles:
    """Measure the tiles of an image or stack, without those that are saturated.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values.
    """
    planes = image.reshape(-1, *image.shape[-2:])
    low, high = saturation(planes)
    measured = np.concatenate([_plane_tiles(plane, low, high) for plane in planes], axis=1)
    means, *_, dark, full = measured
    # Where many tiles are saturated, the others are those of too little noise.
    for each in np.array_split(np.argsort(means), BINS):
        if each.size and full[each].mean() > 0.1:
            full[each] = 1
    means, others, variances, structures = measured[:-2, dark + full == 0]
    return Tiles(means, others, variances, structures, low)


def saturation(planes: Array) -> tuple[float, float]:
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


def _plane_tiles(plane: Array, low: float, high: float) -> Array:
    """Return what `Tiles` holds, and whether a tile is saturated below and above."""
    rows, columns = (max(0, (side - 2 * _REACH) // SIDE) for side in plane.shape)
    if not rows * columns:
        return np.zeros((6, 0))
    width = columns * SIDE + 2 * _REACH
    bands = [
        _band_tiles(plane[top * SIDE : (top + count) * SIDE + 2 * _REACH, :width], low, high)
        for top in range(0, rows, _BAND)
        for count in [min(_BAND, rows - top)]
    ]
    return np.concatenate(bands, axis=1)


def _band_tiles(band: Array, low: float, high: float) -> Array:
    """Return the same for some rows of tiles and the pixels around them."""
    origin = float(band.mean(dtype=np.float64))
    values = (band - origin).astype(np.float32)  # keeps the precision on a large background
    inside = values[_REACH:-_REACH, _REACH:-_REACH]
    height, width = inside.shape
    last = 2 * _REACH
    falling, rising = np.zeros((2, height, width), np.float32)
    for at, weight in enumerate(_WEIGHTS):
        rows = values[at : at + height]
        falling += weight * rows[:, at : at + width]
        rising += weight * rows[:, last - at : last - at + width]
    limits = [
        _means(band[_REACH:-_REACH, _REACH:-_REACH] <= low, SIDE) > 0,
        _means(band[_REACH:-_REACH, _REACH:-_REACH] >= high, SIDE) > 0,
    ]
    powers = inside, (falling * falling + rising * rising) / (2 * _SQUARES)
    white = (np.indices(values.shape, np.int8).sum(0) % 2 == 0).astype(np.float32)
    masks = white, 1 - white
    halves = []
    for mask in masks:
        own = mask[_REACH:-_REACH, _REACH:-_REACH]
        mean, variance = (2 * _means(each * own, SIDE) for each in powers)
        halves.append((mean + origin, variance, _structures(values * mask, variance)))
    measured = [
        [mean, other, variance, structure, *limits]
        for (mean, variance, _), (other, _, structure) in (halves, halves[::-1])
    ]
    return np.concatenate([np.stack([e.reshape(-1) for e in half]) for half in measured], 1)


def _structures(colour: Array, variances: Array) -> Array:
    """Return the larger of two measures of the variance of noise and of all else.

    Parameters
    ----------
    colour : ndarray
        Rows of tiles and the pixels around them; 0 where a pixel has the other colour.
    variances : ndarray (rows, columns)
        Of the differences: what they measure in the eight tiles around is the one. (In the
        tile itself noise of rows would be much the same for both colours.) The other is the
        variance of means of two pixels. Differences reach beyond their tile, and so does
        that. (At the edge of a band the tiles inside stand for those outside.)
    """
    from scipy.ndimage import uniform_filter

    around = (SIDE + 2 * _REACH) // 2
    pairs = 2 * _means(colour, 2)
    windows = np.lib.stride_tricks.sliding_window_view(pairs, (around, around))
    coarse = 2 * windows[:: SIDE // 2, :: SIDE // 2].var((-2, -1))
    around_it = (9 * uniform_filter(variances, 3, mode="nearest") - variances) / 8
    structures: Array = np.maximum(coarse, _FINE * around_it)
    return structures


def _means(plane: Array, side: int) -> Array:
    rows, columns = (length // side for length in plane.shape)
    sums = plane.reshape(rows, side, columns * side).sum(1)
    means: Array = sums.reshape(rows, columns, side).sum(2, dtype=np.float64) / side**2
    return means
