import os
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread

from napari_selfdenoise.core.events import Progress, finish
from napari_selfdenoise.solvers import bm3d as module
from napari_selfdenoise.solvers.bm3d import bm3d

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
SET12 = SHARED / "data" / "natural" / "set12"


def scene(rows=96, columns=80):
    """Stripes and squares: much of it is like the rest."""
    row, column = np.indices((rows, columns))
    stripes = 40 * np.sin((row + column) / 4)
    return 100 + stripes + 60 * ((row // 24 + column // 24) % 2)


def noisy_scene(sigma, seed=0, **sides):
    clean = scene(**sides)
    noisy = clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return clean, torch.from_numpy(noisy)


def rms(difference):
    return float(np.sqrt(np.mean(np.square(np.asarray(difference)))))


@pytest.mark.parametrize("sigma", [5, 25, 60])
def test_most_of_the_noise_goes(sigma):
    clean, noisy = noisy_scene(sigma)
    assert rms(finish(bm3d(noisy, sigma)).numpy() - clean) < 0.35 * sigma


def test_an_offset_and_a_factor_come_back():
    _, noisy = noisy_scene(20)
    denoised = finish(bm3d(noisy, 20))
    changed = finish(bm3d(5000 + 3 * noisy, 60))
    # Rounding turns a few of the choices between blocks or coefficients.
    assert rms(changed - (5000 + 3 * denoised)) < 0.01 * 60
    assert (changed - (5000 + 3 * denoised)).abs().median() < 0.001 * 60


def test_mirrored_and_turned_images_give_nearly_the_same():
    clean, noisy = noisy_scene(20)
    denoised = finish(bm3d(noisy, 20))
    for axes in ((0,), (1,), (0, 1)):
        flipped = finish(bm3d(noisy.flip(axes), 20)).flip(axes)
        assert rms(flipped - denoised) < 0.3 * rms(denoised.numpy() - clean)


def test_the_input_is_not_changed():
    _, noisy = noisy_scene(20)
    before = noisy.clone()
    finish(bm3d(noisy, 20))
    finish(bm3d(noisy, 0)).add_(1)
    assert torch.equal(noisy, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 3), (7, 9), (8, 8), (17, 41), (50, 9)])
def test_any_shape_works(shape):
    noisy = torch.from_numpy(np.random.default_rng(0).normal(100, 10, shape))
    denoised = finish(bm3d(noisy, 10))
    assert denoised.shape == noisy.shape
    assert denoised.dtype == torch.float32
    assert rms(denoised - 100) <= rms(noisy - 100) + 1e-6


def test_without_noise_nothing_changes():
    clean = torch.from_numpy(scene()).float()
    assert torch.equal(finish(bm3d(clean, 0)), clean)
    for sigma in (1e-3, 1e-12, 1e-300):
        torch.testing.assert_close(finish(bm3d(clean, sigma)), clean, rtol=0, atol=0.01)


def test_a_constant_image_stays():
    flat = torch.full((30, 30), 7.25)
    for sigma in (0.0, 1.0, 100.0):
        torch.testing.assert_close(finish(bm3d(flat, sigma)), flat)


def test_bands_do_not_show(monkeypatch):
    _, noisy = noisy_scene(20, rows=130, columns=40)
    whole = finish(bm3d(noisy, 20))
    monkeypatch.setattr(module, "_BAND_BLOCKS", 1)
    steps = []
    banded = finish(bm3d(noisy, 20), steps.append)
    assert max(step.total for step in steps) > 5
    torch.testing.assert_close(banded, whole, rtol=0, atol=1e-2)


def test_progress_ends_each_stage():
    _, noisy = noisy_scene(20)
    events = []
    finish(bm3d(noisy, 20), events.append)
    assert all(isinstance(event, Progress) for event in events)
    ended = [event.stage for event in events if event.step == event.total]
    assert ended == ["finding similar blocks", "filtering"]


def test_stopped_it_returns_what_it_reached(monkeypatch):
    monkeypatch.setattr(module, "_BAND_BLOCKS", 1)
    _, noisy = noisy_scene(20, rows=200, columns=40)
    stop = []

    def listen(event):
        if event.stage == "filtering" and event.step == 2:
            stop.append(True)

    denoised = finish(bm3d(noisy, 20, stopping=lambda: bool(stop)), listen)
    reached = torch.isfinite(denoised)
    assert reached[:20].all()
    assert not reached[-20:].any()
    assert torch.isnan(finish(bm3d(noisy, 20, stopping=lambda: True))).all()


@pytest.mark.parametrize(
    ("shape", "sigma"), [((3, 9, 9), 1), ((0, 9), 1), ((9, 9), -1), ((9, 9), np.nan)]
)
def test_nonsense_is_refused(shape, sigma):
    with pytest.raises(ValueError, match=r"2-D|sigma"):
        finish(bm3d(torch.zeros(shape), sigma))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        finish(bm3d(torch.tensor([[1.0, torch.inf], [0, 1]]), 1))


@pytest.mark.skipif(not SET12.exists(), reason="the data beside the project are not here")
def test_reaches_the_published_quality():
    # House; 32.86 dB in the paper's table.
    clean = imread(SET12 / "02.png").astype(float)
    noisy = clean + np.random.default_rng(0).normal(0, 25, clean.shape)
    denoised = finish(bm3d(torch.from_numpy(noisy), 25)).numpy()
    assert 20 * np.log10(255 / rms(denoised - clean)) > 32.7
