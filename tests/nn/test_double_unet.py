"""The U-Net with two convolutions at every level."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_selfdenoise.nn import doubling
from napari_selfdenoise.nn.double_unet import DoubleUNet, multiplications, radius


@pytest.mark.parametrize(("channels", "parameters"), [(3, 841_347), (1, 840_193)])
def test_parameters_are_those_of_the_published_network(channels, parameters):
    network = DoubleUNet(channels)
    assert sum(each.numel() for each in network.parameters()) == parameters


def test_multiplications_are_counted(monkeypatch):
    """As the network is written; what the doubled features save is not taken off."""
    monkeypatch.setattr(doubling, "LEAST_PIXELS", 64**2)
    with FlopCounterMode(display=False) as counted:
        DoubleUNet(1, width=16)(torch.zeros(1, 1, 32, 32))
    assert 2 * multiplications(1, 16) * 32**2 == counted.get_total_flops()


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_no_input_beyond_the_radius_counts(levels):
    torch.manual_seed(0)
    network = DoubleUNet(1, 4, levels).eval()
    image = torch.randn(1, 1, 160, 160, requires_grad=True)
    reach = 0
    for at in range(80, 80 + 2**levels):
        (slope,) = torch.autograd.grad(network(image)[0, 0, at, at], image)
        touched = torch.nonzero(slope[0, 0])
        reach = max(reach, int((touched - at).abs().max()))
    assert 0.6 * radius(levels) < reach <= radius(levels)


def test_an_untrained_network_returns_its_input():
    torch.manual_seed(0)
    image = torch.randn(4, 1, 64, 64)
    assert (DoubleUNet(1)(image) - image).std() < 0.1
