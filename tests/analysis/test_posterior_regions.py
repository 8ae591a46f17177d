"""Numbers of posterior samples, against brute force."""

import csv
import io
from itertools import pairwise

import numpy as np
import pytest
from skimage.measure import points_in_poly

from napari_selfdenoise.analysis.posterior_regions import (
    Regions,
    exceedance,
    region_means,
)
from napari_selfdenoise.core.errors import ImageError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(6, 20, 30), (5, 3, 8, 9), (4, 8, 9, 3)])
def test_the_probability_is_the_share_of_samples_above(rng, shape):
    samples = rng.normal(size=shape).astype(np.float32)
    found = exceedance(samples, 0.3)
    assert found.dtype == np.float32
    for place in np.ndindex(shape[1:]):
        share = sum(sample[place] > 0.3 for sample in samples) / len(samples)
        assert found[place] == pytest.approx(share)


def test_the_probability_falls_with_the_threshold(rng):
    samples = rng.normal(100, 10, (7, 12, 12))
    levels = [exceedance(samples, threshold) for threshold in (0, 90, 100, 110, 1000)]
    assert (levels[0] == 1).all()
    assert (levels[-1] == 0).all()
    assert all((low >= high).all() for low, high in pairwise(levels))


def test_whole_numbers_are_compared_exactly():
    samples = np.array([[[3, 4]], [[4, 5]]], np.uint8)
    np.testing.assert_array_equal(exceedance(samples, 4), [[0, 0.5]])


def test_a_pixel_without_samples_has_no_probability():
    samples = np.array([[[1.0, np.nan]], [[3.0, 5.0]]])
    np.testing.assert_array_equal(exceedance(samples, 2), [[0.5, np.nan]])


def test_samples_are_read_one_by_one(rng):
    samples = rng.normal(size=(5, 6, 7))
    alive = []

    def one_by_one():
        for sample in samples:
            alive.append(1)
            yield sample

    np.testing.assert_array_equal(exceedance(one_by_one(), 0), exceedance(samples, 0))
    assert len(alive) == 5


def test_no_sample_no_probability():
    with pytest.raises(ImageError, match="no posterior sample"):
        exceedance([], 0)


@pytest.mark.parametrize("colours", [(), (3,)])
def test_means_under_labels(rng, colours):
    samples = rng.normal(50, 5, (6, 20, 30, *colours)).astype(np.float32)
    labels = rng.integers(0, 4, (20, 30)) * 7  # 0, 7, 14, 21
    table = region_means(samples, Regions.of_labels(labels))
    assert table.names == ("7", "14", "21")
    for row, label in enumerate((7, 14, 21)):
        inside = labels == label
        means = [sample[inside].mean(axis=0, dtype=float) for sample in samples]
        assert table.pixels[row] == inside.sum()
        np.testing.assert_allclose(table.mean[row], np.mean(means, axis=0), rtol=1e-9)
        np.testing.assert_allclose(table.std[row], np.std(means, axis=0, ddof=1), rtol=1e-6)


def test_the_spread_of_a_mean_knows_that_pixels_are_wrong_together(rng):
    """An offset of a whole sample does not average out; errors of single pixels do."""
    whole = np.ones((16, 16), int)
    offsets = rng.normal(0, 2, (200, 1, 1)) + np.zeros((200, 16, 16))
    alone = rng.normal(0, 2, (200, 16, 16))
    together = region_means(offsets, Regions.of_labels(whole)).std[0, 0]
    averaged = region_means(alone, Regions.of_labels(whole)).std[0, 0]
    assert together == pytest.approx(2, rel=0.2)
    assert averaged == pytest.approx(2 / 16, rel=0.2)


def test_polygons_hold_the_pixels_whose_centre_they_hold():
    shape = (20, 24)
    polygons = [
        np.array([[2.3, 3.1], [2.3, 14.6], [11.7, 14.6], [11.7, 3.1]]),
        np.array([[8.2, 1.4], [18.6, 12.3], [5.1, 22.7]]),
        np.array([[15.5, 15.5], [15.5, 40.0], [40.0, 40.0], [40.0, 15.5]]),  # leaves the plane
    ]
    regions = Regions.of_polygons(polygons, ["a", "b", "c"], shape)
    centres = np.argwhere(np.ones(shape))
    for number, corners in enumerate(polygons):
        inside = np.flatnonzero(points_in_poly(centres, corners))
        np.testing.assert_array_equal(
            np.sort(regions.pixels[regions.numbers == number]), inside
        )


def test_regions_may_overlap(rng):
    samples = rng.normal(size=(4, 10, 10))
    square = np.array([[1.5, 1.5], [1.5, 7.5], [7.5, 7.5], [7.5, 1.5]])
    both = region_means(samples, Regions.of_polygons([square, square + 2], "ab", (10, 10)))
    for row, corners in enumerate((square, square + 2)):
        one = region_means(samples, Regions.of_polygons([corners], "a", (10, 10)))
        assert both.mean[row] == one.mean[0]
        assert both.std[row] == one.std[0]


def test_a_region_outside_the_plane_has_no_mean(rng):
    square = np.array([[50, 50], [50, 60], [60, 60.0]])
    table = region_means(
        rng.normal(size=(3, 10, 10)), Regions.of_polygons([square], "a", (10, 10))
    )
    assert table.pixels[0] == 0
    assert np.isnan(table.mean[0, 0])


def test_no_regions_no_rows(rng):
    nothing = Regions.of_polygons([], [], (10, 10))
    assert region_means(rng.normal(size=(3, 10, 10)), nothing).mean.shape == (0, 1)


@pytest.mark.parametrize(("count", "said"), [(0, "there is none"), (1, "there is 1")])
def test_one_sample_has_no_spread(rng, count, said):
    labels = Regions.of_labels(np.ones((8, 8), int))
    with pytest.raises(ImageError, match=said):
        region_means(rng.normal(size=(count, 8, 8)), labels)


def test_the_table_as_csv(rng):
    samples = rng.normal(100, 5, (5, 8, 9, 3))
    labels = np.zeros((8, 9), int)
    labels[2:4, 3:6] = 1
    table = region_means(samples, Regions.of_labels(labels))
    head, row = csv.reader(io.StringIO(table.to_csv()))
    assert head[:4] == ["region", "pixels", "mean 1", "posterior std 1"]
    assert row[:2] == ["1", "6"]
    values = np.array(row[2:], float).reshape(3, 2)
    np.testing.assert_allclose(values[:, 0], table.mean[0], rtol=1e-5)
    np.testing.assert_allclose(values[:, 1], table.std[0], rtol=1e-5)
    grey = region_means(samples[..., 0], Regions.of_labels(labels)).to_csv()
    assert grey.startswith("region,pixels,mean,posterior std\n1,6,")
