import pytest
import torch

from napari_selfdenoise.solvers.block_matching import match_blocks

BLOCK = 8


def nearest_by_force(image, row, column, window):
    """Squared distances of all blocks in the window, nearest first."""
    blocks = image.unfold(0, BLOCK, 1).unfold(1, BLOCK, 1)
    radius = window // 2
    near = blocks[
        max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1
    ]
    return (near - blocks[row, column]).square().sum((-1, -2)).flatten().sort().values


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((40, 51), range(0, 33, 3), range(0, 44, 3)),
        ((33, 60), range(8, 20, 4), range(3, 40, 4)),
        ((9, 15), range(2), range(8)),
    ],
)
def test_finds_what_a_search_by_force_finds(shape, rows, columns):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    matches = match_blocks(
        image, block=BLOCK, rows=rows, columns=columns, window=21, group=16, distance=100
    )
    across = shape[1] - BLOCK + 1
    blocks = image.unfold(0, BLOCK, 1).unfold(1, BLOCK, 1).reshape(-1, BLOCK, BLOCK)
    references = [(row, column) for row in rows for column in columns]
    assert len(matches.positions) == len(matches.counts) == len(references)
    for (row, column), found, count in zip(
        references, matches.positions, matches.counts.tolist(), strict=True
    ):
        assert found[0] == row * across + column
        distances = (blocks[found[:count]] - blocks[found[0]]).square().sum((-1, -2))
        expected = nearest_by_force(image, row, column, window=21)
        torch.testing.assert_close(distances, expected[:count], rtol=1e-4, atol=1e-4)


def test_groups_hold_a_power_of_two_of_blocks_within_the_distance():
    image = torch.randn(40, 40, generator=torch.Generator().manual_seed(1))
    image[:, 20:] = 0  # a flat half, where everything is alike
    matches = match_blocks(
        image,
        block=BLOCK,
        rows=range(0, 33, 4),
        columns=range(0, 33, 4),
        window=21,
        group=32,
        distance=0.5,
    )
    counts = matches.counts.view(9, 9)
    assert set(counts.unique().tolist()) <= {1, 2, 4, 8, 16, 32}
    assert (counts[:, :3] == 1).all()
    assert (counts[:, 6:] == 32).all()
