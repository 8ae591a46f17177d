from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.blind2unblind import Blind2UnblindConfig, weight_of_visible
from napari_selfdenoise.nn.blind_spot import RevisiblePrediction, interpolated, lattice_spots
from tests.running import denoise

METHOD = get("blind2unblind")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 2, "lattices": 2}


class Scaled(torch.nn.Module):
    """A network of one weight."""

    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, image):
        return self.factor * image


def losses(batch, factor, visible, lattices):
    config = Blind2UnblindConfig(lattices=lattices, regularisation=0.5)
    network = RevisiblePrediction(Scaled(factor), config.spacing, visible)
    compute = Compute(torch.device("cpu"), torch.float32)
    patches = SimpleNamespace(rng=np.random.default_rng(0))
    training = Training(None, patches, None, None, None)
    wrapped = Float32Outputs(network, compute)
    found = METHOD._revisible_losses(wrapped, batch, visible, training, config)
    slopes = {
        name: torch.autograd.grad(value, network.network.factor, retain_graph=True)[0]
        for name, value in found.items()
    }
    return found, slopes


def test_the_loss_is_that_of_the_paper_and_the_visible_image_has_no_gradient():
    """By hand, for all lattices, which hide every pixel once."""
    y = torch.rand(2, 1, 16, 12, generator=torch.Generator().manual_seed(0))
    hidden = torch.empty_like(y)
    for phase in range(16):
        spots = lattice_spots(y, 4, phase)
        around = interpolated(y, spots)
        hidden[spots.image, :, spots.row, spots.column] = spots.of(around)
    factor, visible = 0.7, 3.0
    found, slopes = losses(y, factor, visible, lattices=16)
    h, f = factor * hidden, factor * y
    revisible = h + visible * f - (1 + visible) * y
    torch.testing.assert_close(found["revisible"], revisible.square().mean())
    torch.testing.assert_close(found["hidden"], 0.5 * (h - y).square().mean())
    # Of h alone: f counts as a number.
    torch.testing.assert_close(slopes["revisible"], (2 * revisible * hidden).mean())


def test_some_lattices_are_a_sample_of_all():
    y = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    some, _ = losses(y, 0.7, 3.0, lattices=4)
    every, _ = losses(y, 0.7, 3.0, lattices=100)  # there are sixteen
    for name, value in every.items():
        assert some[name].item() == pytest.approx(value.item(), rel=0.05)
        assert some[name] != value


def test_the_image_becomes_visible_along_the_training():
    assert weight_of_visible(0.0, 20.0) == weight_of_visible(0.4, 20.0) == 2
    assert weight_of_visible(0.7, 20.0) == pytest.approx(11)
    assert weight_of_visible(1.0, 20.0) == pytest.approx(20)
    assert weight_of_visible(0.9, 0.0) == 0  # a pure blind spot stays one


@pytest.mark.parametrize("visible", [0.0, 20.0])
def test_the_error_falls(visible):
    rows, columns = np.mgrid[:96, :96]
    clean = 100 + 40 * np.sin(rows / 7) * np.cos(columns / 9)
    image = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    config = Blind2UnblindConfig(steps=150, visible=visible, **SMALL)
    denoised = denoise("blind2unblind", image.astype(np.float32), config)["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.3 * np.mean((image - clean) ** 2)
