"""Convolutions of doubled features are those that they stand for."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from napari_selfdenoise.nn import doubling, placed
from napari_selfdenoise.nn.blur import blurred
from napari_selfdenoise.nn.double_unet import DoubleUNet
from napari_selfdenoise.nn.doubling import (
    FEW_CHANNELS,
    doubled,
    doubled_convolution,
    interpolated_convolution,
)
from napari_selfdenoise.nn.unet import UNet

COARSE = 5
BESIDE = pytest.mark.parametrize("beside", [0, 1, FEW_CHANNELS, FEW_CHANNELS + 2])


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Both ways of computing, each chosen by the size of the features."""
    monkeypatch.setattr(doubling, "LEAST_PIXELS", {"small": 10**6, "large": 1}[request.param])


def given(beside):
    torch.manual_seed(0)
    convolution = nn.Conv2d(COARSE + beside, 6, 3, padding=1).double()
    coarse = torch.rand(2, COARSE, 7, 9).double().requires_grad_()
    fine = torch.rand(2, beside, 14, 18).double().requires_grad_() if beside else None
    return convolution, coarse, fine


def gradients(output, *inputs):
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)
    return torch.autograd.grad((output * weights).sum(), [x for x in inputs if x is not None])


@BESIDE
@pytest.mark.usefixtures("size")
def test_it_is_the_convolution_of_doubled_features(beside):
    convolution, coarse, fine = given(beside)
    both = [doubled(coarse)] + ([fine] if beside else [])
    expected = convolution(torch.cat(both, 1))
    found = doubled_convolution(convolution, coarse, fine)
    torch.testing.assert_close(found, expected)
    learned = *convolution.parameters(), coarse, fine
    for pair in zip(gradients(found, *learned), gradients(expected, *learned), strict=True):
        torch.testing.assert_close(*pair)


@pytest.mark.usefixtures("size")
def test_it_is_the_convolution_of_interpolated_features_that_go_on_at_the_border():
    convolution, coarse, fine = given(3)
    around = interpolate(coarse, scale_factor=2, mode="bilinear")
    around = pad(around, (1, 1, 1, 1), mode="replicate")
    both = torch.cat([around, pad(fine, (1, 1, 1, 1))], 1)
    expected = nn.functional.conv2d(both, convolution.weight, convolution.bias)
    found = interpolated_convolution(convolution, coarse, fine)
    torch.testing.assert_close(found, expected)
    learned = *convolution.parameters(), coarse, fine
    for pair in zip(gradients(found, *learned), gradients(expected, *learned), strict=True):
        torch.testing.assert_close(*pair)


def test_another_module_than_a_convolution_is_run_as_it_is():
    """Such as the factors of a low-rank kernel."""
    torch.manual_seed(0)
    factors = nn.Sequential(nn.Conv2d(4, 2, 1), nn.Conv2d(2, 3, 3, padding=1))
    coarse = torch.rand(1, 4, 64, 64)
    expected = factors(doubled(coarse))
    torch.testing.assert_close(doubled_convolution(factors, coarse), expected)


@pytest.mark.parametrize("kind", [UNet, DoubleUNet])
def test_a_network_does_the_same_in_bfloat16_and_either_way(kind, monkeypatch):
    torch.manual_seed(0)
    network, image = kind(1, 8, 2), torch.rand(1, 1, 64, 64)
    exact = network(image)
    for least in (1, 10**6):
        monkeypatch.setattr(doubling, "LEAST_PIXELS", least)
        torch.testing.assert_close(network(image), exact)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network(image).float()
        assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()


def test_kernels_made_while_predicting_can_be_trained():
    """What inference mode makes must not be kept for training."""
    placed._places.cache_clear()
    convolution = nn.Conv2d(2, 2, 3, padding=1)
    with torch.inference_mode():
        doubled_convolution(convolution, torch.rand(1, 2, 64, 64))
    doubled_convolution(convolution, torch.rand(1, 2, 64, 64)).sum().backward()
    assert convolution.weight.grad.abs().sum() > 0


def test_the_blur_is_binomial():
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 16
    weights = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    torch.testing.assert_close(blurred(point)[0, 0], weights)
    torch.testing.assert_close(blurred(point, stride=2)[0, 0], weights[::2, ::2])
