import numpy as np

from napari_selfdenoise.methods.nl_means import NLMeansConfig
from tests.running import denoise


def steps(sigma=8.0, seed=0):
    clean = np.where(np.arange(64) // 16 % 2, 200.0, 50.0) * np.ones((64, 1))
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return (clean + noise).astype(np.float32), clean


def test_flat_parts_become_smooth_and_edges_stay():
    noisy, clean = steps()
    denoised = denoise("nl_means", noisy)["denoised"].data
    error = denoised - clean
    assert error.std() < 8.0 / 3
    edge = np.abs(denoised[:, 16] - denoised[:, 15]).mean()
    assert edge > 140


def test_an_estimated_sigma_is_as_good_as_the_true_one():
    noisy, clean = steps()
    estimated = denoise("nl_means", noisy)["denoised"].data
    given = denoise("nl_means", noisy, NLMeansConfig(sigma=8.0))["denoised"].data
    assert np.std(estimated - clean) < 1.3 * np.std(given - clean)
