import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import channel_planes, sample_planes


@pytest.mark.parametrize("axes", ["YX", "TYX", "ZTYX", "YXS", "CYX", "YXC", "TCZYXS", "YTX"])
def test_reading_and_writing_every_plane_copies_the_image(axes):
    lengths = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6, "S": 3}
    data = np.random.default_rng(0).integers(0, 99, [lengths[axis] for axis in axes])
    image = Image(data.astype(np.uint16), axes)
    out = np.full(data.shape, np.nan, np.float32)
    groups = channel_planes(image)
    assert len(groups) == image.size("C")
    for planes in groups:
        assert planes.shape == (image.size("S"), 5, 6)
        for at in range(len(planes)):
            plane = planes.read(at)
            assert plane.dtype == np.float32
            assert plane.shape == planes.shape
            planes.write(out, at, plane)
    np.testing.assert_array_equal(out, data)


def test_a_window_is_the_part_of_a_plane():
    image = Image(np.arange(2 * 5 * 6).reshape(2, 5, 6), "TYX")
    planes = channel_planes(image)[0]
    window = slice(1, 4), slice(2, 3)
    np.testing.assert_array_equal(planes.read(1, window), planes.read(1)[:, 1:4, 2:3])


def test_each_plane_alone():
    image = Image(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5), "TCYX")
    alone = channel_planes(image)[1].each_alone()
    assert [len(planes) for planes in alone] == [1, 1]
    np.testing.assert_array_equal(alone[1].read(0)[0], image.data[1, 1])
    assert alone[1].name == "image, C = 1, T = 1"


def test_noise_is_measured_on_images_of_the_usual_size():
    """A tiny image among many does not cut the others down."""
    usual = [Image(np.full((40, 50), at, np.uint16)) for at in range(4)]
    (stack,) = sample_planes([Image(np.full((5, 200), 99, np.uint16)), *usual])
    assert stack.shape == (4, 40, 50)
    assert set(stack.ravel()) == {0, 1, 2, 3}
    (both,) = sample_planes([usual[0], Image(np.full((30, 60), 7, np.uint16))])
    assert both.shape == (2, 30, 50)


@pytest.mark.parametrize(("side", "count"), [(1024, 7), (256, 52), (16, 52)])
def test_of_small_planes_more_are_taken(side, count):
    """As many pixels as of 8 large ones, but not more than 64 planes of 103 or 14."""
    planes = 14 if side == 1024 else 103
    (stack,) = sample_planes([Image(np.zeros((planes, side, side), np.uint8), "TYX")])
    assert stack.shape == (count, side, side)
