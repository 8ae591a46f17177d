"""Signs that an image is not as the camera recorded it.

Denoisers assume noise as it comes from a detector. Compression, rescaling and other steps
before leave traces in the pixels that can be found without the original.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BLOCK = 8
"""Side of the blocks in which JPEG compresses."""
_GRID, _CLEAR = 0.05, 6.0
"""A grid is told if its lines differ from the others by this share, and by so many times the
differences among them."""
_GAPS = 0.02
"""Share of grey levels that are missing between frequent ones from which on it is told."""
_MANY_LEVELS = 70_000


def block_grid(plane: Array) -> bool:
    """Return whether a grid of 8 x 8 pixels, that of JPEG, shows in a plane.

    By cross differences ``p[y, x] - p[y, x+1] - p[y+1, x] + p[y+1, x+1]``, which are another
    where two blocks meet (Fan and de Queiroz, IEEE Transactions on Image Processing 12,
    2003), wherever the grid begins.

    Parameters
    ----------
    plane : ndarray (Y, X)
        Finite values, at least 64 pixels a side; smaller ones show no grid.
    """
    if min(plane.shape) < 8 * _BLOCK:
        return False
    values = np.asarray(plane, dtype=np.float32)
    rows = np.diff(values, axis=1)
    crossed = np.abs(rows[1:] - rows[:-1])
    return all(_one_stands_out(crossed.mean(axis)) for axis in (0, 1))


def _one_stands_out(lines: Array) -> bool:
    """Return whether every eighth line is unlike the others."""
    whole = lines[: len(lines) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    phases = np.median(whole, axis=0)
    odd = int(np.argmax(np.abs(phases - np.median(phases))))
    others = np.delete(phases, odd)
    distance = abs(phases[odd] - others.mean())
    return bool(distance > max(_GRID * others.mean(), _CLEAR * others.std()))


def grey_step(image: Array) -> float:
    """Return the distance of the grey levels that an image uses; 0 if there is no grid.

    1 for integers as a camera gives them, and for such stored as floating-point numbers. More
    for integers that were multiplied, another number for integers that were rescaled.

    Parameters
    ----------
    image : ndarray
        Finite values.
    """
    levels = np.unique(image)
    if len(levels) < 3:
        return 0.0
    if image.dtype.kind in "ui":
        return float(np.gcd.reduce(np.diff(levels.astype(np.int64))))
    if len(levels) > min(_MANY_LEVELS, image.size // 4):
        return 0.0
    steps = np.diff(levels.astype(np.float64))
    # Rounding makes levels of their own; they are not the distance sought.
    step = float(steps[steps > 1e-5 * np.ptp(levels) / len(levels)].min())
    places = (levels.astype(np.float64) - float(levels[0])) / step
    off = np.abs(places - np.rint(places))
    tolerance = 0.02 + 4e-7 * np.abs(levels).max() / step
    return step if off.max() < min(tolerance, 0.2) else 0.0


def missing_levels(image: Array, step: float) -> float:
    """Return the share of grey levels that no pixel has, between levels that many have.

    An image that was stretched, or whose gamma was changed, after it was rounded has such
    gaps; photons that are each worth many grey levels make them too, in the dark.

    Parameters
    ----------
    image : ndarray
        Finite values.
    step : float
        Of `grey_step`; with 0 there are no levels.
    """
    if step == 0:
        return 0.0
    low, high = np.quantile(image, (0.05, 0.95))
    count = round((high - low) / step) + 1
    if not 8 <= count <= _MANY_LEVELS:
        return 0.0
    inside = image[(image >= low) & (image <= high)].astype(np.float64)
    counts = np.bincount(np.rint((inside - low) / step).astype(np.intp), minlength=count)
    # By chance a level is empty among frequent ones hardly ever.
    near = np.convolve(counts, np.ones(7) / 7, mode="same")
    return float(np.mean((counts == 0) & (near > 20)))
