import numpy as np
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.methods.gaussian import GaussianConfig
from tests.running import denoise


def test_it_is_the_gaussian_filter_of_each_plane():
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(3, 30, 40)).astype(np.float32)
    denoised = denoise("gaussian", stack, GaussianConfig(width=2.0))["denoised"].data
    expected = [gaussian_filter(plane, 2.0) for plane in stack]
    np.testing.assert_allclose(denoised, expected, atol=1e-6)


def test_white_noise_falls_by_the_width_of_the_filter():
    """The variance left is 1 / (4 pi width^2)."""
    noise = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    left = denoise("gaussian", noise, GaussianConfig(width=3.0))["denoised"].data.std()
    assert abs(left * np.sqrt(4 * np.pi) * 3 - 1) < 0.15
