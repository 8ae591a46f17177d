from itertools import pairwise

import numpy as np
import pytest

from napari_selfdenoise.data.tiles import blended_tiles, tiles


@pytest.mark.parametrize("shape", [(1, 1), (10, 10), (37, 53), (64, 20)])
@pytest.mark.parametrize(("size", "halo"), [(16, 3), (10, 0), (7, 20)])
def test_tiles_cover_the_plane_once_and_carry_their_halo(shape, size, halo):
    plane = np.arange(np.prod(shape)).reshape(shape)
    covered = np.zeros(shape, int)
    for tile in tiles(*shape, size=size, halo=halo):
        covered[tile.write] += 1
        np.testing.assert_array_equal(plane[tile.read][tile.inner], plane[tile.write])
        for axis in (0, 1):
            around = tile.write[axis].start - tile.read[axis].start
            assert around == min(halo, tile.write[axis].start)
            beyond = tile.read[axis].stop - tile.write[axis].stop
            assert beyond == min(halo, shape[axis] - tile.write[axis].stop)
    assert (covered == 1).all()


BLENDED = pytest.mark.parametrize(
    ("shape", "size", "overlap"),
    [
        ((100, 90), 32, 16),
        ((64, 33), 32, 8),
        ((40, 20), 32, 16),
        ((1, 7), 16, 8),
        ((33, 64), 32, 0),
    ],
)


@BLENDED
def test_blended_tiles_are_of_one_size_and_their_shares_add_up_to_one(shape, size, overlap):
    total = np.zeros(shape)
    for tile in blended_tiles(*shape, size=size, overlap=overlap):
        assert tile.read == tile.write
        sides = [side.stop - side.start for side in tile.write]
        assert sides == [min(size, length) for length in shape]
        assert tile.weight.shape == tuple(sides)
        total[tile.write] += tile.weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


@BLENDED
def test_blended_tiles_overlap_and_fade(shape, size, overlap):
    """No share changes abruptly, but at the edges of the plane, where tiles end together."""
    cut = list(blended_tiles(*shape, size=size, overlap=overlap))
    rows = sorted({(tile.write[0].start, tile.write[0].stop) for tile in cut})
    assert all(stop - start >= overlap for (_, stop), (start, _) in pairwise(rows))
    if not overlap:
        return
    for tile in cut:
        share = np.zeros(shape)
        share[tile.write] = tile.weight
        for axis in (0, 1):
            assert np.abs(np.diff(share, axis=axis)).max(initial=0) <= 1.5 / overlap
