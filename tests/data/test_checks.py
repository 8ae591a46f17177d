import numpy as np
import pytest

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.checks import check_image


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
