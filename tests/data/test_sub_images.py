import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.sub_images import (
    blend,
    interleave,
    region_of_image,
    region_of_sub_images,
    sub_images,
)

SHAPES = [
    ((13, 17), "YX"),
    ((3, 12, 10), "TYX"),
    ((2, 3, 11, 9), "CTYX"),
    ((2, 3, 11, 9), "ZCYX"),
    ((7, 8, 3), "YXS"),
    ((2, 2, 3, 6, 5), "TCZYX"),
    ((4, 2), "YX"),
]


def numbered(shape, axes):
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Image(data, axes, tuple(1.0 + at for at in range(len(shape))))


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
@pytest.mark.parametrize("stride", [2, 3, 5])
def test_taken_apart_and_put_together_it_is_the_same(shape, axes, stride):
    image = numbered(shape, axes)
    parts = sub_images(image, stride)
    np.testing.assert_array_equal(interleave(parts.read(), image, shape, stride), image.data)


def test_a_sub_image_holds_every_nth_pixel_and_its_size():
    image = numbered((2, 12, 9), "TYX")
    parts = sub_images(image, 3)
    assert (parts.shape, parts.axes, parts.scale) == ((18, 4, 3), "TYX", (1.0, 6.0, 9.0))
    np.testing.assert_array_equal(parts.read((9 + 5,)), image.data[1, 1::3, 2::3])
    assert sub_images(numbered((5, 5), "YX"), 2).axes == "TYX"


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
def test_a_part_is_that_of_the_whole(shape, axes):
    parts = sub_images(numbered(shape, axes), 3)
    whole = parts.read()
    for region in (
        tuple(slice(0, max(1, side - 1)) for side in parts.shape),
        tuple(0 if axis in "TCZ" else slice(None) for axis in parts.axes),
        (slice(1, 3),),
    ):
        np.testing.assert_array_equal(parts.read(region), whole[region])


def test_regions_go_there_and_back_and_grow_to_whole_sub_pixels():
    image = numbered((4, 13, 17), "TYX")
    region = (slice(1, 2), slice(4, 9), slice(2, 17))
    inner = region_of_sub_images(image, region, 3)
    assert inner == (slice(9, 18), slice(1, 3), slice(0, 6))
    covered = region_of_image(image, inner, 3)
    assert covered == (slice(1, 2), slice(3, 9), slice(0, 17))
    values = sub_images(image, 3).read(inner)
    shape = tuple(place.stop - place.start for place in covered)
    np.testing.assert_array_equal(interleave(values, image, shape, 3), image.data[covered])


def test_blending_keeps_flat_and_sloping_places_and_evens_out_the_grid():
    rows, columns = np.indices((30, 30), dtype=np.float32)
    slope = rows + 2 * columns
    np.testing.assert_allclose(blend(slope, 3)[3:-3, 3:-3], slope[3:-3, 3:-3], rtol=1e-5)
    grid = (rows % 3) * 3 + columns % 3
    assert np.ptp(blend(grid, 3)[3:-3, 3:-3]) < 1e-4
