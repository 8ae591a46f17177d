import numpy as np

from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.noisy_as_clean import NoisyAsCleanConfig
from tests.running import denoise

METHOD = get("noisy_as_clean")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 4, "steps": 200}
ROWS, COLUMNS = np.mgrid[:96, :96]
CLEAN = (100 + 40 * np.sin(ROWS / 7) * np.cos(COLUMNS / 9)).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 20, CLEAN.shape).astype(np.float32)


def kept(**settings):
    """The share of the noise that is in the denoised image."""
    config = NoisyAsCleanConfig(**SMALL, **settings)
    denoised = denoise(METHOD.name, CLEAN + NOISE, config)["denoised"].data
    return float(np.mean((denoised - CLEAN) * NOISE) / np.mean(NOISE**2))


def test_no_more_than_half_of_the_noise_is_kept_and_not_much_less():
    """Of two equally strong noises, one of them wanted, half the sum is the best guess."""
    assert 0.2 < kept() < 0.55


def test_the_share_that_is_kept_follows_the_noise_that_is_added():
    """The wanted noise's part of the variance, at most: 1 / (1 + 2 ** 2), or 16 / 17."""
    assert kept(sigma=40.0) < 0.25
    assert kept(sigma=5.0) > 0.4


def test_the_error_falls():
    denoised = denoise(METHOD.name, CLEAN + NOISE, NoisyAsCleanConfig(**SMALL))["denoised"]
    assert np.mean((denoised.data - CLEAN) ** 2) < 0.4 * np.mean(NOISE**2)
