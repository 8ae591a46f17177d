"""Whether the noise of an image is independent enough for a held-out score.

Two numbers are measured on the image alone. The *binned-variance ratio* compares the noise
of the image binned 2 x 2 with that of the image itself: 1 for white noise, more where
neighbours are correlated, along one axis or both, but also where the structure is as fine
as the noise. The correlation across the noise (see `data.noise_direction`) sees hardly any
structure, so that it tells the two apart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.noise_direction import noise_direction

Array = NDArray[Any]

DOUBTFUL, CORRELATED = 1.3, 2.0
"""Binned-variance ratios above which the ranking may be off, and above which it is refused:
from 2 on, rankings of filters under noise of known correlation were off by half a decibel and
more (docs/tables/heldout.md)."""
NEIGHBOURS = 0.15
"""Correlation of neighbours below which a large ratio is put down to fine structure: white
noise on natural images gives 0.06 at most, noise with a ratio above 2 gives 0.2 and more."""
_SIDE, _BINS = 8, 12
"""Side of the tiles; bins of intensity, of which the darker half counts."""
_FEWEST = 4
"""Tiles of the binned image without which a bin of intensity does not count."""


@dataclass(frozen=True)
class Whiteness:
    """How independent the noise of neighbouring pixels is.

    Attributes
    ----------
    ratio : float
        Noise variance of the image binned 2 x 2, times 4, over that of the image: 1 for white
        noise, up to about 10 for noise that reaches over 2 pixels. NaN for an image that is
        too small.
    neighbours : float
        The larger of the correlations of neighbours along rows and along columns.
    verdict : {"white", "fine structure", "doubtful", "correlated"}
        Only noise that is "correlated" makes held-out scores refuse.
    """

    ratio: float
    neighbours: float

    @property
    def verdict(self) -> Literal["white", "fine structure", "doubtful", "correlated"]:
        """What the two numbers say together."""
        if self.ratio <= DOUBTFUL:
            return "white"
        if self.neighbours < NEIGHBOURS:
            return "fine structure" if self.ratio > CORRELATED else "doubtful"
        return "correlated" if self.ratio > CORRELATED else "doubtful"

    def __str__(self) -> str:
        about = f"binned-variance ratio {self.ratio:.1f}, neighbours {self.neighbours:+.2f}"
        if self.verdict == "white":
            return f"The noise is independent between pixels ({about})."
        if self.verdict == "correlated":
            return (
                f"The noise of neighbouring pixels is correlated ({about}): a held-out score "
                "would prefer results that keep the noise, so it is refused. Compare on raw "
                "data, before filtering, demosaicing or registration."
            )
        if self.verdict == "doubtful":
            return (
                f"The noise may be correlated between neighbouring pixels ({about}; white "
                "noise has 1.0 and 0): the held-out ranking may favour results that keep some."
            )
        return (
            f"The structure is as fine as the noise ({about}): the strength of the noise is "
            "known only roughly, and held-out scores are less exact."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "verdict": self.verdict}


def whiteness(stack: Array) -> Whiteness:
    """Measure how independent the noise of neighbouring pixels is.

    The ratio is of the second differences along both axes, ``[1 -2 1]`` along Y of those
    along X, which leave little of smooth structure: of tiles of 8 x 8 pixels the median of
    their mean square in each bin of intensity, and of the darker half of the bins the median.

    Parameters
    ----------
    stack : ndarray (..., Y, X)
        Finite values of one channel.
    """
    planes = np.asarray(stack).reshape(-1, *stack.shape[-2:])
    direction = noise_direction([planes])
    return Whiteness(_ratio(planes), max(direction.along_x, direction.along_y))


def _ratio(planes: Array) -> float:
    means, powers = _measured(planes)
    binned_means, binned_powers = _measured(_binned(planes))
    if len(means) < _BINS or len(binned_means) < _BINS:
        return float("nan")
    bounds = np.quantile(means, np.linspace(0, 1, _BINS + 1))[: _BINS // 2 + 1]
    ratios = []
    for low, high in pairwise(bounds):
        full = powers[(means >= low) & (means <= high)]
        half = binned_powers[(binned_means >= low) & (binned_means <= high)]
        if len(half) >= _FEWEST and np.median(full) > 0:
            ratios.append(4 * float(np.median(half) / np.median(full)))
    return float(np.median(ratios)) if ratios else float("nan")


def _measured(planes: Array) -> tuple[Array, Array]:
    """Return mean and power of the second differences of each tile."""
    values = planes.astype(np.float32)
    changes = np.diff(np.diff(values, n=2, axis=1), n=2, axis=2)
    return _tile_means(values[:, 1:-1, 1:-1]), _tile_means(changes**2)


def _binned(planes: Array) -> Array:
    rows, columns = (length // 2 * 2 for length in planes.shape[1:])
    whole = planes[:, :rows, :columns].astype(np.float32)
    binned: Array = whole.reshape(len(planes), rows // 2, 2, columns // 2, 2).mean((2, 4))
    return binned


def _tile_means(planes: Array) -> Array:
    rows, columns = (max(0, length) // _SIDE for length in planes.shape[1:])
    whole = planes[:, : rows * _SIDE, : columns * _SIDE]
    tiles: Array = whole.reshape(len(planes), rows, _SIDE, columns, _SIDE).mean((2, 4))
    return tiles.reshape(-1)
