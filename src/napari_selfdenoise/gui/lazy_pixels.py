"""Pixels that are not in memory, as dask arrays that are read where they are seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.image import ArrayLike

_BLOCK = 4096
"""Longest side of a block in pixels: most planes are one."""
_PLACES, _SIDE = 4, 512
"""Planes, and pixels of each along a side, on which contrast is measured."""


def pixels_or_lazy(data: ArrayLike) -> Any:
    """Return an array in memory as it is, and any other as a dask array."""
    return data if isinstance(data, np.ndarray) else lazy(data)


def lazy(data: ArrayLike) -> Any:
    """Return any array as a dask array, of blocks that are planes or parts of them."""
    if hasattr(data, "dask"):
        return data
    import dask.array

    shape = data.shape
    spatial = 3 if len(shape) > 2 and shape[-1] in (3, 4) else 2  # colours belong to a plane
    outer = len(shape) - spatial
    blocks = (1,) * outer + tuple(min(side, _BLOCK) for side in shape[outer:])
    meta = np.empty((0,) * len(shape), data.dtype)
    return dask.array.from_array(  # type: ignore[no-untyped-call]
        data, chunks=blocks, name=False, meta=meta
    )


def sample_of(data: Any) -> NDArray[Any]:
    """Return some pixels to measure contrast on: all of an array in memory.

    Of others the middle of a few planes, from the first to the last.
    """
    if isinstance(data, np.ndarray):
        return data
    outer = data.shape[:-2]
    places = np.linspace(0, max(int(np.prod(outer, dtype=np.int64)) - 1, 0), _PLACES)
    windows = tuple(
        slice((side - min(side, _SIDE)) // 2, (side + min(side, _SIDE)) // 2)
        for side in data.shape[-2:]
    )
    found = []
    for place in sorted({round(place) for place in places}):
        at = tuple(map(int, np.unravel_index(place, outer))) if outer else ()
        found.append(np.asarray(data[(*at, *windows)]).reshape(-1))
    return np.concatenate(found)
