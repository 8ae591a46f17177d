import numpy as np
import pytest

from napari_selfdenoise.analysis.disagreement import disagreement
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.data.noise_model import NoiseModel


def test_equal_results_agree():
    assert not disagreement([np.ones((8, 8))] * 3, 2.0).any()


def test_it_is_the_standard_deviation_in_multiples_of_the_noise():
    results = np.random.default_rng(0).normal(50, 6, (5, 3, 20, 20))
    expected = results.std(0, ddof=1) / 3
    np.testing.assert_allclose(disagreement(list(results), 3.0), expected, rtol=1e-5)
    np.testing.assert_allclose(
        disagreement(list(results), np.full((20, 20), 3.0)), expected, rtol=1e-5
    )


def test_noise_that_grows_with_the_signal_is_that_of_the_mean():
    model = NoiseModel(gain=2.0, offset=10.0, read_noise=3.0)
    dark, bright = np.full((4, 4), 10.0), np.full((4, 4), 1010.0)
    for level, variance in ((dark, 9.0), (bright, 2009.0)):
        found = disagreement([level - 1, level + 1], model)
        np.testing.assert_allclose(found, np.sqrt(2 / variance), rtol=1e-5)


def test_integers_do_not_overflow():
    found = disagreement([np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)], 1.0)
    np.testing.assert_allclose(found, 255 / np.sqrt(2), rtol=1e-6)


def test_bad_requests_get_a_sentence():
    with pytest.raises(UsageError, match="between two or more results, not 1"):
        disagreement([np.ones((4, 4))], 1.0)
    with pytest.raises(ImageError, match=r"shapes \(4, 4\), \(4, 5\)"):
        disagreement([np.ones((4, 4)), np.ones((4, 5))], 1.0)
    with pytest.raises(UsageError, match="must be positive"):
        disagreement([np.ones((4, 4))] * 2, 0.0)
