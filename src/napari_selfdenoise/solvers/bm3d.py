"""BM3D: block matching and 3-D filtering, in torch.

Dabov, Foi, Katkovnik and Egiazarian, "Image Denoising by Sparse 3-D Transform-Domain
Collaborative Filtering", IEEE Transactions on Image Processing 16 (2007). Written from the
paper alone. Similar blocks are stacked to groups; the noise of a group is removed in its
3-D transform, first by a hard threshold, then, matched on that basic estimate, by an
empirical Wiener filter.

Where it departs from the paper's "normal" profile, for speed or for quality: the reference
blocks of the second stage are 4 pixels apart; the constants of `FIRST` and `SECOND`; block
distances are limited in units of the noise, so that the result scales with the image; and
the mean of a group is left alone, so that an offset of the image changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.solvers.block_matching import Matches, match_blocks
from napari_selfdenoise.solvers.block_transforms import (
    Array,
    BlockTransform,
    biorthogonal_wavelet,
    dct,
    haar,
)

BLOCK = 8
_BAND_BLOCKS = 2**18
"""Blocks of the image held at once as coefficients, which bounds the memory."""
_CHUNK_BLOCKS = 2**14
"""Blocks filtered at once; their coefficients fit into the cache."""
_NOISE_FREE = 1e6
"""An image of this range in units of the noise has none that float32 could tell."""


@dataclass(frozen=True)
class Stage:
    """The constants of one stage; the noise has unit variance.

    Attributes
    ----------
    step : int
        Pixels between neighbouring reference blocks.
    group : int
        Most blocks of a group, a power of two.
    window : int
        Side of the square that is searched for similar blocks.
    distance : float
        Largest mean squared difference of two blocks of a group.
    strength : float
        Of the filter: the threshold of the first stage, the noise variance that the second
        reckons with.
    beta : float
        Of the Kaiser window that weighs the pixels of a filtered block.
    """

    step: int
    group: int
    window: int
    distance: float
    strength: float
    beta: float = 2.0


FIRST = Stage(step=3, group=16, window=39, distance=11.0, strength=2.9)
SECOND = Stage(step=4, group=32, window=39, distance=8.0, strength=0.6)


def bm3d(
    image: Tensor,
    sigma: float,
    *,
    first: Stage = FIRST,
    second: Stage = SECOND,
    stopping: Callable[[], bool] = lambda: False,
) -> Run[Tensor]:
    """Denoise a 2-D image by block matching and 3-D filtering.

    Assumes additive white Gaussian noise of the same strength everywhere.

    Parameters
    ----------
    image : Tensor (Y, X)
        Of floating point, on any device; it is not changed.
    sigma : float
        Standard deviation of the noise, in the units of the image; 0 returns the image.
    first, second : Stage
        The constants of the two stages.
    stopping : callable
        Asked between bands of the image; if it says yes, the run ends.

    Yields
    ------
    Progress
        After each band of each stage.

    Returns
    -------
    Tensor (Y, X)
        The denoised image, float32. Pixels that were not reached before a stop are NaN.
    """
    if image.ndim != 2 or image.numel() == 0:
        raise ValueError(f"a 2-D image is needed, not one of shape {tuple(image.shape)}")
    if not sigma >= 0:
        raise ValueError(f"sigma is {sigma}; it must be 0 or more")
    plane = image.detach().to(torch.float32)
    if not torch.isfinite(plane).all():
        raise ValueError("the image holds values that are not finite")
    offset = plane.mean()
    noisy = (plane - offset) / sigma
    if not noisy.abs().max() < _NOISE_FREE:
        return plane.clone()
    threshold = _Pass("finding similar blocks", first, biorthogonal_wavelet(BLOCK), _threshold)
    wiener = _Pass("filtering", second, dct(BLOCK), _wiener)
    basic = yield from _run_pass(threshold, (noisy,), stopping)
    if not stopping():
        basic = yield from _run_pass(wiener, (noisy, basic), stopping)
    return basic * sigma + offset


@dataclass(frozen=True, eq=False)
class _Pass:
    """One stage with its transform of a block and its filter of a group's coefficients.

    The filter gets the groups (group, references, block ** 2) of each plane and returns
    the filtered ones of the first plane with a weight of each reference.
    """

    name: str
    stage: Stage
    matrix: Array
    shrink: Callable[[list[Tensor], float], tuple[Tensor, Tensor]]


def _threshold(groups: list[Tensor], strength: float) -> tuple[Tensor, Tensor]:
    """Keep the coefficients that stand out of the noise, but always the mean."""
    (noisy,) = groups
    kept = (noisy.abs() > strength).to(noisy.dtype)
    kept[0, :, 0] = 1
    return noisy.mul_(kept), 1 / kept.sum((0, 2))


def _wiener(groups: list[Tensor], strength: float) -> tuple[Tensor, Tensor]:
    """Weigh each coefficient by its share of signal in the basic estimate."""
    noisy, basic = groups
    power = basic.square_()
    gain = power.div_(power + strength)
    gain[0, :, 0] = 1
    return noisy.mul_(gain), 1 / gain.square_().sum((0, 2))


def _run_pass(
    this: _Pass, planes: tuple[Tensor, ...], stopping: Callable[[], bool]
) -> Run[Tensor]:
    """Filter the groups of the first plane, matched on the last, band by band."""
    height, width = planes[0].shape
    step, radius = this.stage.step, this.stage.window // 2
    extended = [_extend(plane, step) for plane in planes]
    transform = BlockTransform(this.matrix, this.stage.beta, extended[0])
    total = torch.zeros_like(extended[0])
    weight = torch.zeros_like(extended[0])
    last_row, last_column = (side - BLOCK for side in total.shape)
    bands = list(_bands(last_row, last_column, step, radius))
    for done, (rows, top, bottom) in enumerate(bands):
        if stopping():
            break
        yield Progress(done, len(bands), this.name)
        part = slice(top, bottom + BLOCK)
        own = range(rows.start - top, rows.stop - top, step)
        columns = range(0, last_column + 1, step)
        values, weights = _filter_band(
            this, [each[part] for each in extended], own, columns, transform
        )
        total[part] += values
        weight[part] += weights
    else:
        yield Progress(len(bands), len(bands), this.name)
    return (total / weight)[:height, :width]


def _bands(
    last_row: int, last_column: int, step: int, radius: int
) -> Iterator[tuple[range, int, int]]:
    """Divide the rows of reference blocks into bands that fit into memory.

    Yields the rows of the reference blocks, and the first and the last row of all blocks
    that their windows reach.
    """
    most = max(_BAND_BLOCKS // (last_column + 1) - 2 * radius, 4 * step)
    count = -(-(last_row + 1) // most)
    height = -(-(last_row // step + 1) // count) * step
    for first in range(0, last_row + 1, height):
        rows = range(first, min(first + height, last_row + 1), step)
        yield rows, max(0, first - radius), min(last_row, rows[-1] + radius)


def _filter_band(
    this: _Pass, planes: list[Tensor], rows: range, columns: range, transform: BlockTransform
) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of the filtered blocks of a band, and their weights."""
    stage = this.stage
    matches = match_blocks(
        planes[-1],
        block=BLOCK,
        rows=rows,
        columns=columns,
        window=stage.window,
        group=stage.group,
        distance=stage.distance,
    )
    coefficients = [transform.blocks(plane) for plane in planes]
    total = torch.zeros_like(coefficients[0])
    weight = total.new_zeros(len(total))
    for positions in _chunks(matches):
        size = len(positions)
        along = torch.as_tensor(haar(size)).to(total)
        flat = positions.reshape(-1)
        groups = [
            (along @ each[flat].view(size, -1)).view(*positions.shape, BLOCK**2)
            for each in coefficients
        ]
        filtered, weights = this.shrink(groups, stage.strength)
        filtered = filtered.mul_(weights[:, None])
        total.index_add_(0, flat, (along.T @ filtered.view(size, -1)).view(-1, BLOCK**2))
        weight.index_add_(0, flat, weights.repeat(size))
    return transform.put_back(total, weight, columns[-1] + 1)


def _chunks(matches: Matches) -> Iterator[Tensor]:
    """Yield the positions (group, references) of groups of the same size, a few at a time."""
    for size in matches.counts.unique().tolist():
        same = matches.positions[matches.counts == size, :size]
        for positions in same.split(_CHUNK_BLOCKS // size):
            yield positions.T.contiguous()


def _extend(plane: Tensor, step: int) -> Tensor:
    """Mirror the far edges until blocks fit in and the grid of references ends on the edge."""
    for axis in (0, 1):
        length = plane.shape[axis]
        target = max(length, BLOCK)
        target += -(target - BLOCK) % step
        place = torch.arange(target, device=plane.device) % (2 * length)
        plane = plane.index_select(axis, torch.minimum(place, 2 * length - 1 - place))
    return plane
