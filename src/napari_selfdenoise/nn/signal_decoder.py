"""From the code of a clean image to the image."""

from __future__ import annotations

from torch import nn

from napari_selfdenoise.nn.residual import ResidualBlock, mirrored


class SignalDecoder(nn.Sequential):
    """Four 3x3 convolutions with ReLU between.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated
    Imaging Noise, WACV 2025, section 4 and supplement, section 3. Trained by squared
    differences to the *noisy* image: noise of zero mean leaves the clean one. Give it the
    code detached, so that only the likelihood of the noise shapes the code. (The paper puts
    ReLU behind the last convolution too; the published code does not, since a normalised
    image has negative values.)

    Parameters
    ----------
    channels : int
        Channels of the image.
    features : int
        Channels of the code, and in between.
    dimensions : int
        2 or 3.
    """

    def __init__(self, channels: int, features: int, dimensions: int = 2) -> None:
        layers: list[nn.Module] = []
        for _ in range(3):
            layers.extend((*mirrored(dimensions, features, features), nn.ReLU(inplace=True)))
        super().__init__(*layers, *mirrored(dimensions, features, channels))


class SmoothSignalDecoder(nn.Sequential):
    """A residual block and a convolution, for training under the likelihood of known noise.

    Under likelihoods so steep the ReLUs of `SignalDecoder` die: the image becomes a constant,
    or its dark places do.

    Parameters
    ----------
    channels, features, dimensions : int
        As of `SignalDecoder`.
    """

    def __init__(self, channels: int, features: int, dimensions: int = 2) -> None:
        block = ResidualBlock(features, dimensions)
        super().__init__(block, *mirrored(dimensions, features, channels))
