import numpy as np
import pytest

from napari_selfdenoise.core.axes import check_axes, guess_axes
from napari_selfdenoise.core.errors import AxesError, ImageError
from napari_selfdenoise.core.image import Image


@pytest.mark.parametrize(
    ("axes", "shape", "sentence"),
    [
        ("YX", (2, 3, 4), "name 2 axes, but the image has 3 (shape 2 x 3 x 4)"),
        ("AYX", (2, 3, 4), "'A', which is none of"),
        ("YYX", (2, 3, 4), "name an axis twice"),
        ("TZX", (2, 3, 4), "must hold Y and X"),
        ("SYX", (2, 3, 4), "S (colour samples) must be the last axis"),
        ("TQYX", (2, 3, 4, 5), "Q (posterior samples) must be the first axis"),
        ("TQCZYX", (2,) * 6, "Q (posterior samples) must be the first axis"),
        ("QQYX", (2, 3, 4, 5), "name an axis twice. For example: 'QTYX'"),
        ("QYX", (3, 4), "name 3 axes, but the image has 2 (shape 3 x 4)"),
    ],
)
def test_wrong_axes_get_a_sentence(axes, shape, sentence):
    with pytest.raises(AxesError) as error:
        check_axes(axes, shape)
    assert sentence in str(error.value)


def test_axes_may_be_typed_small():
    assert check_axes("tyx", (2, 3, 4)) == "TYX"


@pytest.mark.parametrize("axes", ["QYX", "QYXS", "QTCZYX", "QTCZYXS"])
def test_posterior_samples_come_on_top_of_five_axes(axes):
    assert check_axes(axes, (2,) * len(axes)) == axes


@pytest.mark.parametrize("ndim", range(2, 7))
@pytest.mark.parametrize("rgb", [False, True])
def test_posterior_samples_are_never_guessed(ndim, rgb):
    if 2 <= ndim - rgb <= 5:
        assert "Q" not in guess_axes((3,) * ndim, rgb=rgb)


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


@pytest.mark.parametrize("axes", ["YX", "YXS", "TZYX", "TCZYX"])
def test_samples_lie_in_front_of_the_axes_of_the_image(axes):
    shape = tuple(range(2, 2 + len(axes)))
    image = Image(np.zeros(shape), axes, (0.5,) * len(axes), ("micrometer",) * len(axes))
    samples = image.sampled(np.ones((7, *shape)), "samples")
    assert (samples.axes, samples.size("Q"), samples.name) == ("Q" + axes, 7, "samples")
    assert samples.scale == (1.0, *image.scale)
    assert samples.units == ("pixel", *image.units)
    assert not samples.axes_guessed
    assert image.sampled(np.ones((7, *shape))).name == image.name


def test_samples_may_be_of_another_size_but_not_of_other_axes():
    image = Image(np.zeros((3, 4)))
    assert image.sampled(np.zeros((2, 64, 64))).shape == (2, 64, 64)
    with pytest.raises(AxesError, match="name 3 axes, but the image has 2"):
        image.sampled(np.zeros((64, 64)))
    assert Image(np.zeros((2, 3, 4))).sampled(np.zeros((5, 2, 3, 4))).axes_guessed


def test_samples_of_samples_get_a_sentence():
    samples = Image(np.zeros((3, 4)), name="cells").sampled(np.zeros((2, 3, 4)))
    with pytest.raises(AxesError, match=r"cells holds samples already \(QYX\)"):
        samples.sampled(np.zeros((5, 2, 3, 4)))


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


def test_a_part_is_read_only_where_it_is_looked_at():
    whole, keys = np.arange(4 * 6 * 5).reshape(4, 6, 5), []

    class Watched:
        shape, dtype = whole.shape, whole.dtype

        def __getitem__(self, key):
            keys.append(key)
            return whole[key]

    image = Image(Watched(), "TYX", (2, 1, 1))
    part = image.part((slice(1, 3), slice(None), slice(2, 5)))
    assert (part.shape, part.axes, part.scale) == ((2, 6, 3), "TYX", (2, 1, 1))
    assert keys == []
    np.testing.assert_array_equal(part.read((1, slice(1, 4))), whole[2, 1:4, 2:5])
    assert keys == [(2, slice(1, 4, 1), slice(2, 5, 1))]
    np.testing.assert_array_equal(part.read(), whole[1:3, :, 2:5])
    np.testing.assert_array_equal(part.read((0, slice(None, None, 2), -1)), whole[1, ::2, 4])
