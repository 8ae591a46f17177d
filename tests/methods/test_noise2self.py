from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise import api
from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.noise2self import Noise2SelfConfig
from tests.running import denoise, noisy

METHOD = get("noise2self")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 4}


@pytest.mark.parametrize("spacing", [2, 4])
def test_what_is_predicted_reaches_no_prediction(spacing):
    """The loss of a network that predicts is that of one that never saw the targets."""
    torch.manual_seed(0)
    config = Noise2SelfConfig(spacing=spacing, width=8)
    network = Float32Outputs(
        METHOD.network(config, 1), Compute(torch.device("cpu"), torch.float32)
    )
    batch = torch.rand(2, 1, 32, 32, requires_grad=True)
    shown = []
    network.network.network.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    patches = SimpleNamespace(rng=np.random.default_rng(0))
    training = Training(None, patches, None, None, None)
    METHOD._hidden_losses(network, batch, training, config)
    (slope,) = torch.autograd.grad(shown[0].sum(), batch)
    unseen = slope[:, 0] == 0
    assert unseen.float().mean() == 1 / spacing**2
    first = unseen[0].nonzero()[0]
    assert unseen[:, first[0] :: spacing, first[1] :: spacing].all()


def test_with_every_lattice_no_pixel_keeps_its_own_noise():
    """A single bright pixel goes without a trace; in one pass the network may keep some."""
    config = Noise2SelfConfig(steps=30, every_lattice=True, **SMALL)
    image = noisy((41, 38)).astype(np.float32)
    model = denoise("noise2self", image, config).model
    bright = image.copy()
    bright[20, 17] += 500
    before, after = (api.apply(model, each)["denoised"].data for each in (image, bright))
    changed = np.abs(after - before)
    assert changed[20, 17] == 0
    assert changed.max() > 0.1


def test_one_model_serves_one_pass_and_every_lattice():
    """Both come from the same weights, learned with the same losses."""
    image = noisy((40, 40)).astype(np.float32)
    results = [
        denoise("noise2self", image, Noise2SelfConfig(steps=30, every_lattice=each, **SMALL))
        for each in (False, True)
    ]
    weights = [result.model.members[0].network.state_dict() for result in results]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    first, second = (result["denoised"].data for result in results)
    assert 0 < np.abs(first - second).mean() < image.std()


@pytest.mark.parametrize("every_lattice", [False, True])
def test_the_error_falls(every_lattice):
    rows, columns = np.mgrid[:96, :96]
    clean = 100 + 40 * np.sin(rows / 7) * np.cos(columns / 9)
    image = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    config = replace(Noise2SelfConfig(steps=150, **SMALL), every_lattice=every_lattice)
    denoised = denoise("noise2self", image.astype(np.float32), config)["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.3 * np.mean((image - clean) ** 2)
