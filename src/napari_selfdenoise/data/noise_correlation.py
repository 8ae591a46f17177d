"""How far the noise of a pixel reaches to its neighbours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CORRELATED, WHITE = 0.35, 0.12
"""Noise is divided up if neighbours in both directions are correlated so much, so far that
pixels at the distance of the stride are correlated no more than this."""
MOSTLY_WHITE = 0.25
"""Fine structure of images whose noise is white passes for a correlation of up to 0.2."""
LARGEST_STRIDE = 3
"""Chosen by itself: correlation that reaches farther is more often structure than noise."""


def noise_autocorrelation(image: Array, reach: int = 4) -> Array:
    """Measure how far the noise of a pixel is that of its neighbours, along each axis.

    In the flattest places of the image, where what is left of a tile without its plane is
    nearly noise alone. White noise gives values near 0; a camera image after demosaicing,
    registration or interpolation gives large ones. An image that has no flat place gives
    those of its structure.

    Parameters
    ----------
    image : ndarray (..., Y, X)
        Finite values.
    reach : int
        Largest distance in pixels, at most half a tile of 16.

    Returns
    -------
    ndarray (axes, reach)
        Correlation with the neighbour at distance 1, 2, ... along each axis; NaN at
        distances that the image does not have.
    """
    tiles = flat_residuals(image)
    power = np.mean(tiles**2)
    correlation = np.full((image.ndim, reach), np.nan)
    for axis in range(image.ndim):
        along = axis if axis < image.ndim - 2 else axis - image.ndim
        for distance in range(1, reach + 1):
            length = tiles.shape[along]
            if distance < length:
                here = tiles.take(range(length - distance), axis=along)
                there = tiles.take(range(distance, length), axis=along)
                correlation[axis, distance - 1] = (
                    np.mean(here * there) / power if power else 0.0
                )
    correlation[-2:] = _with_planes(correlation[-2:], tiles.shape[-1] * tiles.shape[-2])
    return correlation


def _with_planes(correlation: Array, pixels: int) -> Array:
    """Return the correlation of noise, measured in tiles without their planes.

    With its mean and its slopes, a tile has lost as many times three in `pixels` of the
    covariance at every distance as pixels are correlated with one. Only the nearest count:
    what is found far away is structure, and would add up.
    """
    found = correlation
    for _ in range(20):
        near = np.clip(found[:, :LARGEST_STRIDE], 0, None)
        together = np.prod(1 + 2 * np.nansum(near, axis=1))
        lost = 3 * min(float(together) / pixels, 0.1)
        found = (correlation + lost) / (1 + lost)
    return np.where(correlation == 0, 0, found)


def white_stride(correlation: Array) -> int:
    """Return the distance from which on pixels are independent; 1 if neighbours are.

    Also 1 if none is found that is small enough.

    Parameters
    ----------
    correlation : ndarray (2, reach)
        Along Y and X, as of `noise_autocorrelation`; `LARGEST_STRIDE` distances or more.
    """
    if not np.all(correlation[:, 0] > CORRELATED):
        return 1
    for stride in range(2, LARGEST_STRIDE + 1):
        if np.all(np.abs(correlation[:, stride - 1]) < WHITE):
            return stride
    return 1


def flat_residuals(image: Array, side: int = 16) -> Array:
    """Return the flattest third of tiles without their planes, (..., tiles, side, side).

    All have unit variance, so that bright tiles count no more than dark ones.
    """
    tiles = _cut(image, side)
    pixels = tiles.reshape(*tiles.shape[:-2], -1)
    row, column = np.indices(tiles.shape[-2:]).reshape(2, -1)
    planes = np.stack([np.ones(len(row)), row, column], axis=1)
    pixels = pixels - pixels @ np.linalg.pinv(planes).T @ planes.T
    power = np.mean(pixels**2, axis=-1, keepdims=True)
    noise = power > 1e-20 * np.mean(tiles**2)  # less is rounding
    residuals: Array = np.where(noise, pixels / np.sqrt(np.where(noise, power, 1)), 0)
    residuals = residuals.reshape(tiles.shape)
    # Structure changes little from pixel to pixel where noise changes much.
    change = sum((np.diff(residuals, axis=axis) ** 2).sum((-2, -1)) for axis in (-2, -1))
    flatness = change.mean(axis=tuple(range(change.ndim - 1)))
    flattest = np.argsort(-flatness)[: max(1, len(flatness) // 3)]
    return residuals[..., flattest, :, :]


def _cut(image: Array, side: int) -> Array:
    """Cut planes into whole tiles, (..., tiles, side, side); smaller ones of a small image."""
    leading, plane = image.shape[:-2], image.shape[-2:]
    height, width = (min(side, length) for length in plane)
    rows, columns = plane[0] // height, plane[1] // width
    whole = np.asarray(image[..., : rows * height, : columns * width], dtype=np.float64)
    tiles = whole.reshape(*leading, rows, height, columns, width).swapaxes(-3, -2)
    return tiles.reshape(*leading, rows * columns, height, width)
