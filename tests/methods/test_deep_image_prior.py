from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, Note, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import prior_fit
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.prior_fit import PriorFit
from napari_selfdenoise.methods import deep_image_prior as module
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.deep_image_prior import PriorFitConfig
from napari_selfdenoise.nn import doubling
from napari_selfdenoise.nn.hourglass import Hourglass, multiplications
from tests.running import denoise, noisy

SMALL = PriorFitConfig(steps=80, width=8, levels=3)
COMPUTE = Compute(torch.device("cpu"), torch.float32)


def waves(shape=(64, 64), sigma=25.0, seed=0):
    rows, columns = np.indices(shape)
    clean = 100.0 + 60 * np.sin(rows / 6) * np.cos(columns / 7)
    noise = np.random.default_rng(seed).normal(0, sigma, shape)
    return clean, (clean + noise).astype(np.float32)


def standard(image):
    return ((image - image.mean()) / image.std()).astype(np.float32)[None]


def fitted(image, config, steps):
    fit = PriorFit(image, config, 0, COMPUTE)
    return fit, [fit.step() for _ in range(steps)]


def test_structures_are_learned_long_before_noise():
    clean, noise = standard(waves()[0]), standard(waves()[1] - waves()[0])
    config = replace(SMALL, stopping="never")
    structure, random = (
        fitted(each, config, 80)[1][-1]["train/fit"] for each in (clean, noise)
    )
    assert structure < 0.15
    assert random > 0.7


def test_the_error_falls_without_a_clean_image():
    clean, image = waves()
    denoised = denoise("deep_image_prior", image, replace(SMALL, steps=200))["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.4 * np.mean((image - clean) ** 2)


def test_held_out_pixels_teach_nothing():
    """Other values there change the criterion, and not the network's outputs."""
    image = standard(waves()[1])
    config = replace(SMALL, held_out=0.2)
    first, second = PriorFit(image, config, 0, COMPUTE), None
    hidden = first._hidden[0, 0].numpy()
    assert hidden.mean() == pytest.approx(0.2, abs=0.05)
    changed = np.where(hidden, -image, image).astype(np.float32)
    second = PriorFit(changed, config, 0, COMPUTE)
    for _ in range(12):
        one, other = first.step(), second.step()
    assert one["train/fit"] == other["train/fit"]
    assert one["stopping/held-out pixels"] != other["stopping/held-out pixels"]
    assert torch.equal(first._average, second._average)


def test_it_stops_and_keeps_the_best(monkeypatch):
    """Of a criterion that falls and rises the estimate where it was least is the result."""
    values = [9.0, 5.0, 3.0, 4.0, 6.0, 7.0, 8.0]
    fit = PriorFit(standard(waves()[1]), replace(SMALL, patience=3), 0, COMPUTE)
    monkeypatch.setattr(fit, "_criterion", lambda output: values[fit._steps - 1])
    averages = []
    while not fit.ended:
        fit.step()
        averages.append(fit._average[0].clone())
    assert len(averages) == 6
    assert torch.equal(fit.best, averages[2])


def test_the_variance_is_that_of_the_paper():
    """Its recursion is the exponentially weighted variance of the outputs so far."""
    config = replace(SMALL, stopping="variance")
    fit = PriorFit(standard(waves()[1]), config, 0, COMPUTE)
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(40, 1, 1, 64, 64)).astype(np.float32)
    for output in outputs:
        values = fit._judge(torch.from_numpy(output))
    share = prior_fit.WINDOW
    weights = share * (1 - share) ** np.arange(len(outputs))[::-1]
    weights[0] /= share  # all that was before the first
    mean = np.tensordot(weights, outputs, 1)
    expected = np.tensordot(weights, (outputs - mean) ** 2, 1).mean()
    assert values["stopping/variance of outputs"] == pytest.approx(expected, rel=0.05)


def test_a_stop_keeps_what_the_plane_at_hand_has_learned():
    clean, image = waves()
    context, steps = Context(), 0
    run = get("deep_image_prior").denoise(Image(image), replace(SMALL, steps=500), context)

    def listen(event):
        nonlocal steps
        steps += isinstance(event, Progress)
        if steps == 150:
            context.stop()

    result = finish(run, listen)
    assert result.stopped
    assert steps < 160
    denoised = result["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.6 * np.mean((image - clean) ** 2)


def test_large_planes_are_fitted_in_tiles_without_seams(monkeypatch):
    _, image = waves((64, 96))
    monkeypatch.setattr(module, "FITTED_TILE_SIZE", 64)
    monkeypatch.setattr(module, "OVERLAP", 32)
    fits = []
    monkeypatch.setattr(
        prior_fit, "Hourglass", lambda *each: fits.append(each) or Hourglass(*each)
    )
    denoised = denoise("deep_image_prior", image, replace(SMALL, steps=40))["denoised"].data
    assert len(fits) == 2
    steps = np.abs(np.diff(denoised, axis=1)).mean(0)
    shared = slice(31, 65)
    assert steps[shared].max() < 1.5 * np.delete(steps, shared).max()


def test_it_tells_when_it_stopped_and_how_it_went():
    events = []
    config = replace(SMALL, patience=5, steps=400, learning_rate=0.05)
    run = get("deep_image_prior").denoise(Image(noisy((32, 32))), config, Context())
    result = finish(run, events.append)
    told = [event.text for event in events if isinstance(event, Note)]
    assert len(told) == 1
    assert "the result is that of step" in told[0]
    assert told[0] in result.provenance.notes
    curves = [event.values for event in events if isinstance(event, Metrics)]
    assert {"train/fit", "stopping/held-out pixels"} == set(curves[-1])


def test_the_time_budget_ends_it():
    events = []
    config = replace(SMALL, steps=100_000, stopping="never")
    context = Context(time_budget=0.5)
    image = Image(noisy((2, 32, 32)))
    finish(get("deep_image_prior").denoise(image, config, context), events.append)
    assert sum("Time is up" in event.text for event in events if isinstance(event, Note)) == 2
    assert context.seconds < 20


def test_the_work_is_that_of_the_convolutions():
    """As the network is written; features as small as these are doubled as they are."""
    with FlopCounterMode(display=False) as counted:
        Hourglass(8, 1, 16, 3)(torch.zeros(1, 8, 32, 32))
    assert counted.get_total_flops() / 2 / 32**2 == pytest.approx(multiplications(8, 16, 3))


def test_doubled_features_need_not_be_made(monkeypatch):
    """Large images are made as small ones are, up to rounding."""
    torch.manual_seed(0)
    network, drawn = Hourglass(8, 1, 16, 2), torch.rand(1, 8, 64, 64)
    made = {}
    for least in (1, 64**2):
        monkeypatch.setattr(doubling, "LEAST_PIXELS", least)
        made[least] = network(drawn)
    one, other = made.values()
    assert one.std() > 0.1
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
