"""A network that cannot see the pixel it predicts, and images apart in sub-images for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle

from napari_selfdenoise.nn.unet import padded

DILATIONS = 2, 3
"""Of the two branches."""
PERIOD = 32
"""Pixels after which the masks of the refinement repeat."""


class DilatedBlindSpotNetwork(nn.Module):
    """Predicts each pixel from all around it, but not from itself; keeps (B, C, Y, X).

    Source: Wu et al., Unpaired Learning of Deep Image Denoising (ECCV 2020), in the light form
    of Lee et al., AP-BSN (CVPR 2022), supplement. A branch begins with a convolution whose
    centre is masked, ``2 d - 1`` pixels a side, and goes on with 3x3 convolutions dilated by
    ``d``: they reach only pixels at multiples of ``d``, between which what the first
    convolution saw of a pixel never comes back to that pixel.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels of a branch, even; 128 as published.
    blocks : int
        Residual blocks of a branch, each with one dilated convolution; 9 as published.
    """

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU())
        self.branches = nn.ModuleList(_branch(width, each, blocks) for each in DILATIONS)
        self.tail = nn.Sequential(
            *_pointwise(width * len(DILATIONS), width),
            *_pointwise(width, width // 2),
            *_pointwise(width // 2, width // 2),
            nn.Conv2d(width // 2, channels, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the prediction for `image`, (B, C, Y, X)."""
        features = self.head(image)
        seen = torch.cat([each(features) for each in self.branches], 1)
        # In low precision every pass would be off by the same little amount everywhere.
        with torch.autocast(image.device.type, enabled=False):
            predicted: Tensor = self.tail(seen.float())
        return predicted


class AsymmetricBlindSpot(nn.Module):
    """A blind-spot network that sees sub-images: of one stride to learn, of another to denoise.

    Source: Lee, Son, Lee, AP-BSN (CVPR 2022): asymmetric pixel-shuffle downsampling (section
    4.1) and random-replacing refinement (section 4.2). `prediction` is of sub-images whose
    noise is independent, to learn from; `forward` predicts denser sub-images, which lose less
    detail, and then images that mix its result with noisy pixels.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape, blind at every pixel.
    training_stride, denoising_stride : int
        Distance in pixels of neighbours in a sub-image.
    passes : int
        Images of the refinement, whose predictions are averaged; 0 for none.
    replaced : float
        Share of their pixels that are noisy, 0 to 1. Which ones is drawn here, once for all
        images, on squares of `PERIOD` pixels.
    """

    masks: Tensor

    def __init__(
        self,
        network: nn.Module,
        training_stride: int,
        denoising_stride: int,
        passes: int,
        replaced: float,
    ) -> None:
        super().__init__()
        self.network = network
        self.strides = training_stride, denoising_stride
        drawn = torch.rand(passes, 1, PERIOD, PERIOD) < replaced
        self.register_buffer("masks", drawn.float())

    def forward(self, image: Tensor) -> Tensor:
        """Return the denoised image, (B, C, Y, X) of any size."""
        denoised = self._through_sub_images(image, self.strides[1])
        return self._refined(image, denoised) if len(self.masks) else denoised

    def prediction(self, image: Tensor) -> tuple[Tensor]:
        """Return what the training sub-images tell of each pixel but for itself."""
        return (self._through_sub_images(image, self.strides[0]),)

    def _refined(self, image: Tensor, denoised: Tensor) -> Tensor:
        height, width = image.shape[2:]
        total = torch.zeros_like(image)
        for mask in self.masks:
            whole = mask.repeat(1, -(-height // PERIOD), -(-width // PERIOD))
            noisy = whole[:, :height, :width] > 0
            total += self.network(torch.where(noisy, image, denoised.to(image)))
        return total / len(self.masks)

    def _through_sub_images(self, image: Tensor, stride: int) -> Tensor:
        """Predict each sub-image of every `stride`-th pixel on its own."""
        if stride == 1:
            output: Tensor = self.network(image)
            return output
        height, width = image.shape[2:]
        images, channels = image.shape[:2]
        parts = pixel_unshuffle(padded(image, stride), stride)
        size = parts.shape[2:]
        parts = parts.view(images, channels, stride**2, *size).transpose(1, 2)
        parts = parts.reshape(-1, channels, *size)
        predicted = self.network(parts.contiguous(memory_format=torch.channels_last))
        predicted = predicted.view(images, stride**2, channels, *size).transpose(1, 2)
        whole = pixel_shuffle(predicted.reshape(images, -1, *size), stride)
        return whole[..., :height, :width]


def radius(blocks: int) -> int:
    """Return the radius of the receptive field of the network in pixels."""
    return max(each - 1 + each * blocks for each in DILATIONS)


def multiplications(width: int, blocks: int) -> float:
    """Return the multiplications per pixel of one pass of the network."""
    masked = sum((2 * each - 1) ** 2 for each in DILATIONS)
    squares = masked + len(DILATIONS) * (3 + 10 * blocks) + len(DILATIONS) + 0.75
    return width**2 * squares


class _CentreMasked(nn.Conv2d):
    """A convolution that does not see the pixel in its middle."""

    mask: Tensor

    def __init__(self, width: int, side: int) -> None:
        super().__init__(width, width, side, padding=side // 2)
        mask = torch.ones(1, 1, side, side)
        mask[..., side // 2, side // 2] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return conv2d(features, self.weight * self.mask, self.bias, padding=self.padding)


class _DilatedBlock(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = features + self.body(features)
        return changed


def _branch(width: int, dilation: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        _CentreMasked(width, 2 * dilation - 1),
        nn.ReLU(),
        *_pointwise(width, width),
        *_pointwise(width, width),
        *(_DilatedBlock(width, dilation) for _ in range(blocks)),
        *_pointwise(width, width),
    )


def _pointwise(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 1), nn.ReLU()
