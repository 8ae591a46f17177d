"""The network of Self2Self: it sees a part of the pixels, and other weights at every look."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu, max_pool2d

from napari_selfdenoise.nn.doubling import doubled

PERIOD = 64
"""Pixels after which what is left out in a prediction repeats; levels above 6 do not fit."""
SLOPE = 0.1


class DropoutUNet(nn.Module):
    """A U-Net with random holes in its input and random gaps in its decoder.

    Source: Quan, Chen, Pang, Ji, Self2Self with Dropout (CVPR 2020), section 3.1: partial
    convolutions in the encoder, dropout before each convolution of the decoder. Here the
    colours of a pixel are hidden together, the last layers are thinner, and the output is
    linear. Maps (B, C, Y, X) to the same shape; sides are multiples of ``2 ** levels``.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels of the encoder; the decoder has twice as many.
    levels : int
        How often the resolution is halved; 5 as published.
    hidden : float
        Share of the pixels that an image is shown without, 0 to 1.
    dropout : float
        Share of the decoder's features that are set to zero, 0 to 1.
    predictions : int
        Looks at an image, of which `forward` returns the mean.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        levels: int,
        hidden: float,
        dropout: float,
        predictions: int,
    ) -> None:
        super().__init__()
        self.hidden, self.dropout, self.predictions = hidden, dropout, predictions
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in range(levels + 1)
        )
        self.decoder = nn.ModuleList()
        below = width
        for level in range(levels - 1, -1, -1):
            outputs = 2 * width if level else width
            joined = below + (width if level else channels)
            self.decoder.append(nn.Conv2d(joined, outputs, 3, padding=1))
            self.decoder.append(nn.Conv2d(outputs, outputs, 3, padding=1))
            below = outputs
        self.output = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the mean of several predictions for `image`, (B, C, Y, X)."""
        return self.ensemble(image)[0]

    def ensemble(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of several predictions and their standard deviation.

        What is left out is the same in every call and repeats every `PERIOD` pixels.
        """
        mean, squares = torch.zeros_like(image), torch.zeros_like(image)
        for number in range(self.predictions):
            predicted, _ = self._look(image, _Gaps(image, number))
            change = predicted.to(mean) - mean
            mean += change / (number + 1)
            squares += change * (predicted.to(mean) - mean)
        return mean, (squares / max(self.predictions - 1, 1)).sqrt()

    def prediction(self, image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a prediction, and where the pixels were hidden: 1 there, else 0."""
        return self._look(image, _Gaps(image, generator))

    def _look(self, image: Tensor, gaps: _Gaps) -> tuple[Tensor, Tensor]:
        mask = gaps.kept(image[:, :1], self.hidden)
        features, shown = _partial(self.first, image * mask, mask)
        skipped = [image * mask]
        for convolution in self.encoder[:-1]:
            features, shown = _partial(convolution, features, shown)
            features, shown = max_pool2d(features, 2), max_pool2d(shown, 2)
            skipped.append(features)
        features, _ = _partial(self.encoder[-1], skipped.pop(), shown)
        for number, convolution in enumerate(self.decoder):
            if number % 2 == 0:
                features = torch.cat([doubled(features), skipped.pop()], 1)
            features = leaky_relu(convolution(self._dropped(features, gaps)), SLOPE)
        return self.output(self._dropped(features, gaps)), 1 - mask

    def _dropped(self, features: Tensor, gaps: _Gaps) -> Tensor:
        return features * gaps.kept(features, self.dropout) / (1 - self.dropout)


class _Gaps:
    """Draws what is left out of an image and of its features: anew, or for tiles alike."""

    def __init__(self, image: Tensor, source: torch.Generator | int) -> None:
        self._height, self._repeats = image.shape[2], isinstance(source, int)
        self._generator = (
            torch.Generator(image.device).manual_seed(source)
            if isinstance(source, int)
            else source
        )

    def kept(self, features: Tensor, share: float) -> Tensor:
        """Return 0 at about a `share` of the features, else 1."""
        images, channels, height, width = features.shape
        shape = images, channels, height, width
        if self._repeats:
            side = PERIOD * height // self._height
            shape = 1, channels, side, side
        drawn = torch.rand(shape, generator=self._generator, device=features.device)
        kept = (drawn >= share).to(features)
        if self._repeats:
            repeats = -(-height // side), -(-width // side)
            kept = kept.repeat(1, 1, *repeats)[..., :height, :width]
        return kept.contiguous(memory_format=torch.channels_last)


def _partial(convolution: nn.Module, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Convolve what is shown, as much as if all were, and return what is shown then.

    Source: Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions (ECCV
    2018), equations 1 and 2.
    """
    bias = convolution.get_parameter("bias")
    with torch.autocast(features.device.type, enabled=False):
        share = avg_pool2d(mask.float(), 3, stride=1, padding=1, count_include_pad=False)
    scale = torch.where(share > 0, 1 / share.clamp(min=1 / 9), 0.0)
    shown = (share > 0).to(mask)
    added = bias[:, None, None]
    out = (convolution(features) - added) * scale.to(features) + added
    return leaky_relu(out * shown, SLOPE), shown


def radius(levels: int) -> int:
    """Return the radius of the receptive field, at most, in pixels."""
    return int(sum(4 * 2**level for level in range(levels + 1)) + 2)


def multiplications(width: int, levels: int) -> float:
    """Return the multiplications per pixel of one look."""
    total = 9.0 * width * 2 + 9.0 * width**2 / float(4**levels)
    below = width
    for level in range(levels - 1, -1, -1):
        outputs = 2 * width if level else width
        joined = below + (width if level else 1)
        total += 9 * (width**2 + joined * outputs + outputs**2) / float(4**level)
        below = outputs
    return total
