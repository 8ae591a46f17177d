import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.data.dark_level import dark_level

OFFSET = 500.0


def recorded(light, gain, read_noise, seed=0):
    rng = np.random.default_rng(seed)
    return OFFSET + gain * rng.poisson(light) + rng.normal(0, read_noise, light.shape)


def found(image, light, gain, read_noise, black=-np.inf):
    """Find the dark level with the true line of the camera."""
    darkest = OFFSET + gain * light.min()
    return dark_level(image, gain, read_noise**2 - gain * OFFSET, darkest, black)


def haze(photons, shape=(512, 512)):
    waves = gaussian_filter(np.random.default_rng(9).normal(size=shape), 20, mode="wrap")
    return photons * (1.5 + 0.5 * waves / np.abs(waves).max())


@pytest.mark.parametrize("integers", [True, False])
def test_single_photons_tell_the_dark_level_within_a_fiftieth_of_one(integers):
    light, gain, read_noise = haze(2), 10.0, 2.5
    image = recorded(light, gain, read_noise)
    image = np.rint(image).astype(np.uint16) if integers else image.astype(np.float32)
    dark = found(image, light, gain, read_noise)
    assert dark.level == pytest.approx(OFFSET, abs=gain / 50)
    assert dark.error < gain / 50


@pytest.mark.parametrize("seed", range(3))
def test_where_photons_are_not_seen_one_by_one_their_skewness_tells(seed):
    light, gain, read_noise = haze(2, (1024, 1024)), 2.0, 3.0
    image = np.rint(recorded(light, gain, read_noise, seed)).astype(np.uint16)
    dark = found(image, light, gain, read_noise)
    assert abs(dark.level - OFFSET) < 3 * dark.error
    assert dark.error < 0.5 * gain


def test_the_error_grows_with_the_read_noise():
    light = haze(2)
    images = {noise: recorded(light, 1.0, noise).astype(np.float32) for noise in (0.25, 1, 4)}
    errors = [found(image, light, 1.0, noise).error for noise, image in images.items()]
    assert errors == sorted(errors)
    assert errors[0] < 0.01
    assert errors[-1] > 0.3


def test_noise_along_rows_is_no_light():
    light, gain, read_noise = haze(2), 10.0, 2.5
    rows = np.random.default_rng(1).normal(0, read_noise, (512, 1)) * np.ones((1, 512))
    image = (recorded(light, gain, 0.0) + rows).astype(np.float32)
    dark = found(image, light, gain, read_noise)
    assert dark.level == pytest.approx(OFFSET, abs=gain / 20)


def test_hot_and_dead_pixels_change_little():
    light, gain, read_noise = haze(2), 10.0, 2.5
    image = np.rint(recorded(light, gain, read_noise)).astype(np.uint16)
    places = np.random.default_rng(0).integers(0, 512, (2, 60))
    image[tuple(places)] = np.resize([0, 65535], 60)
    dark = found(image, light, gain, read_noise)
    assert dark.level == pytest.approx(OFFSET, abs=gain / 20)


def test_single_photons_in_the_dark_are_no_strays():
    light, gain, read_noise = haze(0.05), 20.0, 1.0
    image = recorded(light, gain, read_noise).astype(np.float32)
    dark = found(image, light, gain, read_noise)
    assert dark.level == pytest.approx(OFFSET, abs=gain / 200)


def test_a_bright_image_tells_nothing():
    light = haze(200)
    assert found(recorded(light, 1.0, 2.0), light, 1.0, 2.0) is None


def test_a_large_stack_is_looked_at_in_parts():
    light, gain, read_noise = haze(2, (1, 1100, 1300)), 10.0, 2.5
    light = np.concatenate([light, light])
    image = np.rint(recorded(light, gain, read_noise)).astype(np.uint16)
    dark = found(image, light, gain, read_noise)
    assert dark.level == pytest.approx(OFFSET, abs=gain / 20)


def test_where_the_dark_is_cut_off_it_tells_nothing():
    light = haze(0.2)
    image = np.maximum(np.rint(recorded(light, 10.0, 2.5)), OFFSET).astype(np.uint16)
    assert found(image, light, 10.0, 2.5, OFFSET) is None
