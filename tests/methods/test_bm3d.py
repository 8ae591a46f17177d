import sys
from importlib.util import find_spec

import numpy as np
import pytest

from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.methods import bm3d as module
from napari_selfdenoise.methods import get
from tests.running import denoise


def edges(shape=(64, 64), sigma=10.0, seed=0):
    """Stripes with sharp edges, and the same with white noise."""
    rows, columns = np.indices(shape)
    clean = 100.0 + 60 * ((rows + columns) // 8 % 2)
    noise = np.random.default_rng(seed).normal(0, sigma, shape)
    return clean, (clean + noise).astype(np.float32)


def test_repeated_structure_comes_out_sharp():
    clean, noisy = edges()
    denoised = denoise("bm3d", noisy)["denoised"].data
    blurred = denoise("gaussian", noisy)["denoised"].data
    assert psnr(denoised, clean, data_range=60) > psnr(noisy, clean, data_range=60) + 8
    assert psnr(denoised, clean, data_range=60) > psnr(blurred, clean, data_range=60) + 8


def test_a_given_sigma_is_that_of_the_intensities():
    _, noisy = edges()
    less, more = (
        denoise("bm3d", noisy, module.BM3DConfig(sigma=sigma))["residual"].data.std()
        for sigma in (2, 10)
    )
    assert less < 5 < more


def test_colours_are_denoised_one_by_one():
    planes = [edges(seed=seed, sigma=5.0 * (seed + 1))[1] for seed in range(3)]
    together = denoise("bm3d", Image(np.stack(planes, -1), "YXS"))["denoised"].data
    alone = denoise("bm3d", planes[1])["denoised"].data
    np.testing.assert_array_equal(together[..., 1], alone)


def test_progress_grows_through_stages_and_planes():
    events = []
    _, noisy = edges()
    image = Image(np.stack([noisy, noisy[::-1]]))
    finish(get("bm3d").denoise(image, module.BM3DConfig(), Context()), events.append)
    steps = [event.step / event.total for event in events if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert len(set(steps)) > 4


def test_a_stop_inside_a_plane_leaves_no_half_denoised_plane(monkeypatch):
    from napari_selfdenoise.solvers import bm3d as solver

    monkeypatch.setattr(solver, "_BAND_BLOCKS", 1)  # several bands even here
    _, noisy = edges()
    for stop_at in range(1, 40, 3):
        context, events = Context(), 0
        run = get("bm3d").denoise(Image(noisy), module.BM3DConfig(), context)

        def listen(event, context=context, stop_at=stop_at):
            nonlocal events
            events += isinstance(event, Progress)
            if events == stop_at:
                context.stop()

        result = finish(run, listen)
        whole = np.isfinite(result["denoised"].data)
        assert whole.all() or not whole.any()
        assert result.stopped == (not whole.any())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    _, noisy = edges()
    with pytest.raises(UsageError, match="needs the package bm3d, which is not installed"):
        denoise("bm3d", noisy, module.BM3DConfig(implementation="package"))


def test_the_package_is_used_as_it_expects_and_its_licence_is_recorded(monkeypatch):
    class Package:
        @staticmethod
        def bm3d(noisy, sigma):
            assert noisy.min() == 0
            assert noisy.max() == 1
            return noisy - sigma

    monkeypatch.setattr(module, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "bm3d", Package)
    _, noisy = edges()
    config = module.BM3DConfig(implementation="package", sigma=7)
    result = denoise("bm3d", noisy, config)
    np.testing.assert_allclose(result["residual"].data, 7, atol=1e-3)
    assert module.LICENCE in result.provenance.notes


@pytest.mark.skipif(find_spec("bm3d") is None, reason="the package bm3d is not installed")
def test_both_implementations_agree():
    clean, noisy = edges()
    config = module.BM3DConfig(implementation="package")
    theirs = denoise("bm3d", noisy, config)["denoised"].data
    ours = denoise("bm3d", noisy)["denoised"].data
    assert psnr(ours, clean, data_range=60) > psnr(theirs, clean, data_range=60) - 0.5


def test_the_package_is_expected_to_take_longer():
    method, image = get("bm3d"), Image(edges()[1])
    package = method.Config(implementation="package")
    assert method.forecast(image, package) > 2 * method.forecast(image, method.Config())
