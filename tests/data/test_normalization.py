import tracemalloc

import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data import normalization as module
from napari_selfdenoise.data.normalization import HEADROOM, Normalization
from napari_selfdenoise.data.planes import Planes, channel_planes


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return Image(rng.normal([[[[60_000, 5, -3]]]], [[[[2, 40, 0.1]]]], (4, 20, 30, 3)), "TYXS")


def test_standard_gives_every_colour_mean_0_and_deviation_1(image):
    planes = channel_planes(image)[0]
    normalization = Normalization.fit([planes], "standard")
    values = np.stack([normalization.apply(planes.read(at)) for at in range(4)])
    np.testing.assert_allclose(values.mean(axis=(0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(values.std(axis=(0, 2, 3)), 1, rtol=1e-2)


def test_range_gives_every_colour_0_to_1(image):
    planes = channel_planes(image)[0]
    normalization = Normalization.fit([planes], "range")
    values = np.stack([normalization.apply(planes.read(at)) for at in range(4)])
    np.testing.assert_allclose(values.min(axis=(0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(values.max(axis=(0, 2, 3)), 1, atol=1e-3)


@pytest.mark.parametrize("policy", ["standard", "range", "robust"])
def test_undo_gives_the_intensities_back(image, policy):
    planes = channel_planes(image)[0]
    normalization = Normalization.fit([planes], policy)
    plane = planes.read(2)
    back = normalization.undo(normalization.apply(plane))
    np.testing.assert_allclose(back, plane, rtol=1e-5, atol=1e-4)
    assert back.dtype == np.float32
    assert Normalization.from_json(normalization.to_json()) == normalization


def test_a_constant_channel_survives():
    planes = channel_planes(Image(np.full((8, 8), 7.0)))[0]
    normalization = Normalization.fit([planes], "standard")
    np.testing.assert_allclose(normalization.undo(normalization.apply(planes.read(0))), 7)


def test_a_robust_range_holds_small_structures_and_no_single_pixels():
    image = np.random.default_rng(0).uniform(0, 1, (512, 512))
    image[100:103, 50:53] = 10  # far fewer than one pixel in a thousand
    image[7, 7] = 1e6
    image[9, 9] = -1e6
    normalization = Normalization.fit(channel_planes(Image(image)), "robust")
    (low,), (scale,) = normalization.offset, normalization.scale
    assert low == pytest.approx(0, abs=0.01)
    assert low + scale / (1 + HEADROOM) == pytest.approx(10, abs=0.01)


def test_a_robust_range_is_that_of_all_planes_alike():
    """Only some pixels of large stacks are looked at, but of every plane."""
    rng = np.random.default_rng(0)
    stack = rng.uniform(0, 1, (9, 700, 700)) * np.arange(1, 10)[:, None, None]
    normalization = Normalization.fit(channel_planes(Image(stack, "TYX")), "robust")
    top = normalization.offset[0] + normalization.scale[0] / (1 + HEADROOM)
    assert top == pytest.approx(np.quantile(stack, 0.999), rel=0.01)


@pytest.mark.parametrize("policy", ["standard", "range", "robust"])
def test_what_is_in_memory_does_not_grow_with_the_number_of_planes(policy, monkeypatch):
    monkeypatch.setattr(module, "SAMPLED_PIXELS", 2**12)
    plane = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    sources = [Planes(Image(plane, "YX"), {}) for _ in range(100)]
    Normalization.fit(sources[:2], policy)  # imports and caches
    tracemalloc.start()
    Normalization.fit(sources, policy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * plane.nbytes
