"""Tiles of a plane for prediction: with a halo, or all of one size and blended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.planes import Window

TILE_SIZE, TILE_HALOS = 1024, 4
"""Side of a tile in pixels, without its halo: so much, or so many halos if that is more."""
FITTED_TILE_SIZE = 512
"""The same for networks that are fitted to each tile anew."""


@dataclass(frozen=True)
class Tile:
    """One tile of a plane.

    Attributes
    ----------
    write : tuple of slice
        The part of the plane this tile is responsible for; the parts of all tiles cover
        the plane once, or their weights add up to 1 at every pixel.
    read : tuple of slice
        That part and the halo around it, as far as the plane reaches.
    inner : tuple of slice
        Where the part lies inside what was read.
    """

    write: Window
    read: Window
    inner: Window
    weight: NDArray[np.float32] | float = 1.0
    """The tile's share of the result, (height, width) as `write`, or of all its pixels."""


def tiles(height: int, width: int, *, size: int, halo: int) -> Iterator[Tile]:
    """Cut a plane of `height` x `width` pixels into tiles.

    Parameters
    ----------
    height, width : int
        Size of the plane in pixels.
    size : int
        Side of the part each tile is responsible for, in pixels.
    halo : int
        Pixels read beyond it on every side. With a halo of the network's receptive
        radius, tiled prediction equals prediction of the whole plane.
    """
    for top in range(0, height, size):
        for left in range(0, width, size):
            write = _side(top, size, height), _side(left, size, width)
            read = _grown(write[0], halo, height), _grown(write[1], halo, width)
            yield Tile(write, read, (_within(write[0], read[0]), _within(write[1], read[1])))


def blended_tiles(height: int, width: int, *, size: int, overlap: int) -> Iterator[Tile]:
    """Cut a plane of `height` x `width` pixels into tiles that are all of one size.

    For networks whose output depends on the size of what they are given. Where tiles overlap,
    one fades into the next along a straight line, so that there are no seams.

    Parameters
    ----------
    height, width : int
        Size of the plane in pixels.
    size : int
        Side of a tile in pixels. A plane that is smaller gives smaller tiles.
    overlap : int
        Pixels that neighbouring tiles have in common at least; less than `size`.
    """
    columns = list(_fading(width, size, overlap))
    for rows, down in _fading(height, size, overlap):
        for across, along in columns:
            window = rows, across
            inner = _within(rows, rows), _within(across, across)
            yield Tile(window, window, inner, down[:, np.newaxis] * along)


def _fading(
    length: int, size: int, overlap: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Cut a line into evenly spaced sides, with weights that add up to 1 at every pixel."""
    size = min(size, length)
    count = 1 - (size - length) // max(size - overlap, 1)
    starts = [round(start) for start in np.linspace(0, length - size, count)]
    rising = np.minimum(np.arange(size) + 0.5, max(overlap, 1))
    weights, total = [], np.zeros(length)
    for start in starts:
        # A weight falls towards the tile's edges, but not towards those of the plane.
        before = rising if start > 0 else max(overlap, 1)
        after = rising[::-1] if start + size < length else max(overlap, 1)
        weights.append(np.broadcast_to(np.minimum(before, after), size))
        total[start : start + size] += weights[-1]
    for start, weight in zip(starts, weights, strict=True):
        side = slice(start, start + size)
        yield side, (weight / total[side]).astype(np.float32)


def _side(start: int, size: int, length: int) -> slice:
    return slice(start, min(start + size, length))


def _grown(side: slice, halo: int, length: int) -> slice:
    return slice(max(side.start - halo, 0), min(side.stop + halo, length))


def _within(side: slice, read: slice) -> slice:
    return slice(side.start - read.start, side.stop - read.start)
