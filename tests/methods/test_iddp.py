"""IDDP: the loss of the paper, and what it is good for."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.methods import get, iddp
from napari_selfdenoise.methods.iddp import IddpConfig, verification


class Draws:
    """What the loss needs of a training: random numbers, and where it computes."""

    context = Context(device="cpu", precision="float32")

    def generator(self, network, batch):
        return torch.Generator().manual_seed(1)


class Dimming(nn.Module):
    """A network that can be calculated by hand; remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.3))
        self.seen = []

    def forward(self, batch):
        self.seen.append(batch)
        return self.factor * batch + 0.1


def terms(**settings):
    batch = torch.randn(2, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    network = Dimming()
    return network, batch, verification(network, batch, Draws(), IddpConfig(**settings))


def test_the_second_input_is_the_estimate_with_the_noise_of_flipped_signs():
    network, batch, _ = terms()
    first, second = network.seen
    assert torch.equal(first, batch)
    flipped = (second - (0.3 * batch + 0.1)) / (batch - (0.3 * batch + 0.1))
    assert torch.allclose(flipped.abs(), torch.ones_like(batch), atol=1e-4)
    # every value has a sign of its own, also those of one pixel's colours
    assert abs(flipped.mean()) < 0.1
    assert (flipped[:, 0] != flipped[:, 1]).float().mean() > 0.3


def test_both_terms_are_those_of_equation_17():
    network, batch, losses = terms(kernel_size=3)
    padded = nn.functional.pad(batch, (1,) * 4, mode="reflect").unfold(2, 3, 1).unfold(3, 3, 1)
    blurred = padded.mean((-1, -2))
    given, second = (0.3 * batch + 0.1), network.seen[1]
    torch.testing.assert_close(
        losses["fidelity"], ((0.3 * batch + 0.1) - blurred).square().mean()
    )
    torch.testing.assert_close(
        losses["verification"], (0.3 * second + 0.1 - given).square().mean()
    )
    assert losses["noise found"] == pytest.approx(float((batch - given).std()))


@pytest.mark.parametrize("stop", [True, False])
def test_the_gradient_stops_at_the_estimate_only_if_asked(stop):
    network, batch, losses = terms(stop_gradient=stop)
    (slope,) = torch.autograd.grad(losses["verification"], network.factor)
    given, second = (0.3 * batch + 0.1), network.seen[1].detach()
    by_hand = (2 * (0.3 * second + 0.1 - given) * second).mean()
    assert torch.allclose(slope, by_hand, rtol=1e-4) == stop


def test_a_fixed_copy_makes_the_estimates_in_its_place():
    batch = torch.randn(2, 1, 24, 20, generator=torch.Generator().manual_seed(0))
    network, fixed = Dimming(), nn.Identity()
    losses = verification(network, batch, Draws(), IddpConfig(), fixed)
    assert float(losses["noise found"]) == 0  # the copy takes no noise away
    second = network.seen[1]
    assert torch.equal(second, batch)
    torch.testing.assert_close(
        losses["verification"], (0.3 * second + 0.1 - batch).square().mean()
    )


@pytest.mark.parametrize(
    ("settings", "fixed"), [({}, 1), ({"rounds": 3}, 3), ({"rounds": 0}, 0)]
)
def test_a_copy_is_made_as_often_as_asked(settings, fixed, monkeypatch):
    seen = []

    def watch(network, batch, training, config, copy=None):
        seen.append(copy)
        return verification(network, batch, training, config, copy)

    monkeypatch.setattr(iddp, "verification", watch)
    _, noisy = cells(2, sigma=30)
    config = IddpConfig(width=8, steps=10, patch_size=32, warm_up=0.4, **settings)
    finish(runs.train(get("iddp"), [Image(each) for each in noisy], config, Context()))
    assert len({id(each) for each in seen if each is not None}) == fixed
    assert len(seen) == 6


def cells(count, sigma, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    clean = []
    for _ in range(count):
        places = rng.uniform(0, 64, (6, 2))
        spots = [np.hypot(rows - y, columns - x) < 9 for y, x in places]
        clean.append(100 * np.any(spots, 0).astype(np.float32))
    noise = rng.normal(0, sigma, (count, 64, 64)).astype(np.float32)
    return clean, list(np.stack(clean) + noise)


def test_many_noisy_images_teach_to_denoise_a_new_one():
    _, noisy = cells(24, sigma=30)
    config = IddpConfig(
        width=8,
        steps=600,
        patch_size=32,
        learning_rate=4e-3,
        weight_average=0.98,
        warm_up=0.3,
    )
    events = []
    run = runs.train(get("iddp"), [Image(each) for each in noisy], config, Context())
    model = finish(run, events.append)
    new_clean, new_noisy = cells(2, sigma=30, seed=9)
    for truth, each in zip(new_clean, new_noisy, strict=True):
        denoised = finish(runs.apply(model, Image(each), Context()))["denoised"].data
        assert (denoised - truth).std() < 0.5 * 30
    name = "train/noise found"
    curve = [e.values[name] for e in events if isinstance(e, Metrics) and name in e.values]
    found = curve[-1] * model.members[0].normalization.scale[0]
    assert found == pytest.approx(30, rel=0.25)
    assert not [e for e in events if isinstance(e, Note) and e.level == "warning"]


def test_a_network_that_returns_its_input_is_warned_of():
    """With no weight on the blur the identity is perfect."""
    _, noisy = cells(4, sigma=30)
    # So few steps that what is found depends on nothing but the untrained network
    config = IddpConfig(width=8, steps=3, learning_rate=1e-6)
    events = []
    method = get("iddp")

    class Identity(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(0.999))

        def forward(self, batch):
            return self.factor * batch

    method.network = lambda config, channels: Identity()
    finish(
        runs.train(method, [Image(each) for each in noisy], config, Context()), events.append
    )
    warnings = [e.text for e in events if isinstance(e, Note) and e.level == "warning"]
    assert any("nearly returns its input" in text for text in warnings)
