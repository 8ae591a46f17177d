"""The autoencoder of self2noise: all that reaches the output went through a bottleneck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

EPSILON = 1e-3
"""Added to the standard deviation, not to the variance, as published."""
SLOPE = 0.2
WIDEST, WIDEST_DECODER = 8, 16
"""Channels of the deepest level, and of what follows the bottleneck, in units of `width`."""
FIRST_KERNELS, KERNELS = (1, 3, 5, 7), (3, 5)
"""Sides of the parallel convolutions: first of all, and wherever else they are."""
HEAD_KERNELS = 9, 7, 5, 3
"""Sides of the convolutions that make the outputs at scales 1, 1/2, 1/4 and 1/8."""


class CompressiveAutoencoder(nn.Module):
    """Encoder, bottleneck and decoder without any connection around the bottleneck.

    Source: Wang et al., Self-supervised denoising for massive noisy images, arXiv 2110.11911,
    and the authors' published script for what the paper leaves open. The residual blocks
    stand behind the bottleneck, so that they are no way around it. With the defaults 7.4
    million parameters and 50 thousand multiplications per pixel.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    bottleneck : int
        Channels of the bottleneck.
    halvings : int
        How often the resolution is halved before the bottleneck. The sides of an input are
        multiples of ``2 ** halvings`` pixels.
    width : int
        Channels at full resolution.
    blocks : int
        Residual blocks behind the bottleneck.
    first_kernels : sequence of int
        Sides of the parallel convolutions at full resolution.
    head_kernels : sequence of int
        Sides of the convolutions that make the outputs, of full resolution first; one for
        each output, so at most as many as `halvings`.
    """

    def __init__(
        self,
        channels: int,
        bottleneck: int,
        *,
        halvings: int = 5,
        width: int = 8,
        blocks: int = 16,
        first_kernels: Sequence[int] = FIRST_KERNELS,
        head_kernels: Sequence[int] = HEAD_KERNELS,
    ) -> None:
        super().__init__()
        self.multiple = 2**halvings
        """Pixels of which the sides of an input are multiples."""
        encoder, inputs = _widths(width, halvings), width
        self.encoder = nn.Sequential(
            _convolutions(channels, width, 3, normalised=False),
            Parallel(width, width, first_kernels),
        )
        for outer in encoder[1:]:
            self.encoder.append(_down(inputs, outer))
            self.encoder.append(_level(outer))
            inputs = outer
        self.bottleneck = _convolutions(inputs, bottleneck, 3)
        inputs = WIDEST_DECODER * width
        self.trunk = nn.Sequential(
            _convolutions(bottleneck, inputs, 3), *(Residual(inputs) for _ in range(blocks))
        )
        self.decoder, self.heads = nn.ModuleList(), nn.ModuleList()
        for scale in reversed(range(halvings)):
            outer = min(width * 2**scale, WIDEST_DECODER * width)
            self.decoder.append(nn.Sequential(_up(inputs, outer), _level(outer)))
            inputs = outer
            if scale < len(head_kernels):
                self.heads.append(_head(inputs, width, channels, head_kernels[scale]))
        self.apply(_begin)

    def forward(self, image: Tensor) -> Tensor:
        """Return the output of full resolution for `image`, (B, C, Y, X); 0 to 1."""
        features = self._compressed(image)
        for level in self.decoder:
            features = level(features)
        output: Tensor = self.heads[-1](features)
        return output

    def scales(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return all outputs, 0 to 1: (B, C, Y, X), (B, C, Y/2, X/2) and so on."""
        features, outputs = self._compressed(image), []
        without = len(self.decoder) - len(self.heads)
        for number, level in enumerate(self.decoder):
            features = level(features)
            if number >= without:
                outputs.append(self.heads[number - without](features))
        return tuple(reversed(outputs))

    def _compressed(self, image: Tensor) -> Tensor:
        if any(side % self.multiple for side in image.shape[2:]):
            raise ValueError(
                f"an image of {tuple(image.shape[2:])} pixels does not fit: both sides must "
                f"be multiples of {self.multiple}"
            )
        features: Tensor = self.trunk(self.bottleneck(self.encoder(image)))
        return features


class Parallel(nn.Module):
    """Convolutions of several sizes side by side, which share the channels: the X-block."""

    def __init__(self, inputs: int, outputs: int, sides: Sequence[int]) -> None:
        super().__init__()
        each = outputs // len(sides)
        self.branches = nn.ModuleList([_convolutions(inputs, each, side) for side in sides])

    def forward(self, features: Tensor) -> Tensor:
        """Return the channels of all branches."""
        return torch.cat([branch(features) for branch in self.branches], 1)


class Residual(nn.Module):
    """Adds what two convolutions make of the features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = _convolutions(channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        changed: Tensor = self.change(features)
        return changed + features


class Standardised(nn.Module):
    """Normalisation over channels and pixels together, then leaky ReLU.

    ``leaky_relu(gain (x - mean) / (std + 0.001) + bias)`` with the mean and the population
    standard deviation over C, Y and X of each image, and one gain and one bias for all
    channels. The mean of a layer is taken over its whole input, so that an output pixel
    depends on all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, C, Y, X) for (B, C, Y, X)."""
        output: Tensor = _Standardise.apply(features, self.gain, self.bias)  # type: ignore[no-untyped-call]
        return output


class _Standardise(torch.autograd.Function):
    """The same as one operation, in a third of the time that its parts take.

    The network's layers are few channels wide, so that not the convolutions but the passes
    over memory between them would take most of the time.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        flat = _flat(features)
        exact = torch.promote_types(flat.dtype, torch.float32)
        mean = flat.sum(1, keepdim=True, dtype=exact) / flat.shape[1]
        centred = flat - mean.to(flat.dtype)
        norm = torch.linalg.vector_norm(centred, dim=1, keepdim=True, dtype=exact)
        deviation = norm / flat.shape[1] ** 0.5
        factor = gain / (deviation + EPSILON)
        output = leaky_relu((centred * factor.to(flat.dtype)).add_(bias), SLOPE, inplace=True)
        ctx.save_for_backward(centred, output, factor, deviation)
        return _unflat(output, features.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        centred, output, factor, deviation = ctx.saved_tensors
        (gradient,) = gradients
        count = centred.shape[1]
        # A leaky ReLU keeps the sign, so that its output tells the slope.
        before = torch.ops.aten.leaky_relu_backward(_flat(gradient), output, SLOPE, True)
        total = before.sum(1, keepdim=True, dtype=factor.dtype)
        along = (before * centred).sum(1, keepdim=True, dtype=factor.dtype)
        per_deviation = along / (deviation + EPSILON)
        # What the features change through their mean, and through their deviation.
        level = factor * total / count
        stretch = factor * per_deviation / (count * deviation.clamp_min(1e-12))
        inner = before.mul_(factor.to(before.dtype)).sub_(level.to(before.dtype))
        inner = inner.sub_(centred * stretch.to(before.dtype))
        return _unflat(inner, gradient.shape), per_deviation.sum(), total.sum()


def _flat(features: Tensor) -> Tensor:
    """Return (B, Y * X * C), which is how the numbers lie in memory."""
    return features.permute(0, 2, 3, 1).reshape(len(features), -1)


def _unflat(flat: Tensor, shape: Sequence[int]) -> Tensor:
    batch, channels, height, width = shape
    return flat.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _convolutions(
    inputs: int, outputs: int, side: int, *, normalised: bool = True
) -> nn.Sequential:
    """Return the C-block: a convolution that adds a border, and one that takes it away."""
    between = Standardised if normalised else _leaky
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, side),
        between(),
        nn.Conv2d(outputs, outputs, side),
        between(),
    )


def _level(channels: int) -> nn.Sequential:
    return nn.Sequential(
        _convolutions(channels, channels, 3), Parallel(channels, channels, KERNELS)
    )


def _down(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3),
        Standardised(),
        nn.Conv2d(outputs, outputs, 3, stride=2),
        Standardised(),
    )


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2),
        Standardised(),
        nn.Conv2d(outputs, outputs, 3),
        Standardised(),
    )


def _head(inputs: int, width: int, channels: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, width, side),
        Standardised(),
        nn.Conv2d(width, channels, side),
        nn.Sigmoid(),
    )


def _leaky() -> nn.Module:
    return nn.LeakyReLU(SLOPE)


def _widths(width: int, halvings: int) -> list[int]:
    return [min(width * 2**scale, WIDEST * width) for scale in range(halvings + 1)]


def _begin(part: nn.Module) -> None:
    """Begin with weights after Glorot and Bengio, and without biases."""
    if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(part.weight)
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def multiplications(make: Callable[[], CompressiveAutoencoder], channels: int) -> float:
    """Return the multiplications per pixel of one pass through the network that `make` makes.

    It is made and run without any numbers in it, which takes no memory.
    """
    counts: list[int] = []

    def count(part: Any, given: tuple[Tensor, ...], made: Tensor) -> None:
        # A transposed convolution multiplies all weights with each pixel that it is given.
        pixels = given[0] if isinstance(part, nn.ConvTranspose2d) else made
        counts.append(part.weight.numel() * pixels.shape[2] * pixels.shape[3])

    with torch.device("meta"), torch.no_grad():
        network = make()
        for part in network.modules():
            if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
                part.register_forward_hook(count)
        network.scales(torch.zeros(1, channels, network.multiple, network.multiple))
    return float(sum(counts) / network.multiple**2)
