import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.data.noise_tiles import measure_tiles
from napari_selfdenoise.data.photon_transfer import photon_transfer

GAIN, OFFSET, READ_NOISE = 2.0, 100.0, 4.0


def photons(haze, shape=(512, 512)):
    blobs = gaussian_filter(np.random.default_rng(2).normal(size=shape), 14)
    return haze + 60 * np.maximum(blobs / blobs.std(), 0)


def recorded(light, seed=0):
    rng = np.random.default_rng(seed)
    counts = OFFSET + GAIN * rng.poisson(light) + rng.normal(0, READ_NOISE, light.shape)
    return np.rint(counts).astype(np.uint16)


@pytest.mark.parametrize("haze", [0, 3, 30])
def test_the_range_holds_the_read_noise_with_and_without_a_dark_place(haze):
    found = photon_transfer(recorded(photons(haze)))
    low, high = found.read_noise_range
    assert found.gain == pytest.approx(GAIN, rel=0.05)
    assert low <= found.read_noise <= high
    assert low <= 1.05 * READ_NOISE
    assert high >= 0.95 * READ_NOISE


def test_the_range_is_narrow_only_if_there_is_a_dark_place():
    widths = [np.ptp(photon_transfer(recorded(photons(h))).read_noise_range) for h in (0, 30)]
    assert widths[0] < 0.3 * READ_NOISE
    assert widths[1] > 1.0 * READ_NOISE


def test_the_skewness_tells_an_offset_that_no_place_shows():
    haze = 4.0
    found = [photon_transfer(recorded(photons(haze), seed)).offset for seed in range(3)]
    assert np.mean(found) < OFFSET + 0.6 * GAIN * haze


def test_noise_of_rows_and_of_columns_counts_in_full():
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(size=(256, 256)), (0, 1.5))
    noise *= 10 / noise.std()
    for turned in (noise, noise.T):
        assert np.sqrt(measure_tiles(turned).variances.mean()) == pytest.approx(10, rel=0.05)


def test_a_smooth_scene_is_no_noise():
    tiles = measure_tiles(1000 + 5 * photons(0))
    assert np.sqrt(tiles.variances.mean()) < 1


def test_what_tiles_are_sorted_by_does_not_sort_their_noise():
    flat = np.random.default_rng(0).poisson(5, (512, 512))
    tiles = measure_tiles(flat)
    means = [tiles.means[each].mean() for each in tiles.bins()]
    assert np.std(means) < 0.05
    assert np.ptp([tiles.others[each].mean() for each in tiles.bins()]) > 1


def test_the_dark_is_not_chosen_by_its_noise():
    """Tiles that happen to be brighter would seem flatter, as more noise is allowed there."""
    light = photons(5)
    light[:, :150] = 0
    rng = np.random.default_rng(0)
    image = np.rint(500 + 10 * rng.poisson(light) + rng.normal(0, 3, light.shape))
    found = photon_transfer(image.astype(np.uint16))
    assert found.offset == pytest.approx(500, abs=0.3)
    assert found.read_noise == pytest.approx(3, rel=0.1)
