"""NN+BM3D+T: a network that learns from a denoiser, and low-rank kernels."""

import numpy as np
import pytest
import torch

from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.engine import predict, runs
from napari_selfdenoise.engine.plug_and_play import PlugAndPlay
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.tucker_pnp import TuckerPnPConfig
from napari_selfdenoise.solvers.bm3d import bm3d
from tests.running import denoise

METHOD = get("tucker_pnp")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 4}


def waves(shape=(64, 64), sigma=12.0, seed=0):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    clean = 100 + 50 * np.sin(rows / 5) * np.cos(columns / 6)
    noise = np.random.default_rng(seed).normal(0, sigma, shape)
    return clean, (clean + noise).astype(np.float32)


def config(**changed):
    return TuckerPnPConfig.from_json({**SMALL, **changed})


def train(image, settings, listener=None, **options):
    return finish(runs.train(METHOD, [Image(image)], settings, Context(**options)), listener)


def test_the_network_learns_what_its_teacher_makes_of_the_image():
    clean, noisy = waves()
    learned = denoise("tucker_pnp", noisy, config(steps=400))["denoised"].data
    taught = finish(bm3d(torch.from_numpy(noisy), estimate_sigma(noisy))).numpy()
    before, after, teacher = (
        psnr(each, clean, data_range=100) for each in (noisy, learned, taught)
    )
    assert after > before + 6
    assert after > teacher - 2.5


def test_what_it_learned_denoises_another_image():
    _, noisy = waves()
    clean, other = waves((70, 90), seed=3)
    model = train(noisy, config(steps=400))
    denoised = finish(runs.apply(model, Image(other), Context()))["denoised"].data
    assert psnr(denoised, clean, data_range=100) > psnr(other, clean, data_range=100) + 5


def test_given_noise_the_prior_removes_all_of_it():
    """In an image that is mostly without noise, less is measured: but it is to be removed."""
    noisy = np.zeros((64, 64), np.float32)
    noisy[:, 32:] = 12 * np.random.default_rng(0).normal(size=(64, 32))
    sources = [channel_planes(Image(noisy))[0]]
    patches = Patches(
        sources,
        Normalization.fit(sources, "standard"),
        patch_size=32,
        validation_fraction=0.0,
        rng=np.random.default_rng(0),
    )
    training = Training(
        torch.nn.Identity(), patches, Context(), lambda *_: noisy[np.newaxis], lambda: 0.0
    )
    given, measured = (PlugAndPlay(training, config(sigma=sigma)) for sigma in (12.0, 0.0))
    assert measured.gauge == 1
    assert measured.sigma < 0.8 * given.sigma
    assert given.gauge * measured.sigma == pytest.approx(given.sigma)


def test_the_prior_has_its_turn_and_the_residuals_are_told():
    _, noisy = waves()
    metrics = []

    def listen(event):
        if isinstance(event, Metrics) and "residual/primal" in event.values:
            metrics.append(event)

    settings = config(steps=40, warm_up=0.5, updates=4)
    train(noisy, settings, listen)
    assert [each.step for each in metrics] == [20, 25, 30, 35] == sorted(settings.update_steps)
    for each in metrics:
        assert each.values["residual/primal"] > 0
        assert each.values["residual/dual"] > 0


def test_epochs_of_the_paper_are_of_sixty_steps():
    paper = TuckerPnPConfig.from_preset("paper")
    assert sorted(paper.update_steps) == list(range(60, 6000, 60))
    assert config(steps=10, updates=0).update_steps == frozenset()


def test_the_preset_of_the_paper_has_no_deviation():
    """On patches that are not renoised, M starts as Y and A as 0: algorithm 1."""
    paper = TuckerPnPConfig.from_preset("paper")
    assert (paper.renoise, paper.variety, paper.warm_up) == (0, 0, 0)
    assert (paper.rho, paper.eta, paper.dual) == (100, 0.5, "ascent")
    assert (paper.low_rank, paper.low_rank_interval) == (True, 200)
    assert (paper.batch_size, paper.patch_size, paper.steps) == (128, 32, 6000)
    assert not paper.all_orientations
    assert paper.weight_average == 0


def test_low_rank_kernels_are_told_layer_by_layer():
    _, noisy = waves()
    told = []

    def listen(event):
        if isinstance(event, Metrics) and "compression/output" in event.values:
            told.append(event)

    model = train(
        noisy, config(steps=20, low_rank=True, low_rank_interval=10, weight_average=0.0), listen
    )
    assert [each.step for each in told] == [10, 20]
    layers = [name for name in told[0].values if name.startswith("compression/")]
    assert len(layers) == 16  # all but the first
    # The last thing that happens to the kernels is that they are made low-rank.
    kernel = model.members[0].network.network.decoder[1][0].weight.detach()
    rank = int(told[-1].values["output rank/decoder 1 0"])
    values = torch.linalg.svdvals(kernel.flatten(1).double())
    assert rank < len(kernel)
    assert values[rank:].max() < 1e-5 * values[0]


def test_without_low_ranks_nothing_is_told_of_them():
    _, noisy = waves((40, 40))
    names = set()

    def listen(event):
        if isinstance(event, Metrics):
            names.update(name.partition("/")[0] for name in event.values)

    train(noisy, config(steps=10, low_rank_interval=2), listen)
    assert names == {"train", "residual"}


@pytest.mark.parametrize("prior", ["bm3d", "nl_means"])
@pytest.mark.parametrize("dual", ["optimum", "ascent"])
def test_every_prior_and_dual_runs_and_keeps_the_brightness(prior, dual):
    _, noisy = waves((48, 40))
    settings = config(steps=30, prior=prior, dual=dual, warm_up=0.0)
    denoised = denoise("tucker_pnp", noisy, settings)["denoised"].data
    assert denoised.mean() == pytest.approx(noisy.mean(), rel=0.01)


def test_noise_that_is_known_is_not_estimated():
    """A larger sigma makes the warm start, and so the result, smoother."""
    _, noisy = waves()
    rough, smooth = (
        denoise("tucker_pnp", noisy, config(steps=150, updates=0, sigma=sigma))["denoised"].data
        for sigma in (1.0, 24.0)
    )
    assert np.abs(np.diff(smooth)).mean() < 0.9 * np.abs(np.diff(rough)).mean()


def test_a_long_stack_is_trained_on_some_of_its_planes():
    stack = np.stack([waves((40, 40), seed=seed)[1] for seed in range(6)])
    given = []
    method = get("tucker_pnp")
    plain = method.stages

    def watched(training, settings):
        for each in plain(training, settings):
            given.append(training.patches.places())
            yield each

    method.stages = watched
    result = finish(method.denoise(Image(stack), config(steps=10, planes=2), Context()))
    assert given[-1] == [(0, 0), (0, 5)]
    assert np.isfinite(result["denoised"].data).all()


def test_tiles_are_not_seen(monkeypatch):
    """Prediction tile by tile equals prediction of the whole plane."""
    _, noisy = waves((260, 200))
    model = train(noisy, config(steps=8, warm_up=0.0, updates=0, prior="nl_means"))
    whole, tiled = [], []
    for size, into in ((512, whole), (128, tiled)):
        monkeypatch.setattr(predict, "TILE_SIZE", size)
        monkeypatch.setattr(predict, "TILE_HALOS", 0)
        context = Context(precision="float32")
        into.append(finish(runs.apply(model, Image(noisy), context))["denoised"].data)
    assert METHOD.halo(model.config) % METHOD.multiple == 0
    np.testing.assert_allclose(tiled[0], whole[0], atol=1e-4 * np.ptp(noisy))


def test_a_stop_in_the_warm_start_still_gives_a_result():
    _, noisy = waves()
    context = Context()
    context.stop()
    result = finish(METHOD.denoise(Image(noisy), config(steps=10), context))
    assert result.stopped
    assert np.isfinite(result["denoised"].data).all()
