from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.noise2void import Noise2VoidConfig
from tests.running import denoise

METHOD = get("noise2void")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 4}


class Told(torch.nn.Module):
    """A network that keeps what it is shown, and returns it or nothing but zeros."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, seen):
        self.seen = seen
        return self.factor * seen


def training(seed=0):
    """What a loss needs of a training: its random numbers."""
    patches = SimpleNamespace(rng=np.random.default_rng(seed))
    return Training(None, patches, None, None, None)


def slope(of, batch):
    (found,) = torch.autograd.grad(of, batch)
    return found[:, 0]


@pytest.mark.parametrize("variant", ["n2v", "n2v2"])
@pytest.mark.parametrize("axis", ["none", "horizontal", "vertical"])
def test_what_is_predicted_is_seen_nowhere_nor_is_its_line(variant, axis):
    config = Noise2VoidConfig(variant=variant, structured=axis, extent=3, radius=4)
    batch = torch.rand(2, 1, 64, 48, requires_grad=True)
    blind, told = Told(0.0), Told(1.0)
    # The loss of a network that predicts zeros depends on nothing but the targets.
    (loss,) = METHOD._hidden_losses(blind, batch, training(), config).values()
    predicted = slope(loss, batch) != 0
    METHOD._hidden_losses(told, batch, training(), config)
    unseen = slope(told.seen.sum(), batch) == 0
    reach = {"none": (0, 0), "horizontal": (0, 3), "vertical": (3, 0)}[axis]
    assert 0.01 < predicted.float().mean() < 0.1
    for image, row, column in predicted.nonzero().tolist():
        rows = slice(max(row - reach[0], 0), row + reach[0] + 1)
        columns = slice(max(column - reach[1], 0), column + reach[1] + 1)
        assert unseen[image, rows, columns].all()


def test_validation_hides_the_same_pixels_every_time():
    batch, config = torch.rand(2, 1, 64, 64), Noise2VoidConfig()
    network, same = Told(1.0), training()
    seen = []
    for mode in (False, False, True, True):
        METHOD._hidden_losses(network.train(mode), batch, same, config)
        seen.append(network.seen)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[2], seen[3])


def noise_along(axis, level=100.0, sigma=10.0, shape=(96, 96), seed=0):
    """A flat image whose noise is averaged over five neighbours along an axis."""
    noise = np.random.default_rng(seed).normal(size=(shape[0] + 4, shape[1] + 4))
    if axis != "none":
        noise = sum(np.roll(noise, far, 1 if axis == "horizontal" else 0) for far in range(5))
    noise = noise[4:, 4:]
    return (level + sigma * noise / noise.std()).astype(np.float32)


def settled(config, image):
    events = []
    return finish(METHOD.settle(config, [Image(image)]), events.append), events


@pytest.mark.parametrize("axis", ["none", "horizontal", "vertical"])
def test_the_axis_is_measured_and_told(axis):
    config, events = settled(Noise2VoidConfig(), noise_along(axis))
    assert config.structured == axis
    assert any(f"structured={axis}" in each.text for each in events if isinstance(each, Note))
    # Turned by a quarter, stripes would lie along the other axis.
    assert METHOD.directed(config) == (axis != "none")


def test_an_axis_that_was_chosen_stays():
    given = Noise2VoidConfig(structured="none")
    config, events = settled(given, noise_along("horizontal"))
    assert config == given
    assert not events


def test_noise_along_an_axis_goes_only_if_neighbours_along_it_are_hidden():
    image, left = noise_along("horizontal"), {}
    for axis in ("none", "auto"):
        config = Noise2VoidConfig(structured=axis, steps=200, **SMALL)
        left[axis] = denoise("noise2void", image, config)["denoised"].data.std()
    assert left["auto"] < 2  # out of 10
    assert left["none"] > 3


@pytest.mark.parametrize("variant", ["n2v", "n2v2"])
def test_skewed_noise_does_not_shift_the_brightness(variant):
    """Its median is far from its mean, which is what must be predicted."""
    noise = np.random.default_rng(0).exponential(size=(96, 96))
    config = Noise2VoidConfig(variant=variant, steps=150, structured="none", **SMALL)
    result = denoise("noise2void", (100 + 20 * noise).astype(np.float32), config)
    (member,) = result.model.members
    median = float(np.median(noise) - noise.mean())
    assert abs(member.brightness[0]) / 20 < 0.3 * abs(median)


@pytest.mark.parametrize("variant", ["n2v", "n2v2"])
def test_the_error_falls(variant):
    rows, columns = np.mgrid[:96, :96]
    clean = 100 + 40 * np.sin(rows / 7) * np.cos(columns / 9)
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    config = Noise2VoidConfig(variant=variant, steps=150, structured="none", **SMALL)
    denoised = denoise("noise2void", noisy.astype(np.float32), config)["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.3 * np.mean((noisy - clean) ** 2)


def test_n2v2_pools_blurred_and_skips_no_detail():
    config = Noise2VoidConfig(**SMALL)
    first, second = (
        METHOD.network(replace(config, variant=variant), 1) for variant in ("n2v", "n2v2")
    )
    assert (first.blurred, first.top_skip) == (False, True)
    assert (second.blurred, second.top_skip) == (True, False)
    assert METHOD.halo(replace(config, variant="n2v2")) >= METHOD.halo(config)
