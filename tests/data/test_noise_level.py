import json
import os
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.data.noise_level import estimate_sigma

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "golden" / "noise_level" / "chen2015.json"


def scene(shape=(160, 144)):
    """Smooth structure with edges, as in a micrograph."""
    rows, columns = np.indices(shape)
    waves = np.sin(rows / 9) * np.cos(columns / 13) + np.sin((rows + 2 * columns) / 21)
    return 60 * waves + 80 * ((rows // 40 + columns // 50) % 2)


@pytest.mark.parametrize("sigma", [2, 10, 40])
def test_finds_the_noise_that_was_added(sigma):
    noisy = scene() + np.random.default_rng(1).normal(0, sigma, (160, 144))
    assert estimate_sigma(noisy) == pytest.approx(sigma, rel=0.06)


def test_scales_with_the_image_and_ignores_its_offset():
    noisy = scene() + np.random.default_rng(2).normal(0, 10, (160, 144))
    assert estimate_sigma(1e5 + 7 * noisy) == pytest.approx(7 * estimate_sigma(noisy), rel=1e-6)


def test_an_image_without_noise_has_none():
    assert estimate_sigma(np.full((40, 40), 1234.5)) == 0
    assert estimate_sigma(scene()) < 1


def test_integers_are_read_as_they_are():
    noisy = np.random.default_rng(3).poisson(900, (100, 100)).astype(np.uint16)
    assert estimate_sigma(noisy) == pytest.approx(30, rel=0.06)
    assert estimate_sigma(noisy) == estimate_sigma(noisy.astype(float))


@pytest.mark.parametrize("shape", [(20, 20), (9, 31), (12, 13), (7, 200), (5, 5)])
def test_small_images_are_measured_with_smaller_patches(shape):
    rng = np.random.default_rng(4)
    estimates = [estimate_sigma(rng.normal(50, 10, shape)) for _ in range(20)]
    assert np.mean(estimates) == pytest.approx(10, rel=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3, 2)])
def test_tiny_images_get_their_standard_deviation(shape):
    image = np.random.default_rng(5).normal(0, 3, shape)
    assert estimate_sigma(image) == pytest.approx(image.std())


def test_bands_of_rows_do_not_show():
    noisy = scene((700, 40)) + np.random.default_rng(6).normal(0, 5, (700, 40))
    whole = noisy - noisy.mean()
    patches = np.lib.stride_tricks.sliding_window_view(whole, (7, 7))[::3, ::3].reshape(-1, 49)
    smallest = np.linalg.eigvalsh(np.cov(patches.T, bias=True))[:10]
    assert np.sqrt(smallest.min()) <= estimate_sigma(noisy) <= 1.3 * np.sqrt(smallest.max())


def test_a_stack_is_refused():
    with pytest.raises(ImageError, match="2-D"):
        estimate_sigma(np.zeros((3, 20, 20)))


@pytest.mark.parametrize(("sigma", "estimate"), [(5, 4.9288), (25, 24.2035)])
def test_stays_what_agreed_with_the_published_estimator(sigma, estimate):
    noisy = scene() + np.random.default_rng(7).normal(0, sigma, (160, 144))
    assert estimate_sigma(noisy) == pytest.approx(estimate, rel=0.005)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the data beside the project are not here")
def test_agrees_with_the_published_estimator():
    for case in json.loads(GOLDEN.read_text())["results"]:
        clean = imread(SHARED / "data" / "natural" / "set12" / f"{case['image']}.png")
        noise = np.random.default_rng(case["seed"]).normal(0, case["sigma"], clean.shape)
        assert estimate_sigma(clean + noise) == pytest.approx(case["estimate"], rel=0.02)
