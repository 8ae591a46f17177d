import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.beside import as_channels, neighbours, read_beside, stacked_axis
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import channel_planes


@pytest.mark.parametrize("length", [2, 3, 4, 9])
@pytest.mark.parametrize("beside", [1, 2, 3])
def test_a_plane_is_never_its_own_neighbour(length, beside):
    for at in range(length):
        chosen = neighbours(at, length, beside)
        assert len(chosen) == 2 * beside
        assert at not in chosen
        assert set(chosen) <= set(range(length))


def test_neighbours_are_in_order_and_come_from_the_other_side_at_the_end():
    assert neighbours(4, 9, 2) == [3, 5, 2, 6]
    assert neighbours(0, 9, 2) == [1, 1, 2, 2]
    assert neighbours(1, 9, 2) == [0, 2, 3, 3]
    assert neighbours(8, 9, 2) == [7, 7, 6, 6]


def test_depth_goes_before_time():
    assert stacked_axis(Image(np.zeros((3, 4, 8, 8)), "TZYX")) == "Z"
    assert stacked_axis(Image(np.zeros((3, 8, 8)), "TYX")) == "T"
    assert stacked_axis(Image(np.zeros((3, 1, 8, 8)), "TZYX")) == "T"
    assert stacked_axis(Image(np.zeros((3, 8, 8)), "CYX")) is None
    assert stacked_axis(Image(np.zeros((1, 8, 8)), "ZYX")) is None


def test_planes_beside_are_those_of_the_same_frame_and_channel():
    values = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    image = Image(np.broadcast_to(values[..., None, None], (2, 3, 5, 8, 9)).copy(), "TCZYX")
    planes = channel_planes(image)[1]
    read = as_channels(read_beside(planes, 5 + 2, 1, (slice(1, 5), slice(2, 9))))
    assert read.shape == (3, 4, 7)
    assert read[:, 0, 0].tolist() == [values[1, 1, at] for at in (2, 1, 3)]


def test_colours_of_a_plane_stay_together():
    image = Image(np.random.default_rng(0).random((4, 8, 8, 3), dtype=np.float32), "ZYXS")
    offset, scale = (0.1, 0.2, 0.3), (1.0, 2.0, 4.0)
    planes = read_beside(channel_planes(image)[0], 1, 1)
    read = as_channels(Normalization(offset, scale).apply(planes))
    assert read.shape == (9, 8, 8)
    for number, plane in enumerate((1, 0, 2)):
        expected = (image.data[plane] - offset) / scale
        assert np.allclose(read[3 * number : 3 * number + 3], expected.transpose(2, 0, 1))
