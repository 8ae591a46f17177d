"""The pixels of an image left of a divider that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class LeftPart:
    """An array that ends at a divider where it is read, though its shape stays.

    A layer that shows it is only drawn anew when the divider moves: with other data in its
    place, napari would also measure all layers, make a thumbnail, and paint the layer list.
    What was read last is kept, so that a file is not read again for every move.

    Parameters
    ----------
    data : array
        One level of an image layer.
    axis : int
        The one that the divider cuts.

    Attributes
    ----------
    share : float
        Where the divider is, from 0 to 1. One pixel at least is left of it.
    """

    def __init__(self, data: Any, axis: int) -> None:
        self._data, self._axis = data, axis
        self._read: tuple[Any, NDArray[Any]] | None = None
        self.shape, self.dtype = tuple(data.shape), data.dtype
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        self.share = 1.0

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        given = list(key) if isinstance(key, tuple) else [key]
        given += [slice(None)] * (self.ndim - len(given))
        values = self._whole(tuple(given))
        cut = given[self._axis]
        if not isinstance(cut, slice):  # a slider goes along the axis: nothing to divide
            return values
        start, stop, step = cut.indices(self.shape[self._axis])
        divider = round(self.share * self.shape[self._axis])
        count = max(len(range(start, min(divider, stop), step)), 1)
        kept = sum(isinstance(each, slice) for each in given[: self._axis])
        return values[(slice(None),) * kept + (slice(0, count),)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)

    def _whole(self, key: tuple[Any, ...]) -> NDArray[Any]:
        if self._read is None or self._read[0] != key:
            self._read = key, np.asarray(self._data[key])
        return self._read[1]
