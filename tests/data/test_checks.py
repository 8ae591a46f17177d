from dataclasses import replace

import numpy as np
import pytest

from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.checks import check_alike, check_image, check_takes_targets


def test_the_hash_follows_pixels_axes_and_type():
    data = np.arange(24).reshape(2, 3, 4)
    images = [
        Image(data, "TYX"),
        Image(data, "ZYX"),
        Image(data + 1, "TYX"),
        Image(data.astype(np.uint8), "TYX"),
    ]
    digests = [check_image(image).digest for image in images]
    assert len(set(digests)) == 4
    assert check_image(Image(data.copy(), "TYX", name="other")).digest == digests[0]


def test_an_image_without_any_number_is_refused():
    with pytest.raises(ImageError, match="no finite pixel"):
        check_image(Image(np.full((4, 4), np.nan)), fill_nan=True)


def test_filled_pixels_are_the_mean_of_their_neighbours():
    data = np.add.outer(np.arange(8.0), np.zeros(8))
    data[3, 3] = data[0, 0] = np.nan
    filled = check_image(Image(data), fill_nan=True).image
    assert filled.read()[3, 3] == pytest.approx(3)
    assert filled.read((slice(2, 5), slice(2, 5)))[1, 1] == pytest.approx(3)
    assert np.isnan(data[3, 3])


def test_a_hole_without_neighbours_gets_the_mean_of_the_image():
    data = np.full((20, 20), 4.0)
    data[:, 10:] = 8
    data[5:12, 5:12] = np.inf
    finite_mean = data[np.isfinite(data)].mean()
    assert check_image(Image(data), fill_nan=True).image.read()[8, 8] == finite_mean


class Counted:
    """Data that counts how often it is read."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.reads = data, data.shape, data.dtype, 0

    def __getitem__(self, key):
        self.reads += 1
        return self.data[key]


@pytest.mark.parametrize("fill_nan", [False, True])
def test_an_image_is_read_once_however_often_it_is_checked(fill_nan):
    data = Counted(np.arange(24.0).reshape(2, 3, 4))
    if fill_nan:
        data.data[0, 0, 0] = np.nan
    once = check_image(Image(data, "TYX"), fill_nan=fill_nan)
    reads = data.reads
    again = check_image(once.image, fill_nan=fill_nan)
    assert (data.reads, again.digest) == (reads, once.digest)
    np.testing.assert_array_equal(again.image.read(), once.image.read())


def test_other_pixels_or_axes_are_checked_anew():
    once = check_image(Image(np.arange(24).reshape(2, 3, 4), "TYX"))
    with pytest.raises(ImageError, match="constant"):
        check_image(once.image.like(np.zeros((2, 3, 4))))
    assert check_image(replace(once.image, axes="ZYX")).digest != once.digest


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Image(np.ones((2, 8, 8)), "CYX", name="odd"), "odd has 2 channels, but image has 1"),
        (Image(np.ones((8, 8, 3)), "YXS", name="odd"), "odd has 3 colour samples"),
    ],
)
def test_images_of_other_channels_do_not_go_together(other, sentence):
    image = Image(np.ones((5, 5)))
    check_alike([image, Image(np.ones((4, 8, 9)))])
    with pytest.raises(ImageError, match=sentence):
        check_alike([image, image, other])


def test_one_network_per_plane_needs_as_many_planes():
    with pytest.raises(ImageError, match="odd has 3 planes, but image has 2"):
        check_alike(
            [Image(np.ones((n, 5, 5)), name=name) for n, name in ((2, "image"), (3, "odd"))],
            planes=True,
        )


def test_targets_for_a_method_without_are_refused():
    with pytest.raises(UsageError, match="BM3D takes no target"):
        check_takes_targets("BM3D", "", [Image(np.ones((5, 5)))])
    check_takes_targets("BM3D", "", [])
    check_takes_targets("Supervised", "a clean image", [Image(np.ones((5, 5)))])
