import numpy as np
import pytest
from scipy import ndimage

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model

CAMERAS = [NoiseModel(1, 100, 3), NoiseModel(2.5, 100, 5), NoiseModel(5, 200, 4)]


def cells(seed, peak, shape=(512, 512)):
    """Photons of discs of all brightness on darkness."""
    rng = np.random.default_rng(seed)
    row, column = np.indices(shape)
    photons = np.zeros(shape)
    for _ in range(40):
        y, x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(10, 40)
        photons += rng.uniform(0.1, 1) * (np.hypot(row - y, column - x) < radius)
    return peak * ndimage.gaussian_filter(photons, 2)


def photograph(photons, camera, seed=0):
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(photons) + 0.0
    return (
        camera.offset
        + camera.gain * electrons
        + rng.normal(0, camera.read_noise, photons.shape)
    )


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_fit_finds_the_camera(camera, seed):
    taken = np.round(photograph(cells(seed, peak=150), camera)).astype(np.uint16)
    found = fit_noise_model(taken)
    assert found.gain == pytest.approx(camera.gain, rel=0.05)
    assert found.read_noise == pytest.approx(camera.read_noise, rel=0.15)
    assert found.offset == pytest.approx(camera.offset, abs=0.25 * camera.read_noise)


def test_a_stack_is_fitted_as_one():
    camera = CAMERAS[0]
    stack = np.stack([photograph(cells(n, 150, (128, 128)), camera, n) for n in range(12)])
    found = fit_noise_model(stack)
    assert found.gain == pytest.approx(camera.gain, rel=0.05)
    assert found.read_noise == pytest.approx(camera.read_noise, rel=0.15)


def test_saturated_pixels_do_not_count():
    camera = NoiseModel(4, 20, 4)
    taken = photograph(cells(0, 50), camera)
    clipped = np.clip(np.round(taken), 0, 255).astype(np.uint8)
    assert np.mean(clipped == 255) > 0.02
    assert fit_noise_model(clipped).gain == pytest.approx(camera.gain, rel=0.05)


def test_a_background_without_photons_is_no_saturation():
    taken = photograph(cells(0, 50), NoiseModel(1, 0, 0)).astype(np.uint8)
    assert np.mean(taken == 0) > 0.05
    found = fit_noise_model(taken)
    assert found.gain == pytest.approx(1, rel=0.05)
    assert found.offset == pytest.approx(0, abs=0.05)


def test_even_noise_has_no_gain():
    image = cells(0, 100) + np.random.default_rng(1).normal(0, 5, (512, 512))
    found = fit_noise_model(image)
    # Whatever the share of the gain: the noise is found the same everywhere.
    np.testing.assert_allclose(np.sqrt(found.variance(np.array([0.0, 50, 100]))), 5, rtol=0.06)


def test_a_flat_image_has_even_noise():
    found = fit_noise_model(np.random.default_rng(1).normal(100, 5, (256, 256)))
    assert np.sqrt(found.variance(100)) == pytest.approx(5, rel=0.06)


def test_an_image_without_noise_is_left_as_it_is():
    flat = np.full((64, 64), 7.0)
    model = fit_noise_model(flat)
    assert (model.gain, model.read_noise) == (0, 0)
    np.testing.assert_allclose(model.restore(model.stabilise(flat)), flat)


@pytest.mark.parametrize("shape", [(20, 20), (4, 900), (1, 1)])
def test_too_small_an_image_is_refused(shape):
    with pytest.raises(ImageError, match="tiles"):
        fit_noise_model(np.random.default_rng(0).normal(size=shape))


@pytest.mark.parametrize(
    "camera", [NoiseModel(1, 0, 0), NoiseModel(3.7, 100, 5), NoiseModel(0.5, 10, 2)], ids=str
)
def test_the_mean_returns_without_bias(camera):
    for photons in (1, 2, 3, 5, 10, 30, 60, 100, 150, 199, 201, 1000):
        taken = photograph(np.full(400_000, float(photons)), camera)
        denoised = camera.stabilise(taken).mean(dtype=float, keepdims=True)
        counts = (camera.restore(denoised)[0] - camera.offset) / camera.gain
        expected = (taken.mean() - camera.offset) / camera.gain
        assert counts == pytest.approx(expected, rel=0.003)


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
def test_the_noise_becomes_even(camera):
    for photons in (5, 20, 100, 1000):
        stabilised = camera.stabilise(photograph(np.full(100_000, float(photons)), camera))
        assert stabilised.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "camera", [*CAMERAS, NoiseModel(0, 5, 2), NoiseModel(1, 0, 0)], ids=str
)
def test_the_inverse_rises_everywhere(camera):
    dark = camera.stabilise(np.array([camera.offset]))[0]
    scale = np.linspace(dark - 2, dark + 60, 5000)
    restored = camera.restore(scale).astype(float)
    assert np.all(np.diff(restored) > 0)
    assert np.abs(np.diff(restored, 2)).max() < 0.05 * max(camera.gain, 1)  # no steps


def test_even_noise_is_only_scaled():
    model = NoiseModel(0, 20, 4)
    image = np.random.default_rng(0).normal(50, 4, (30, 30))
    assert model.stabilise(image).std() == pytest.approx(image.std() / 4)
    np.testing.assert_allclose(model.restore(model.stabilise(image)), image, rtol=1e-5)


@pytest.mark.parametrize("shape", [(36, 1), (1, 36), (3, 5, 5), (2, 11, 400)])
def test_an_image_too_small_for_tiles_is_refused_with_a_sentence(shape):
    with pytest.raises(ImageError, match="A noise model needs at least"):
        fit_noise_model(np.random.default_rng(0).normal(100, 5, shape))


def test_a_multiplied_image_has_the_mean_and_the_variance_of_the_line():
    for model in (NoiseModel(20, 100, 4), NoiseModel(0, 100, 4)):
        for level in (100, 106, 200):
            clean = np.full((400, 400), level)
            noisy = model.multiplied(clean, np.random.default_rng(0))
            assert noisy.mean() == pytest.approx(level, abs=0.5)
            assert noisy.var() == pytest.approx(model.variance(level), rel=0.05)
