import numpy as np
import pytest

from napari_selfdenoise.core.axes import check_axes, guess_axes
from napari_selfdenoise.core.errors import AxesError, ImageError
from napari_selfdenoise.core.image import Image


@pytest.mark.parametrize(
    ("axes", "shape", "sentence"),
    [
        ("YX", (2, 3, 4), "name 2 axes, but the image has 3 (shape 2 x 3 x 4)"),
        ("QYX", (2, 3, 4), "'Q', which is none of"),
        ("YYX", (2, 3, 4), "name an axis twice"),
        ("TZX", (2, 3, 4), "must hold Y and X"),
        ("SYX", (2, 3, 4), "S (colour samples) must be the last axis"),
    ],
)
def test_wrong_axes_get_a_sentence(axes, shape, sentence):
    with pytest.raises(AxesError) as error:
        check_axes(axes, shape)
    assert sentence in str(error.value)


def test_axes_may_be_typed_small():
    assert check_axes("tyx", (2, 3, 4)) == "TYX"


@pytest.mark.parametrize("shape", [(5,), (2, 2, 2, 2, 2, 2)])
def test_too_few_or_too_many_axes(shape):
    with pytest.raises(ImageError, match="2 to 5 axes"):
        guess_axes(shape)


def test_guessed_axes_are_marked_and_stay_so():
    image = Image(np.zeros((2, 3, 4)))
    assert image.axes == "TYX"
    assert image.axes_guessed
    assert image.like(np.ones((2, 3, 4))).axes_guessed
    assert not Image(np.zeros((2, 3, 4)), "ZYX").axes_guessed


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((0, 4)), "empty"),
        (np.zeros((4, 4), bool), "a mask"),
        (np.zeros((4, 4), complex), "real and imaginary"),
        (np.zeros((4, 4), "U1"), "not numbers"),
    ],
)
def test_data_that_are_no_image_get_a_sentence(data, sentence):
    with pytest.raises(ImageError, match=sentence):
        Image(data)


def test_a_scale_of_wrong_length_gets_a_sentence():
    with pytest.raises(ImageError, match="2 entries, but the image has 3 axes"):
        Image(np.zeros((2, 3, 4)), scale=(1, 2))


def test_only_what_is_read_is_read():
    keys = []

    class Lazy:
        shape, dtype = (10, 20), np.dtype(np.uint8)

        def __getitem__(self, key):
            keys.append(key)
            return np.zeros(self.shape, np.uint8)[key]

    image = Image(Lazy(), "YX", (0.1, 0.2), ("micrometer",) * 2, "cells")
    part = image.crop((slice(2, 5), slice(0, 4)))
    assert keys == [(slice(2, 5), slice(0, 4))]
    assert (part.shape, part.scale, part.units) == ((3, 4), image.scale, image.units)
    assert image.describe() == "YX, 10 x 20, uint8"
