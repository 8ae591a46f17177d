"""An array seen with its axes in another order; nothing is read before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_selfdenoise.core.image import ArrayLike


class Reordered:
    """An array with its axes in another order, read and written by parts.

    Parameters
    ----------
    array : array
        Read by integers and slices; writable, if this is to be.
    order : sequence of int
        For each axis shown, which one it is of `array`.
    """

    def __init__(self, array: ArrayLike, order: Sequence[int]) -> None:
        self._array, self._order = array, list(order)
        self.shape: tuple[int, ...] = tuple(array.shape[place] for place in order)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: Any, /) -> Any:
        place, order = self._stored(key)
        return np.asarray(self._array[place]).transpose(np.argsort(np.argsort(order)))

    def __setitem__(self, key: Any, value: Any, /) -> None:
        place, order = self._stored(key)
        target: Any = self._array
        target[place] = np.asarray(value).transpose(np.argsort(order))

    def _stored(self, key: Any) -> tuple[tuple[Any, ...], list[int]]:
        """Return the key of the array, and which of its axes each one is that is read."""
        parts = [] if key is Ellipsis else list(key) if isinstance(key, tuple) else [key]
        parts += [slice(None)] * (len(self.shape) - len(parts))
        placed = dict(zip(self._order, parts, strict=True))
        kept = [at for at in self._order if isinstance(placed[at], slice)]
        return tuple(placed[at] for at in range(len(parts))), kept


def reordered(array: Any, stored: str, shown: str) -> Any:
    """Return an array of axes `stored` as one of axes `shown`, of the same letters."""
    if stored == shown:
        return array
    return Reordered(array, [stored.index(axis) for axis in shown])
