import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.analysis.residual import check_residual
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.data.noise_model import NoiseModel

CAMERA = NoiseModel(gain=2.0, offset=100.0, read_noise=4.0)


@pytest.fixture(scope="module")
def images():
    """A clean image with a flat half and a half full of structure, and an exposure of it."""
    rng = np.random.default_rng(0)
    light = 30 + gaussian_filter(300 * rng.standard_normal((192, 192)), 1.5).clip(-25)
    light[:, :96] = 30
    read = rng.normal(0, CAMERA.read_noise, light.shape)
    noisy = CAMERA.offset + CAMERA.gain * rng.poisson(light) + read
    return noisy, CAMERA.offset + CAMERA.gain * light


def test_a_residual_of_noise_alone_passes(images):
    found = check_residual(*images, CAMERA)
    assert found.findings == ()
    assert found.strength == pytest.approx(1, abs=0.05)
    assert found.removed < 0.005
    assert np.all(np.abs(found.means) < 4 * found.errors)
    np.testing.assert_allclose(found.autocorrelation, found.noise_autocorrelation, atol=0.1)
    assert np.all(np.abs(found.autocorrelation) < 0.02)
    assert json.loads(json.dumps(found.to_json()))["findings"] == []


def test_the_map_shows_where_structure_was_removed(images):
    noisy, clean = images
    lost = clean.copy()
    lost[:, 140:] = gaussian_filter(clean, 3)[:, 140:]
    found = check_residual(noisy, lost, CAMERA)
    assert np.mean(found.map[10:-10, 150:-10] > 4) > 0.5
    assert np.mean(found.map[:, :130] > 4) < 0.01
    assert any("something real was removed" in each for each in found.findings)


def test_the_map_shows_contrast_that_was_added(images):
    noisy, clean = images
    sharpened = clean + (clean - gaussian_filter(clean, 2))
    found = check_residual(noisy, sharpened, CAMERA)
    assert found.invented > 0.1 > found.removed
    assert any("contrast was added" in each for each in found.findings)


def test_left_noise_is_not_taken_for_removed_structure(images):
    noisy, clean = images
    found = check_residual(noisy, clean + 0.4 * (noisy - clean), CAMERA)
    assert found.removed < 0.005
    assert found.strength == pytest.approx(0.6, abs=0.02)
    assert any("some noise was left" in each for each in found.findings)


def test_a_blur_leaves_smooth_noise(images):
    noisy, _ = images
    flat = noisy[:, :96]
    found = check_residual(flat, gaussian_filter(flat, 1.0), CAMERA)
    assert np.all(found.autocorrelation[:, 0] < found.noise_autocorrelation[:, 0] - 0.05)
    assert any("smooth part of the noise was left" in each for each in found.findings)


def test_a_shift_of_brightness_is_found_where_it_is(images):
    noisy, clean = images
    shifted = clean.copy()
    shifted[clean > 200] += 20
    found = check_residual(noisy, shifted, CAMERA)
    (told,) = [each for each in found.findings if "on average" in each]
    assert "brighter than the image" in told
    assert found.levels[np.argmin(found.means)] > 180


def test_without_a_noise_model_it_is_fitted(images):
    flat = [image[:, :96] for image in images]
    assert check_residual(*flat).strength == pytest.approx(1, abs=0.05)
    tiny = [image[:34, :34] for image in images]
    assert np.isnan(check_residual(*tiny).strength)
    assert check_residual(*tiny).to_json()["strength"] is None


def test_stacks_are_checked_plane_by_plane(images):
    stack = [np.stack([image, image[::-1]]) for image in images]
    found = check_residual(*stack, CAMERA)
    np.testing.assert_allclose(found.map[0], check_residual(*images, CAMERA).map, atol=0.3)
    assert found.findings == ()


def test_bad_pairs_get_a_sentence(images):
    noisy, clean = images
    with pytest.raises(ImageError, match="must show the same pixels"):
        check_residual(noisy[1:], clean)
    with pytest.raises(
        ImageError, match=r"32 x 32 pixels or more, not on the shape \(20, 20\)"
    ):
        check_residual(noisy[:20, :20], clean[:20, :20])
    broken = clean.copy()
    broken[0, :3] = np.nan
    with pytest.raises(ImageError, match="denoised image has 3 pixels that are NaN"):
        check_residual(noisy, broken)
