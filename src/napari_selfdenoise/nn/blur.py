"""The binomial blur over three pixels."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import conv2d


def blurred(features: Tensor, *, stride: int = 1) -> Tensor:
    """Return features (B, C, Y, X) blurred with the weights 1, 2, 1 along both axes.

    They lose a pixel at each border, and are thinned out by `stride`. A convolution of each
    channel by itself: four times as fast on a CPU as two poolings that average.
    """
    line = features.new_tensor([0.25, 0.5, 0.25])
    channels = features.shape[1]
    kernel = (line[:, None] * line).expand(channels, 1, 3, 3)
    return conv2d(features, kernel, stride=stride, groups=channels)
