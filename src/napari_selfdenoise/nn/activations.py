"""Mish and tanh, fast also where PyTorch's own functions are slow.

On a CPU in half precision these take longer than the convolutions between them. Here they
are made of the sigmoid, which is fast, in float32 and part by part, so that what comes in
between stays in the cache. Results differ by rounding alone, and take a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_PART = 1 << 16
"""Values that are worked on at a time."""


def mish(features: Tensor) -> Tensor:
    """Return ``x * tanh(softplus(x))`` of every value.

    Source: Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020.
    With s the sigmoid of -x, it is ``x * (1 - s^2) / (1 + s^2)``.
    """
    return _activated(features, functional.mish, _mish, _Mish)


def tanh(features: Tensor) -> Tensor:
    """Return the hyperbolic tangent of every value."""
    return _activated(features, torch.tanh, _tanh, _Tanh)


class Mish(nn.Module):
    """`mish` as a layer."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the activated features."""
        return mish(features)


Parts = Callable[[Tensor], tuple[Tensor, ...]]
"""Makes one or several tensors in float32 of a flat one in half precision."""


def _activated(
    features: Tensor,
    native: Callable[[Tensor], Tensor],
    function: Parts,
    learning: type[torch.autograd.Function],
) -> Tensor:
    half = features.dtype in (torch.bfloat16, torch.float16)
    if features.device.type != "cpu" or not half:
        return native(features)
    if torch.is_grad_enabled() and features.requires_grad:
        activated: Tensor = learning.apply(features)
        return activated
    return _by_parts(features, function, 1)[0]


def _by_parts(features: Tensor, function: Parts, outputs: int) -> list[Tensor]:
    """Apply `function` to the values in the order in which they lie in memory."""
    order = sorted(range(features.ndim), key=features.stride, reverse=True)
    dense = features.permute(order)
    flat = dense.flatten()
    found = [torch.empty_like(flat) for _ in range(outputs)]
    for start in range(0, len(flat), _PART):
        part = slice(start, start + _PART)
        for output, values in zip(found, function(flat[part]), strict=True):
            output[part] = values
    back = [order.index(axis) for axis in range(features.ndim)]
    return [output.view(dense.shape).permute(back) for output in found]


def _mish(values: Tensor) -> tuple[Tensor, ...]:
    negative = values.neg().float()
    share = torch.sigmoid(negative)
    share.mul_(share).add_(1)
    return (negative.addcdiv_(negative, share, value=-2),)


def _mish_and_derivative(values: Tensor) -> tuple[Tensor, ...]:
    negative = values.neg().float()
    share = torch.sigmoid(negative)
    square = share * share
    inverse = (square + 1).reciprocal_()
    activated = torch.addcmul(negative, negative, inverse, value=-2)
    square.mul_(inverse).mul_(inverse)
    share.mul_(square).sub_(square)  # (s - 1) s^2 / (1 + s^2)^2
    inverse.sub_(0.5).addcmul_(negative, share, value=2).mul_(2)
    return activated, inverse


def _tanh(values: Tensor) -> tuple[Tensor, ...]:
    return (values.mul(2).float().sigmoid_().mul_(2).sub_(1),)


class _Mish(torch.autograd.Function):
    """Keeps the derivative, which takes no more memory than the input that is dropped."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        activated, derivative = _by_parts(features, _mish_and_derivative, 2)
        ctx.save_for_backward(derivative)
        return activated

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        derivative: Tensor = ctx.saved_tensors[0]
        return gradient * derivative


class _Tanh(torch.autograd.Function):
    """Keeps the output."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        (activated,) = _by_parts(features, _tanh, 1)
        ctx.save_for_backward(activated)
        return activated

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        activated: Tensor = ctx.saved_tensors[0]
        return gradient * (1 - activated * activated)
