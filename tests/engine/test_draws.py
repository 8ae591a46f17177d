import numpy as np
import pytest
import torch

from napari_selfdenoise.engine.draws import BLOCK, Draws

CPU = torch.device("cpu")
SHAPES = [(3, 5, 7), (3, 10, 14), (2, 40, 56), (2, 160, 224)]
"""Of a plane whose coarsest level has 5 x 7 pixels."""


def whole(draws):
    return draws.window((0, 0), SHAPES)


def test_a_tile_gets_the_draws_of_its_place():
    """Also where it reaches over several blocks."""
    draws = Draws([1, 2], SHAPES, CPU)
    rows, columns = 2, 3
    first = (1, 2)
    tile_shapes = [
        (latents, height // 5 * rows, width // 7 * columns) for latents, height, width in SHAPES
    ]
    for level, (part, all_of_it) in enumerate(
        zip(draws.window(first, tile_shapes), whole(draws), strict=True)
    ):
        finer = SHAPES[level][1] // 5
        top, left = first[0] * finer, first[1] * finer
        expected = all_of_it[..., top : top + rows * finer, left : left + columns * finer]
        torch.testing.assert_close(part, expected, rtol=0, atol=0)


def test_draws_are_standard_normal_and_new_everywhere():
    shape = (4, 3 * BLOCK, 3 * BLOCK)
    (values,) = Draws([0], [shape], CPU).window((0, 0), [shape])
    values = values.numpy()
    assert abs(values.mean()) < 0.01
    assert abs(values.std() - 1) < 0.01
    blocks = values.reshape(4, 3, BLOCK, 3, BLOCK).transpose(0, 1, 3, 2, 4).reshape(36, -1)
    correlation = np.corrcoef(blocks) - np.eye(36)
    assert np.abs(correlation).max() < 0.1


@pytest.mark.parametrize("other", [[1, 3], [2, 2], [1, 2, 0]])
def test_seeds_tell_samples_apart(other):
    first, second = (whole(Draws(seed, SHAPES, CPU)) for seed in ([1, 2], other))
    assert all((one != two).all() for one, two in zip(first, second, strict=True))


def test_levels_have_draws_of_their_own():
    shapes = [(2, 8, 8), (2, 8, 8)]
    coarse, fine = Draws([0], shapes, CPU).window((0, 0), shapes)
    assert (coarse != fine).all()
