"""Random draws for images of any size, the same whatever part of them is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BLOCK = 64
"""Side, in pixels of a level, of the blocks that are drawn at once."""


class Draws:
    """Standard normal draws of one sample of one plane, by level.

    An image that does not fit into memory is treated tile by tile. Every tile must get the
    draws that belong to its place, so that all of them show parts of one and the same sample.
    Blocks of draws therefore have a seed each, made of `seed`, level and place.

    Parameters
    ----------
    seed : sequence of int
        Of this sample of this plane.
    shapes : sequence of (latents, Y, X)
        Of every level, for the whole plane.
    device : torch.device
        Where they are drawn; another kind of device draws other numbers.
    """

    def __init__(
        self, seed: Sequence[int], shapes: Sequence[tuple[int, ...]], device: torch.device
    ) -> None:
        self._seed, self._shapes = list(seed), shapes
        self._generator = torch.Generator(device)

    def window(self, start: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return the draws of a tile, (1, latents, Y, X) of each level.

        Parameters
        ----------
        start : (int, int)
            First row and column of the tile in pixels of the coarsest level: tiles begin where
            one of these does.
        shapes : sequence of (latents, Y, X)
            Of every level, for the tile.
        """
        draws = []
        for level, shape in enumerate(shapes):
            # All levels' sizes are multiples of the coarsest one's.
            finer = [
                whole // coarsest
                for whole, coarsest in zip(
                    self._shapes[level][1:], self._shapes[0][1:], strict=True
                )
            ]
            first = [at * factor for at, factor in zip(start, finer, strict=True)]
            rows, columns = (
                slice(at, at + side) for at, side in zip(first, shape[1:], strict=True)
            )
            draws.append(self._window(level, (rows, columns)))
        return draws

    def _window(self, level: int, window: tuple[slice, slice]) -> Tensor:
        latents, *sides = self._shapes[level]
        block = [min(BLOCK, side) for side in sides]
        places = [
            range(part.start // side, -(-part.stop // side))
            for part, side in zip(window, block, strict=True)
        ]
        drawn = torch.cat(
            [
                torch.cat([self._block(level, row, column, block) for column in places[1]], 2)
                for row in places[0]
            ],
            1,
        )
        top, left = (
            part.start - place.start * side
            for part, place, side in zip(window, places, block, strict=True)
        )
        height, width = (part.stop - part.start for part in window)
        return drawn[None, :latents, top : top + height, left : left + width]

    def _block(self, level: int, row: int, column: int, block: Sequence[int]) -> Tensor:
        words = np.random.SeedSequence([*self._seed, level, row, column])
        self._generator.manual_seed(int(words.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return torch.randn(
            self._shapes[level][0],
            *block,
            generator=self._generator,
            device=self._generator.device,
        )
