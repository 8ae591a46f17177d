"""Along which axis of an image the noise is correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
_FLATTEST = 0.2
"""Share of the tiles that count."""


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
        fifth of all tiles.
    """
    measured = [_plane_correlations(plane, reach) for plane in stack]
    structure = np.concatenate([each for each, _ in measured])
    correlations = np.concatenate([each for _, each in measured])
    if not len(structure):
        return np.zeros((2, reach))
    flattest = np.argsort(structure)[: max(1, int(_FLATTEST * len(structure)))]
    medians: Array = np.median(correlations[flattest], axis=0)
    return medians


def _plane_correlations(plane: Array, reach: int) -> tuple[Array, Array]:
    """Return structure relative to noise (tiles,) and correlations (tiles, 2, reach)."""
    margin = len(_WEIGHTS) // 2
    values = (plane - plane.mean(dtype=np.float64)).astype(np.float32)
    tiles = _tiles(values[margin:-margin, margin:-margin])
    if not len(tiles):
        return np.zeros(0), np.zeros((0, 2, reach))
    blocks = tiles.reshape(-1, _SIDE // _BLOCK, _BLOCK, _SIDE // _BLOCK, _BLOCK)
    structure = blocks.mean((2, 4)).var((1, 2))
    powers, found = [], []
    for turned in (values.T, values):
        # Tiles of the transposed plane are transposed, too: back into the order of the others.
        noise = _tiles(_differences(turned)[:, margin:-margin])
        power = np.square(noise).mean((1, 2))
        products = [
            (noise[:, :, lag:] * noise[:, :, :-lag]).mean((1, 2)) for lag in range(1, reach + 1)
        ]
        part = np.stack([power, *products], axis=1)
        if turned is not values:
            rows, columns = ((side - 2 * margin) // _SIDE for side in turned.shape)
            part = part.reshape(rows, columns, -1).swapaxes(0, 1).reshape(len(tiles), -1)
        powers.append(part[:, 0])
        noisy = part[:, :1] > 0
        found.append(np.where(noisy, part[:, 1:] / np.where(noisy, part[:, :1], 1), 0))
    weakest = np.maximum(np.minimum(*powers), 1e-30)
    return structure / weakest, np.stack(found, axis=1)


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
