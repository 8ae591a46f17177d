"""Functions in half precision that are as exact as PyTorch's, and their derivatives."""

import pytest
import torch
from torch.nn import functional

from napari_selfdenoise.nn.activations import Mish, mish, tanh

PAIRS = [(mish, functional.mish), (tanh, torch.tanh)]


def values(dtype, shape=(3, 5, 8, 7)):
    spread = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 6
    spread.view(-1)[:6] = torch.tensor([0.0, -0.0, 90.0, -90.0, 1e4, -1e4])
    return spread.to(dtype)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("ours", "native"), PAIRS)
def test_equal_but_for_rounding(ours, native, dtype, layout):
    features = values(dtype).contiguous(memory_format=layout)
    activated = ours(features)
    expected = native(features.float()).to(dtype)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(activated, expected, atol=2e-6, rtol=eps)
    assert activated.stride() == features.stride()
    torch.testing.assert_close(ours(features[:, 1:3]), activated[:, 1:3])  # not dense


@pytest.mark.parametrize(("ours", "native"), PAIRS)
def test_derivatives_are_equal_but_for_rounding(ours, native):
    features = values(torch.bfloat16)
    gradient = torch.ones_like(features)
    found = []
    for function, given in ((ours, features), (native, features.float())):
        given = given.detach().requires_grad_()
        activated = function(given)
        activated.backward(gradient.to(given.dtype))
        found.append((activated.detach().float(), given.grad.float()))
    eps = torch.finfo(torch.bfloat16).eps
    # The derivative of tanh is found from its rounded value, as by PyTorch.
    torch.testing.assert_close(*found, atol=2 * eps, rtol=eps)


def test_single_precision_is_left_to_pytorch():
    features = values(torch.float32).requires_grad_()
    torch.testing.assert_close(Mish()(features), functional.mish(features), atol=0, rtol=0)
