import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from napari_selfdenoise.analysis.heldout import heldout_map, heldout_score, split
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.data.noise_model import NoiseModel

CAMERA = NoiseModel(gain=3.0, offset=100.0, read_noise=6.0)
PHOTONS = NoiseModel(gain=2.0, offset=50.0, read_noise=0.0)


def clean_plane(side=128):
    """Photons: a smooth ground with fine bright and dark structures."""
    rows, columns = np.indices((side, side))
    return 40 + 25 * np.sin(rows / 9) * np.cos(columns / 11) + 15 * np.sin(rows * columns / 300)


def splits(noisy, model, count):
    """Return splits whose random numbers are not those of the exposure."""
    return [split(noisy, model, np.random.default_rng((5, draw))) for draw in range(count)]


def exposure(model, seed=0, side=128):
    """Return an exposure of the plane, and the mean of endless ones."""
    rng = np.random.default_rng(seed)
    clean = clean_plane(side)
    read = rng.normal(0, model.read_noise, clean.shape) if model.read_noise else 0
    noisy = model.offset + model.gain * rng.poisson(clean) + read
    return noisy, model.offset + model.gain * clean


@pytest.mark.parametrize("model", [CAMERA, PHOTONS], ids=["gaussian", "binomial"])
@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_the_parts_keep_the_mean_and_their_noises_are_uncorrelated(model, tau):
    noisy, clean = exposure(model, side=256)
    parts = split(noisy, model, np.random.default_rng(1), tau)
    noise = parts.denoise - clean, parts.score - clean
    variance = model.variance(clean)
    # Four standard errors of each, over 65536 independent pixels.
    for one, expected in zip(noise, (1 + tau**2, 1 + 1 / tau**2), strict=True):
        scaled = one / np.sqrt(variance * expected)
        assert abs(scaled.mean()) < 4 / 256
        assert np.mean(scaled**2) == pytest.approx(1, abs=4 * np.sqrt(3) / 256)
    size = np.sqrt((1 + tau**2) * (1 + 1 / tau**2))
    assert abs(np.mean(noise[0] * noise[1] / variance / size)) < 0.02


@pytest.mark.parametrize("model", [CAMERA, PHOTONS], ids=["gaussian", "binomial"])
def test_the_noise_of_what_is_scored_against_is_known(model):
    noisy, clean = exposure(model, side=256)
    parts = split(noisy, model, np.random.default_rng(1))
    power = np.mean((parts.score - clean) ** 2)
    assert parts.variance.mean() == pytest.approx(power, rel=0.02)
    assert parts.noise_power.mean() == pytest.approx(power, rel=0.02)


def test_photons_are_thinned_into_photons():
    noisy, _ = exposure(PHOTONS)
    parts = split(noisy, PHOTONS, np.random.default_rng(1), tau=1.0)
    first, second = (
        (part - PHOTONS.offset) / PHOTONS.gain / 2 for part in (parts.denoise, parts.score)
    )
    assert np.array_equal(first, np.rint(first))
    assert first.min() >= 0
    assert second.min() >= 0
    np.testing.assert_allclose(first + second, (noisy - PHOTONS.offset) / PHOTONS.gain)


def test_thinning_needs_whole_photons():
    noisy, _ = exposure(CAMERA)
    with pytest.raises(ImageError, match="Binomial thinning needs whole photons"):
        split(noisy, CAMERA, np.random.default_rng(0), kind="binomial")
    # An image that is not of whole photons is split by the Gaussian counterpart.
    noisy, _ = exposure(PHOTONS)
    with pytest.raises(ImageError, match="offset 50"):
        split(noisy + 0.5, PHOTONS, np.random.default_rng(0), kind="binomial")
    assert split(noisy + 0.5, PHOTONS, np.random.default_rng(0)).score.shape == noisy.shape


def test_the_same_seed_splits_alike_and_another_does_not():
    noisy, _ = exposure(CAMERA)
    noisy.flags.writeable = False
    one, same, other = (split(noisy, CAMERA, np.random.default_rng(s)) for s in (0, 0, 1))
    assert np.array_equal(one.denoise, same.denoise)
    assert not np.array_equal(one.denoise, other.denoise)


@pytest.mark.parametrize("model", [CAMERA, PHOTONS], ids=["gaussian", "binomial"])
def test_the_score_of_a_linear_filter_is_its_error(model):
    """With several splits: of the filter on the image itself, not on the noisier part."""
    noisy, clean = exposure(model, side=256)
    parts = splits(noisy, model, 4)
    for width in (0.7, 1.5, 3.0):
        score = heldout_score([gaussian_filter(p.denoise, width) for p in parts], parts)
        error = np.mean((gaussian_filter(noisy, width) - clean) ** 2)
        # The scale of what is measured is the variance of the noise, about 155 or 160.
        assert score.mse == pytest.approx(error, abs=0.03 * model.variance(clean).mean())
        assert score.standard_error < error


def test_filters_are_ranked_as_by_the_clean_image():
    correlations = []
    for seed in range(4):
        noisy, clean = exposure(CAMERA, seed)
        parts = splits(noisy, CAMERA, 2)
        widths = (0.3, 0.6, 0.9, 1.2, 1.6, 2.0, 3.0, 5.0)
        scores = [
            heldout_score([gaussian_filter(p.denoise, w) for p in parts], parts).mse
            for w in widths
        ]
        errors = [np.mean((gaussian_filter(noisy, w) - clean) ** 2) for w in widths]
        correlations.append(spearmanr(scores, errors).statistic)
    assert np.mean(correlations) > 0.95


def test_keeping_the_noise_does_not_pay():
    noisy, clean = exposure(CAMERA)
    parts = splits(noisy, CAMERA, 2)
    kept = heldout_score([part.denoise for part in parts], parts)
    known = heldout_score([clean, clean], parts)
    behind, error = kept.behind(known)
    assert behind > 10 * error
    assert known.mse == pytest.approx(0, abs=4 * known.standard_error)
    assert kept.behind(kept) == (0, 0)


def test_psnr_is_of_the_estimated_error():
    noisy, clean = exposure(CAMERA)
    parts = splits(noisy, CAMERA, 1)
    score = heldout_score([np.full_like(clean, clean.mean())], parts)
    assert score.psnr(255) == pytest.approx(10 * np.log10(255**2 / score.mse))
    below = type(score)(-1.0, 1.0, score.tiles)
    assert below.psnr(255) is None


def test_the_map_shows_where_detail_was_lost_and_only_there():
    rng = np.random.default_rng(0)
    clean = 100 + gaussian_filter(400 * rng.standard_normal((160, 160)), 1.2)
    model = NoiseModel(0.0, 0.0, 4.0)
    noisy = clean + rng.normal(0, 4, clean.shape)
    parts = split(noisy, model, rng)
    lost = clean.copy()
    lost[40:80, 40:80] = gaussian_filter(clean, 3)[40:80, 40:80]
    found = heldout_map(lost, parts, model.stabilise(lost))
    assert np.mean(found[48:72, 48:72] > 4) > 0.8
    outside = np.ones_like(found, bool)
    outside[25:95, 25:95] = False
    assert np.mean(found[outside] > 4) < 0.01


@pytest.mark.parametrize("tau", [0, -1, np.nan, np.inf])
def test_tau_is_positive(tau):
    with pytest.raises(UsageError, match="tau is"):
        split(np.ones((8, 8)), CAMERA, np.random.default_rng(0), tau)


def test_bad_parts_get_a_sentence():
    noisy, _ = exposure(CAMERA)
    parts = split(noisy, CAMERA, np.random.default_rng(0))
    with pytest.raises(ImageError, match="must show the same pixels"):
        heldout_score([noisy[1:]], [parts])
    with pytest.raises(ImageError, match="NaN"):
        heldout_score([np.full_like(noisy, np.nan)], [parts])
    with pytest.raises(UsageError, match="1 denoised parts of 2 splits"):
        heldout_score([noisy], [parts, parts])
    with pytest.raises(ImageError, match="NaN"):
        split(np.full((8, 8), np.nan), CAMERA, np.random.default_rng(0))
    with pytest.raises(UsageError, match="must be auto, gaussian or binomial"):
        split(noisy, CAMERA, np.random.default_rng(0), kind="poisson")
