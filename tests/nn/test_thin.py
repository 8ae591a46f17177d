"""The convolution to few channels is a convolution."""

import pytest
import torch
from torch import nn

from napari_selfdenoise.nn import thin
from napari_selfdenoise.nn.thin import ThinConvolution


@pytest.mark.parametrize("outputs", [1, 3, 4, 9])
@pytest.mark.parametrize("size", [(8, 12), (6, 10), (7, 8), (64, 128)])
def test_it_is_a_convolution(outputs, size, monkeypatch):
    """Whatever way is taken, for sizes that fit squares and for others."""
    monkeypatch.setattr(thin, "LEAST_PIXELS", 1)
    torch.manual_seed(0)
    thin_one = ThinConvolution(5, outputs).double()
    plain = nn.Conv2d(5, outputs, 3, padding=1).double()
    plain.load_state_dict(thin_one.state_dict())
    features = torch.rand(2, 5, *size).double().requires_grad_()
    found, expected = thin_one(features), plain(features)
    torch.testing.assert_close(found, expected)
    weights = torch.rand_like(found)
    gradients = [
        torch.autograd.grad((out * weights).sum(), [features, *one.parameters()])
        for out, one in ((found, thin_one), (expected, plain))
    ]
    for pair in zip(*gradients, strict=True):
        torch.testing.assert_close(*pair)


def test_one_channel_is_computed_as_sixteen(monkeypatch):
    seen = []
    monkeypatch.setattr(thin, "pixel_shuffle", lambda made, side: seen.append(made.shape))
    ThinConvolution(2, 1)(torch.rand(1, 2, 128, 128))
    ThinConvolution(2, 3)(torch.rand(1, 2, 128, 128))
    assert seen == [(1, 16, 32, 32), (1, 12, 64, 64)]
