import numpy as np
import pytest

from napari_selfdenoise.data.tiles import tiles


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
