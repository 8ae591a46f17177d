"""What a layer reads of an image left of a divider."""

import numpy as np
import pytest

from napari_selfdenoise.gui.left_part import LeftPart

STACK = np.arange(3 * 4 * 10).reshape(3, 4, 10)


@pytest.fixture
def half():
    part = LeftPart(STACK, 2)
    part.share = 0.5
    return part


def test_it_ends_at_the_divider_though_its_shape_stays(half):
    assert half.shape == STACK.shape
    np.testing.assert_array_equal(half[1], STACK[1, :, :5])
    np.testing.assert_array_equal(half[1, :, 2:9], STACK[1, :, 2:5])
    np.testing.assert_array_equal(half[:, 2, ::2], STACK[:, 2, 0:5:2])
    np.testing.assert_array_equal(np.asarray(half), STACK[..., :5])


def test_a_slider_along_the_divided_axis_sees_whole_planes(half):
    np.testing.assert_array_equal(half[:, :, 7], STACK[:, :, 7])


def test_one_pixel_is_always_there(half):
    assert half[0, :, 8:].shape == (4, 1)
    half.share = 0.0
    assert half[0].shape == (4, 1)


def test_colours_are_no_columns():
    part = LeftPart(np.zeros((4, 10, 3)), 1)
    part.share = 0.3
    assert part[:].shape == (4, 3, 3)


def test_moving_the_divider_reads_nothing_again():
    read = []

    class File:
        shape, dtype = STACK.shape, STACK.dtype

        def __getitem__(self, key):
            read.append(key)
            return STACK[key]

    part = LeftPart(File(), 2)
    for part.share in (0.1, 0.5, 0.9):
        part[1, :, :]
    assert len(read) == 1
    part[2, :, :]
    assert len(read) == 2
