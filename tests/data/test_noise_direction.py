import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from napari_selfdenoise.data.noise_direction import noise_along, noise_direction, white_distance
from napari_selfdenoise.data.noise_model import fit_noise_model


def scene(seed, blurred_along=None):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:128, :128]
    clean = 100 + 40 * np.sin(rows / 20) * np.cos(columns / 25)
    noise = rng.normal(0, 5, clean.shape)
    if blurred_along is not None:
        noise += 2 * gaussian_filter1d(rng.normal(0, 5, clean.shape), 1, axis=blurred_along)
    return clean + noise


@pytest.mark.parametrize(("along", "axis"), [(None, "none"), (1, "x"), (0, "y")])
def test_the_axis_of_the_noise_is_found(along, axis):
    found = noise_direction([np.stack([scene(seed, along) for seed in range(3)])])
    assert found.axis == axis
    assert not found.both


def test_noise_along_both_is_told():
    rng = np.random.default_rng(0)
    noise = gaussian_filter1d(rng.normal(0, 5, (128, 128)), 0.8, axis=0)
    noise = gaussian_filter1d(noise, 1.4, axis=1)
    found = noise_direction([100 + noise[None]])
    assert found.axis == "x"
    assert found.both


@pytest.mark.parametrize("axis", ["x", "y"])
def test_structures_along_one_axis_do_not_mislead(axis):
    rng = np.random.default_rng(0)
    bars = 40 * np.sin(np.arange(192) / 4) * np.ones((192, 1))
    noisy = (bars if axis == "y" else bars.T) + rng.normal(0, 5, (192, 192))
    assert noise_direction([noisy[None]]).axis == "none"


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (17, 17), (18, 18)])
def test_tiny_planes_have_no_direction_but_no_error(shape):
    assert not noise_direction([np.random.default_rng(0).normal(size=(1, *shape))]).both


def test_pixels_as_far_apart_as_is_needed_tell_the_strength_of_the_noise():
    rng = np.random.default_rng(0)
    light = 100 + 50 * np.sin(np.mgrid[:384, :384][0] / 60)
    white, both = rng.normal(size=(2, 1, *light.shape))
    both = gaussian_filter(both, (0, 0.6, 0.6))
    rows = gaussian_filter(white, (0, 0, 1.5))
    for noise, distance in ((white, 1), (both, 2), (rows, 1)):
        noisy = (light + 10 * noise / noise.std()).astype(np.float32)
        assert white_distance(noisy) == distance
        assert fit_noise_model(noisy, distance).variance(100.0) == pytest.approx(100, rel=0.1)
    assert fit_noise_model(light + 10 * both / both.std()).variance(100.0) < 75


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize(("kind", "growing"), [("read out", 0), ("scanned", 1)])
def test_stripes_of_one_strength_are_told_from_those_that_grow(kind, growing, axis):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:384, :384] / 60
    clean = 120 + 100 * np.sin(rows) * np.cos(columns)
    photons, white = rng.normal(0, 1, (2, 5, 384, 384))
    photons *= np.sqrt(clean)
    stripes = 12 * gaussian_filter1d(white, 1, axis=2)
    scanned = gaussian_filter1d(photons, 0.6, axis=2)
    noise = photons + stripes if kind == "read out" else scanned
    image = clean + noise
    found = noise_along(image if axis == "x" else image.swapaxes(1, 2), axis, 3)
    assert found.growing == pytest.approx(growing, abs=0.25)
    # Stripes of one strength have the same covariance at every intensity. What is measured
    # is less: the flattest tiles are, by chance, those of noise that is less correlated.
    apart = [(noise[..., k:] * noise[..., :-k]).mean() for k in (1, 2, 3)]
    power = found.intensity + stripes.var() if kind == "read out" else noise.var()
    assert found.correlation * power == pytest.approx(apart, abs=0.06 * noise.var())


def test_without_tiles_there_is_no_correlation():
    assert not noise_along(np.zeros((1, 10, 10)), "x", 3).correlation.any()
