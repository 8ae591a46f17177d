import numpy as np
import pytest
from scipy import ndimage

from napari_selfdenoise.data.noise_correlation import noise_autocorrelation, white_stride


def scene(shape=(256, 256)):
    spots = np.random.default_rng(9).normal(size=shape)
    blurred = ndimage.gaussian_filter(spots, 6)
    return 300 * np.maximum(blurred / blurred.std() - 0.5, 0)


def white(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_white_noise_reaches_nowhere():
    correlation = noise_autocorrelation(scene() + 20 * white((256, 256)))
    assert correlation.shape == (2, 4)
    assert np.abs(correlation).max() < 0.08


def test_noise_shared_along_rows_shows_along_x_alone():
    noise = white((256, 256))
    noise = noise + 0.6 * np.roll(noise, 1, axis=1)
    along_y, along_x = noise_autocorrelation(scene() + 20 * noise)
    assert along_x[0] == pytest.approx(0.6 / 1.36, abs=0.06)
    assert np.abs(along_x[1:]).max() < 0.08
    assert np.abs(along_y).max() < 0.08


def test_blurred_noise_shows_along_both():
    noise = ndimage.gaussian_filter(white((256, 256)), 1)
    correlation = noise_autocorrelation(scene() + 80 * noise)
    assert correlation[:, 0] == pytest.approx(np.exp(-1 / 4), abs=0.1)
    assert (correlation[:, 0] > correlation[:, 1]).all()


def test_a_stack_has_its_other_axes_too():
    noise = white((12, 3, 64, 64))
    noise = noise + np.roll(noise, 1, axis=0)
    correlation = noise_autocorrelation(noise)
    assert correlation.shape == (4, 4)
    assert correlation[0, 0] == pytest.approx(0.5, abs=0.05)
    assert np.abs(correlation[2:]).max() < 0.05
    assert np.isfinite(correlation[1, :2]).all()
    assert np.isnan(correlation[1, 2:]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 7), (30, 2), (2, 1, 9)])
def test_small_images_have_what_they_can(shape):
    correlation = noise_autocorrelation(white(shape))
    for length, along in zip(shape, correlation, strict=True):
        assert np.isfinite(along).sum() == min(4, length - 1)


def test_a_constant_image_has_none():
    assert not noise_autocorrelation(np.full((40, 40), 3)).any()


@pytest.mark.parametrize(("blur", "stride"), [(0.0, 1), (0.6, 2), (0.8, 3), (1.0, 3)])
def test_correlation_is_that_of_the_noise_without_its_planes(blur, stride):
    noise = np.random.default_rng(0).normal(size=(512, 512))
    if blur:
        noise = ndimage.gaussian_filter(noise, blur)
    expected = np.exp(-(np.arange(1, 4) ** 2) / (4 * blur**2)) if blur else np.zeros(3)
    found = noise_autocorrelation(noise, 3)
    np.testing.assert_allclose(found, np.tile(expected, (2, 1)), atol=0.11)
    np.testing.assert_allclose(*found, atol=0.02)
    assert white_stride(found) == stride
    np.testing.assert_array_equal(noise_autocorrelation(noise, 8)[:, :3], found)
