import numpy as np
import pytest

from napari_selfdenoise.analysis.error_maps import error_map, local_psnr
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.errors import ImageError, UsageError

MAPS = [error_map, local_psnr]


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    clean = 100 + 50 * np.sin(np.indices((96, 96)).sum(0) / 9)
    noisy = clean.copy()
    noisy[:, 48:] += rng.normal(0, 8, (96, 48))
    noisy[:, :48] += rng.normal(0, 2, (96, 48))
    return noisy, clean


def test_the_error_is_where_it_is(pair):
    found = error_map(*pair)
    assert found[:, 60:].mean() == pytest.approx(8, rel=0.1)
    assert found[:, :36].mean() == pytest.approx(2, rel=0.1)


def test_a_pixel_on_its_own_has_its_difference(pair):
    noisy, clean = pair
    np.testing.assert_allclose(
        error_map(noisy, clean, width=0), np.abs(noisy - clean), rtol=1e-5
    )


def test_the_map_averages_to_psnr(pair):
    noisy, clean = pair
    found = local_psnr(noisy, clean, width=0, data_range=255)
    whole = 10 * np.log10(1 / np.mean(10 ** (-found.astype(float) / 10)))
    assert whole == pytest.approx(psnr(noisy, clean, data_range=255), abs=1e-3)
    # Twice the error costs six decibels.
    less = local_psnr(clean + 2 * (noisy - clean), clean)
    np.testing.assert_allclose(local_psnr(noisy, clean) - less, 20 * np.log10(2), atol=1e-4)


def test_planes_do_not_mix(pair):
    noisy, clean = (np.stack([image, image[:, ::-1]], axis=-1) for image in pair)
    found = error_map(noisy, clean, axes="YXS")
    np.testing.assert_allclose(found[..., 0], error_map(*pair), rtol=1e-6)
    np.testing.assert_allclose(found[..., 1], error_map(*pair)[:, ::-1], rtol=1e-5)


def test_equal_images_have_no_error(pair):
    _, clean = pair
    assert not error_map(clean, clean).any()
    assert np.isposinf(local_psnr(clean, clean)).all()


def test_integers_do_not_overflow():
    zero, full = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
    np.testing.assert_allclose(error_map(zero, full), 255)


@pytest.mark.parametrize("compare", MAPS)
def test_bad_pairs_get_a_sentence(compare, pair):
    noisy, clean = pair
    with pytest.raises(ImageError, match="must show the same pixels"):
        compare(noisy[1:], clean)
    with pytest.raises(UsageError, match="width of the window is -1"):
        compare(noisy, clean, width=-1)
    with pytest.raises(ImageError, match="1 pixels that are NaN"):
        compare(
            np.where(np.arange(96) + 96 * np.arange(96)[:, None] == 0, np.nan, noisy), clean
        )
    with pytest.raises(ImageError, match=r"A plane \(Y, X\) or stack is needed"):
        compare(noisy[0], clean[0])
    with pytest.raises(ImageError, match="data range is 0"):
        local_psnr(noisy, np.ones_like(clean))
