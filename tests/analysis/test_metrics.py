import numpy as np
import pytest

from napari_selfdenoise.analysis.metrics import psnr, range_invariant_psnr, ssim
from napari_selfdenoise.core.errors import AxesError, ImageError

METRICS = [psnr, ssim, range_invariant_psnr]


def clean_plane(shape=(48, 40)):
    rows, columns = np.indices(shape)
    return 100 + 60 * np.sin(rows / 5) * np.cos(columns / 7)


def noisy_plane(sigma, seed=0, shape=(48, 40)):
    return clean_plane(shape) + np.random.default_rng(seed).normal(0, sigma, shape)


def test_psnr_is_its_formula():
    clean, noisy = clean_plane(), noisy_plane(8)
    error = np.mean((noisy - clean) ** 2)
    assert psnr(noisy, clean, data_range=255) == pytest.approx(10 * np.log10(255**2 / error))
    assert psnr(noisy, clean) == pytest.approx(10 * np.log10(np.ptp(clean) ** 2 / error))


def test_twice_the_noise_costs_six_decibels():
    lost = psnr(noisy_plane(4), clean_plane()) - psnr(noisy_plane(8), clean_plane())
    assert lost == pytest.approx(20 * np.log10(2))


@pytest.mark.parametrize("metric", METRICS)
def test_less_noise_scores_higher(metric):
    scores = [metric(noisy_plane(sigma), clean_plane()) for sigma in (1, 4, 16, 64)]
    assert scores == sorted(scores, reverse=True)


def test_equal_images_are_perfect():
    assert psnr(clean_plane(), clean_plane()) == float("inf")
    assert ssim(clean_plane(), clean_plane()) == pytest.approx(1)


@pytest.mark.parametrize("metric", METRICS)
def test_the_unit_of_intensity_does_not_matter(metric):
    expected = metric(noisy_plane(8), clean_plane())
    assert metric(7 * noisy_plane(8), 7 * clean_plane()) == pytest.approx(expected)


def test_the_camera_offset_does_not_matter_to_psnr():
    expected = psnr(noisy_plane(8), clean_plane())
    assert psnr(noisy_plane(8) + 400, clean_plane() + 400) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_a_stack_scores_the_mean_of_its_planes(metric):
    noisy = np.stack([noisy_plane(sigma) for sigma in (2, 8, 20)]).reshape(3, 1, 48, 40)
    clean = np.stack([clean_plane()] * 3).reshape(3, 1, 48, 40)
    span = float(np.ptp(clean))
    each = [metric(noisy[t, 0], clean[t, 0], data_range=span) for t in range(3)]
    assert metric(noisy, clean) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("metric", METRICS)
def test_colour_samples_are_planes_when_the_axes_say_so(metric):
    noisy = np.stack([noisy_plane(sigma) for sigma in (2, 8, 20)])
    clean = np.stack([clean_plane()] * 3)
    last = (np.moveaxis(noisy, 0, -1), np.moveaxis(clean, 0, -1))
    assert metric(*last, axes="YXS") == pytest.approx(metric(noisy, clean))


@pytest.mark.parametrize("metric", METRICS)
def test_integers_do_not_overflow(metric):
    noisy, clean = np.rint(noisy_plane(8)), np.rint(clean_plane())
    whole = metric(noisy.clip(0, 255).astype(np.uint8), clean.astype(np.uint8))
    assert whole == pytest.approx(metric(noisy.clip(0, 255), clean))


def test_range_invariant_psnr_forgives_scale_and_offset_and_nothing_else():
    noisy, clean = noisy_plane(8), clean_plane()
    expected = range_invariant_psnr(noisy, clean)
    assert range_invariant_psnr(0.01 * noisy - 3, clean) == pytest.approx(expected)
    assert expected >= psnr(noisy, clean)
    # The fit is the best one: no other scale and offset do better.
    for scale, offset in [(0.9, 10), (1.1, -5), (1, 1)]:
        assert expected >= psnr(scale * noisy + offset, clean)


def test_a_constant_image_scores_as_the_mean_of_the_reference():
    clean = clean_plane()
    mean = np.full_like(clean, clean.mean())
    assert range_invariant_psnr(np.full_like(clean, 5.0), clean) == pytest.approx(
        psnr(mean, clean)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_inputs_are_not_modified(metric):
    noisy, clean = noisy_plane(8), clean_plane()
    noisy.flags.writeable = clean.flags.writeable = False
    metric(noisy, clean)


@pytest.mark.parametrize("metric", METRICS)
def test_bad_pairs_get_a_sentence(metric):
    clean = clean_plane()
    with pytest.raises(ImageError, match="image is 47 x 40 and the reference 48 x 40"):
        metric(clean[1:], clean)
    with pytest.raises(ImageError, match="reference is constant"):
        metric(clean, np.ones_like(clean))
    with pytest.raises(ImageError, match="data range is -1; it must be positive"):
        metric(clean, clean, data_range=-1)
    with pytest.raises(ImageError, match=r"not the shape \(48,\)"):
        metric(clean[:, 0], clean[:, 0])
    broken = clean.copy()
    broken[:2, 0] = np.nan
    with pytest.raises(ImageError, match="image has 2 pixels that are NaN"):
        metric(broken, clean)
    with pytest.raises(AxesError, match="name 3 axes"):
        metric(clean, clean, axes="TYX")


def test_ssim_needs_planes_as_large_as_its_window():
    with pytest.raises(ImageError, match="planes of 6 x 40 are too small"):
        ssim(clean_plane()[:6], clean_plane()[:6])
