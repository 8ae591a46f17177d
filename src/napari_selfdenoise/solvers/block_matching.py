"""For blocks of an image, the most similar blocks near by.

The search behind `solvers.bm3d`. All blocks of a strip of the image are laid out one
after the other; the distances from a tile of reference blocks to all candidates around
them are then one matrix product: ``|a - b|^2 = |a|^2 - 2 a b + |b|^2``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_TILE = 4
"""Reference blocks along each side of a tile; they share most of their candidates."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Similar blocks of each reference block.

    Attributes
    ----------
    positions : Tensor (references, group)
        Upper left corner as ``row * columns_of_blocks + column``, most similar first; the
        first is the reference block itself.
    counts : Tensor (references,)
        How many of them are within the distance; a power of two, at least 1. Positions
        past the count may lie outside the image.
    """

    positions: Tensor
    counts: Tensor


def match_blocks(
    image: Tensor,
    *,
    block: int,
    rows: range,
    columns: range,
    window: int,
    group: int,
    distance: float,
) -> Matches:
    """Find the blocks most similar to those on a grid of reference blocks.

    Parameters
    ----------
    image : Tensor (Y, X)
        Best with a mean near 0: its square loses digits otherwise.
    block : int
        Side of a block in pixels.
    rows, columns : range
        Upper left corners of the reference blocks, both of the same step.
    window : int
        Odd side, in pixels, of the square of upper left corners that are searched.
    group : int
        Most blocks of a group, the reference among them; a power of two.
    distance : float
        Largest mean squared difference of two blocks that match.
    """
    search = _Search(image, block, columns, window)
    found = [
        search.tile_row(rows[first : first + _TILE], group)
        for first in range(0, len(rows), _TILE)
    ]
    nearest = torch.cat([each[0] for each in found])
    positions = torch.cat([each[1] for each in found])
    within = (nearest <= distance * block**2).sum(dim=1)
    exponents = torch.frexp(within.clamp(min=1).float()).exponent - 1
    return Matches(positions, 2**exponents)


class _Search:
    """The blocks of an image, laid out for the distances of one row of tiles at a time."""

    def __init__(self, image: Tensor, block: int, columns: range, window: int) -> None:
        self.block, self.window, self.columns = block, window, columns
        self.radius, self.step = window // 2, columns.step
        self.tiles = -(-len(columns) // _TILE)
        self.side = window + (_TILE - 1) * self.step
        """Side of the square of candidates of one tile."""
        self.across = (self.tiles - 1) * _TILE * self.step + self.side
        """Columns of candidates of one row of tiles."""
        self.width = image.shape[1] - block + 1
        # Past the image the tiles and their windows go on over blocks of infinite distance.
        beyond = max(0, columns.start + self.across - self.radius - self.width)
        pad = (self.radius, beyond, self.radius, self.side)
        norms = image.square().unfold(0, block, 1).sum(-1).unfold(1, block, 1).sum(-1)
        self.image = F.pad(image, pad)
        self.norms = F.pad(norms, pad, value=torch.inf)
        # Made once: the page faults of new memory take as long as the sums.
        self.strip = image.new_empty(self.across, self.side, block, block)
        self.products = image.new_empty(self.tiles, _TILE**2, self.side**2)
        self.distances = image.new_empty(self.tiles, _TILE, _TILE, window, window)

    def tile_row(self, rows: range, group: int) -> tuple[Tensor, Tensor]:
        """Return squared distances and positions of the nearest blocks for one row of tiles.

        Both of shape (references, group), the references by row and column.
        """
        references = self._multiply(self._strip(self.image, rows, self.block))
        self._gather_distances(self._strip(self.norms, rows, 1).contiguous())
        candidates = self.distances.view(self.tiles, _TILE, _TILE, self.window**2)
        nearest = candidates.topk(min(group, self.window**2), dim=-1, largest=False)
        own = references.square().sum(-1).view(self.tiles, _TILE, _TILE, 1)
        distances = (nearest.values + own).transpose(1, 2)
        positions = self._positions(nearest.indices.transpose(1, 2), rows)
        return self._by_row(distances, rows), self._by_row(positions, rows)

    def _strip(self, padded: Tensor, rows: range, block: int) -> Tensor:
        """View the blocks of all candidates of a row of tiles, column by column.

        Returns shape (across, side, block, block).
        """
        line = padded.stride(0)
        shape = (self.across, self.side, block, block)
        return padded.as_strided(
            shape, (1, line, line, 1), rows.start * line + self.columns.start
        )

    def _multiply(self, blocks: Tensor) -> Tensor:
        """Fill in the products of references and candidates; returns the references.

        The references of a tile are ordered column by column, like the candidates.
        """
        self.strip.copy_(blocks)
        side, size = self.side, self.block**2
        jump = _TILE * self.step * side * size  # from one tile to the next
        references = self.strip.as_strided(
            (self.tiles, _TILE, _TILE, size),
            (jump, self.step * side * size, self.step * size, 1),
            (self.radius * side + self.radius) * size,
        ).reshape(self.tiles, _TILE**2, size)
        candidates = self.strip.as_strided((self.tiles, size, side**2), (jump, 1, size))
        torch.bmm(references, candidates, out=self.products)
        return references

    def _gather_distances(self, norms: Tensor) -> None:
        """Fill in the squared distances, less the reference's own square, window by window."""
        side, step, window = self.side, self.step, self.window
        shape = (self.tiles, _TILE, _TILE, window, window)
        places = (step * side, step, side, 1)  # of the reference, then in its window
        products = self.products.as_strided(
            shape,
            (_TILE**2 * side**2, _TILE * side**2 + places[0], side**2 + places[1], *places[2:]),
        )
        squares = norms.as_strided(shape, (_TILE * step * side, *places))
        torch.add(squares, products, alpha=-2, out=self.distances)
        # Rounding must not put another block before the reference itself.
        self.distances[..., self.radius, self.radius] = -torch.inf

    def _positions(self, inside: Tensor, rows: range) -> Tensor:
        """Turn places in the windows of (tiles, rows, columns) into positions in the image."""
        grid = torch.arange(_TILE, device=inside.device) * self.step
        tile = torch.arange(self.tiles, device=inside.device) * _TILE * self.step
        row = rows.start + grid.view(1, _TILE, 1, 1) - self.radius + inside % self.window
        column = self.columns.start + tile.view(-1, 1, 1, 1) + grid.view(1, 1, _TILE, 1)
        column = column - self.radius + inside // self.window
        return row * self.width + column

    def _by_row(self, values: Tensor, rows: range) -> Tensor:
        """Order (tiles, rows, columns, group) by row; drop what is past the grid."""
        ordered = values.transpose(0, 1).reshape(_TILE, self.tiles * _TILE, -1)
        return ordered[: len(rows), : len(self.columns)].reshape(-1, values.shape[-1])
