"""Tiles of a plane for prediction, with a halo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_selfdenoise.data.planes import Window


@dataclass(frozen=True)
class Tile:
    """One tile of a plane.

    Attributes
    ----------
    write : tuple of slice
        The part of the plane this tile is responsible for; the parts of all tiles cover
        the plane once.
    read : tuple of slice
        That part and the halo around it, as far as the plane reaches.
    inner : tuple of slice
        Where the part lies inside what was read.
    """

    write: Window
    read: Window
    inner: Window


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


def _side(start: int, size: int, length: int) -> slice:
    return slice(start, min(start + size, length))


def _grown(side: slice, halo: int, length: int) -> slice:
    return slice(max(side.start - halo, 0), min(side.stop + halo, length))


def _within(side: slice, read: slice) -> slice:
    return slice(side.start - read.start, side.stop - read.start)
