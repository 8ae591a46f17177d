"""Along which axis of an image the noise is correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.noise_correlation import (
    LARGEST_STRIDE,
    noise_autocorrelation,
    white_stride,
)

Array = NDArray[Any]
Axis = Literal["x", "y", "none"]

CORRELATED = 0.06
"""Correlation of neighbours from which on noise counts as correlated: that of the weaker
stripes of COSDD's paper is 0.1, that of the scanners of FMD 0.06 at most."""
APART = 0.03
"""What structure is left in the measurement is much the same along rows and columns: noise
along one of them shows in the difference."""
BOTH = 0.15
"""Correlation of neighbours along both axes from which on it is no longer that of texture."""
_WEIGHTS = (1, -6, 15, -20, 15, -6, 1)
_SIDE, _BLOCK = 12, 3
"""Side of the tiles, and of the blocks whose means tell how flat a tile is."""
_FLATTEST, _ENOUGH = 0.2, 1000
"""Share of the tiles that count, and number of tiles that measure well enough: of many images
the flattest of the flat ones."""
_GROUPS, _GROUP = 10, 5
"""Groups of tiles of about the same intensity at most, and tiles in each at least."""


@dataclass(frozen=True)
class NoiseDirection:
    """Along which axis noise is correlated, and what that was concluded from.

    Attributes
    ----------
    axis : {"x", "y", "none"}
        The axis of the stronger correlation; "none" if there is no difference.
    along_x, along_y : float
        Correlation of neighbours along the rows and along the columns.
    """

    axis: Axis
    along_x: float
    along_y: float

    @property
    def both(self) -> bool:
        """Whether neighbours are correlated along both axes."""
        return min(self.along_x, self.along_y) > BOTH

    def white_distance(self, correlation: Array) -> int:
        """Return the distance at which noise is independent that is correlated along both axes.

        1 where neighbours are independent along one axis or both, which `data.noise_tiles`
        measures rightly, or where no distance is found that is small enough.

        Parameters
        ----------
        correlation : ndarray (axes, reach)
            As of `noise_autocorrelation`.
        """
        return white_stride(correlation[-2:, :LARGEST_STRIDE]) if self.both else 1

    def __str__(self) -> str:
        words = {"x": "along rows", "y": "along columns", "none": "along neither axis"}
        return (
            "The correlation of neighbouring pixels in flat places is "
            f"{self.along_x:.2f} along rows and {self.along_y:.2f} along columns: noise is "
            f"taken to be correlated {words[self.axis]}"
        )


def noise_direction(stacks: list[NDArray[Any]]) -> NoiseDirection:
    """Measure along which axis the noise of neighbouring pixels is correlated.

    Parameters
    ----------
    stacks : list of ndarray (planes, Y, X)
        Planes of one kind of image, for example one stack per channel; finite values.
    """
    along_y, along_x = np.mean([crossed_autocorrelation(each, 1)[:, 0] for each in stacks], 0)
    axis: Axis = "none"
    if max(along_x, along_y) > CORRELATED and abs(along_x - along_y) > APART:
        axis = "x" if along_x > along_y else "y"
    return NoiseDirection(axis, float(along_x), float(along_y))


def white_distance(stack: Array) -> int:
    """Measure `NoiseDirection.white_distance` of a stack, (planes, Y, X)."""
    correlation = noise_autocorrelation(stack, LARGEST_STRIDE)
    return noise_direction([stack]).white_distance(correlation)


def crossed_autocorrelation(stack: Array, reach: int = 4) -> Array:
    """Measure correlation along each axis where the image changes fast along the other.

    Noise of rows, or of columns, is white along the other axis: it is also there in
    differences of sixth order along the other axis, in which hardly any structure is left.
    Their correlation is that of the noise, if it is correlated along one axis; if along
    both, part of it.

    Parameters
    ----------
    stack : ndarray (planes, Y, X)
        Finite values. Planes too small for a tile (18 pixels) are taken for white.
    reach : int
        Largest distance in pixels, below 12.

    Returns
    -------
    ndarray (2, reach)
        Correlation at distance 1, 2, ... along Y and along X: the median over the flattest
        fifth of all tiles, but a thousand at most.
    """
    _, *noises = _flattest(stack)
    if not len(noises[0]):
        return np.zeros((2, reach))
    correlations = []
    for noise in noises:
        covariances = _covariances(noise, reach)
        power = np.where(covariances[0] > 0, covariances[0], np.inf)
        correlations.append(np.median(covariances[1:] / power, axis=1))
    return np.stack(correlations)


@dataclass(frozen=True)
class NoiseAlongAxis:
    """How noise that is correlated along one axis depends on the intensity.

    Attributes
    ----------
    correlation : ndarray (reach,)
        At distance 1, 2, ... at a medium intensity.
    intensity : float
        That intensity.
    growing : float
        Share of the correlated noise that grows with the intensity as all of it does, 0 to 1.
        The rest is equally strong everywhere, as the noise of reading out is. 1 if it cannot
        be told.
    """

    correlation: Array
    intensity: float
    growing: float


def noise_along(stack: Array, axis: Literal["x", "y"], reach: int) -> NoiseAlongAxis:
    """Measure noise that is correlated along an axis, and along that axis alone.

    Tiles of about the same intensity are taken together: the mean of the correlations of
    single tiles, in which there is little to see of it, is too small. It is still up to a
    quarter too small where everything is flat: of tiles that differ in their noise alone the
    flattest are those whose noise happens to be less correlated.

    Parameters
    ----------
    stack : ndarray (planes, Y, X)
        Finite values.
    axis : {"x", "y"}
        The axis.
    reach : int
        Largest distance in pixels, below 12.
    """
    brightness, along_y, along_x = _flattest(stack)
    covariances = _covariances(along_x if axis == "x" else along_y, reach)
    if not covariances.any():
        return NoiseAlongAxis(np.zeros(reach), 0.0, 1.0)
    order = np.argsort(brightness)
    groups = np.array_split(order, max(1, min(_GROUPS, len(order) // _GROUP)))
    power, *products = np.stack([covariances[:, group].mean(1) for group in groups], 1)
    correlations = np.stack(products) / np.maximum(power, 1e-30)
    typical = np.median(correlations, axis=1)
    intensity = float(np.median([brightness[group].mean() for group in groups]))
    # Least squares of: correlation = typical * (growing + (1 - growing) * constant).
    constant = np.median(power) / np.maximum(power, 1e-30)
    grown = typical[0] * (1 - constant)
    told = float(np.square(grown).sum())
    differing = float(((correlations[0] - typical[0] * constant) * grown).sum())
    growing = np.clip(differing / told, 0, 1) if told > 0 else 1.0
    return NoiseAlongAxis(typical, intensity, float(growing))


def _flattest(stack: Array) -> tuple[Array, Array, Array]:
    """Return brightness and noise, with Y last and with X last, of the flattest tiles."""
    tiles = [_plane_tiles(plane) for plane in stack]
    flatness, *found = (np.concatenate(parts) for parts in zip(*tiles, strict=True))
    kept = np.argsort(flatness)[: max(1, min(int(_FLATTEST * len(flatness)), _ENOUGH))]
    brightness, along_y, along_x = (each[kept] for each in found)
    return brightness, along_y, along_x


def _covariances(tiles: Array, reach: int) -> Array:
    """Return the covariance along the last axis at distance 0, 1, ..., (1 + reach, tiles)."""
    lags = range(1, reach + 1)
    apart = [(tiles[:, :, lag:] * tiles[:, :, :-lag]).mean((1, 2)) for lag in lags]
    return np.stack([np.square(tiles).mean((1, 2)), *apart])


def _plane_tiles(plane: Array) -> tuple[Array, Array, Array, Array]:
    """Return structure relative to noise, brightness, and noise with Y and with X last."""
    margin = len(_WEIGHTS) // 2
    if min(plane.shape) < _SIDE + 2 * margin:
        return *np.zeros((2, 0)), *np.zeros((2, 0, _SIDE, _SIDE))
    middle = plane.mean(dtype=np.float64)
    values = (plane - middle).astype(np.float32)
    flat = _tiles(values[margin:-margin, margin:-margin])
    blocks = flat.reshape(-1, _SIDE // _BLOCK, _BLOCK, _SIDE // _BLOCK, _BLOCK)
    structure = blocks.mean((2, 4)).var((1, 2))
    along_x = _tiles(_differences(values)[:, margin:-margin])
    along_y = _tiles(_differences(values.T).T[margin:-margin]).swapaxes(1, 2)
    weakest = np.minimum(*(np.square(noise).mean((1, 2)) for noise in (along_x, along_y)))
    flatness = structure / np.maximum(weakest, 1e-30)
    return flatness, middle + flat.mean((1, 2)), along_y, along_x


def _differences(plane: Array) -> Array:
    """Return the differences of sixth order along Y; the plane loses a margin."""
    height = len(plane) - len(_WEIGHTS) + 1
    found = np.zeros((height, plane.shape[1]), np.float32)
    for at, weight in enumerate(_WEIGHTS):
        found += weight * plane[at : at + height]
    return found


def _tiles(plane: Array) -> Array:
    """Cut a plane into whole tiles, (tiles, side, side)."""
    rows, columns = (length // _SIDE for length in plane.shape)
    whole = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE)
    tiles: Array = whole.swapaxes(1, 2).reshape(-1, _SIDE, _SIDE)
    return tiles
