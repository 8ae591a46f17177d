import json
import os
from pathlib import Path

import numpy as np
import pytest

from napari_selfdenoise.solvers.vbmf import empirical_vbmf

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "golden" / "vbmf"


def low_rank(rows, columns, rank, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))


def noise(shape, sigma, seed=1):
    return np.random.default_rng(seed).normal(0, sigma, shape)


@pytest.mark.parametrize("shape", [(16, 144), (48, 432), (400, 30), (64, 64), (3, 5000)])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_finds_the_rank_under_noise(shape, rank):
    observed = low_rank(*shape, rank) + noise(shape, 0.3)
    estimate = empirical_vbmf(observed)
    assert estimate.rank == rank
    assert estimate.noise_variance == pytest.approx(0.09, rel=0.2)


def test_a_known_noise_variance_is_used():
    observed = low_rank(32, 200, 3) + noise((32, 200), 0.5)
    assert empirical_vbmf(observed, 0.25).noise_variance == 0.25
    assert empirical_vbmf(observed, 0.25).rank == 3
    assert empirical_vbmf(observed, 1e4).rank == 0


def test_shrinks_towards_the_singular_values_without_noise():
    clean = low_rank(40, 300, 4)
    observed = clean + noise(clean.shape, 1)
    without = np.linalg.svd(clean, compute_uv=False)[:4]
    before = np.linalg.svd(observed, compute_uv=False)[:4]
    shrunk = empirical_vbmf(observed).singular_values
    assert np.all(np.diff(shrunk) < 0)
    assert np.all(shrunk < before)
    # The shrunk ones point less far in wrong directions; they are biased to small values.
    assert np.abs(shrunk - without).max() < np.abs(before - without).max()


def test_depends_on_neither_orientation_nor_unit():
    observed = low_rank(20, 90, 3) + noise((20, 90), 0.4)
    estimate = empirical_vbmf(observed)
    for other, factor in ((observed.T, 1), (-1000 * observed, 1000)):
        same = empirical_vbmf(other)
        np.testing.assert_allclose(
            same.singular_values, factor * estimate.singular_values, rtol=1e-4
        )


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (1, 7), (1, 1)])
def test_a_matrix_of_zeros_has_rank_0(shape):
    estimate = empirical_vbmf(np.zeros(shape))
    assert (estimate.rank, estimate.noise_variance) == (0, 0)


def test_without_noise_nothing_is_lost():
    clean = low_rank(24, 70, 5)
    estimate = empirical_vbmf(clean)
    assert estimate.rank == 5
    before = np.linalg.svd(clean, compute_uv=False)[:5]
    np.testing.assert_allclose(estimate.singular_values, before, rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 3)])
def test_what_is_no_matrix_is_refused(shape):
    with pytest.raises(ValueError, match="matrix"):
        empirical_vbmf(np.ones(shape))


@pytest.mark.parametrize(
    ("shape", "given", "singular_values", "variance"),
    [
        ((12, 40), None, [26.932, 10.3905, 8.0676], 0.139455),
        ((12, 40), 0.16, [26.8925, 10.2915, 7.9426], 0.16),
        ((60, 30), None, [52.2856, 44.7885, 30.2775], 0.166265),
    ],
)
def test_stays_what_agreed_with_an_independent_implementation(
    shape, given, singular_values, variance
):
    estimate = empirical_vbmf(low_rank(*shape, 3) + noise(shape, 0.4), given)
    np.testing.assert_allclose(estimate.singular_values, singular_values, rtol=1e-3)
    assert estimate.noise_variance == pytest.approx(variance, rel=1e-3)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the data beside the project are not here")
def test_agrees_with_an_independent_implementation():
    stored = np.load(GOLDEN / "evbmf.npz")
    for case in json.loads((GOLDEN / "evbmf.json").read_text()):
        given = case["sigma2"] if case["sigma2_given"] else None
        estimate = empirical_vbmf(stored[f"{case['case']}/Y"], given)
        assert estimate.rank == case["rank"]
        np.testing.assert_allclose(
            estimate.singular_values, stored[f"{case['case']}/singular_values"], rtol=1e-3
        )
        assert estimate.noise_variance == pytest.approx(case["sigma2"], rel=1e-3)
