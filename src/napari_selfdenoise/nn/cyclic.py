"""The function of CVF-SID: a noisy image apart into clean image and two kinds of noise."""

from __future__ import annotations

from torch import Tensor, nn

DEPTHS = 17, 10, 5
"""Layers that find the clean image, that both kinds of noise share, and that each has alone, as
published."""


class CyclicFunction(nn.Module):
    """Splits an image into a clean one, and noise that does and does not follow the signal.

    Source: Neshatavar, Yavartanoo, Son, Lee, CVF-SID (CVPR 2022), section 3.2 and
    supplement: plain 3x3 convolutions with ReLU; the noise is found in what the clean image
    leaves of the noisy one, and has no mean. Maps (B, C, Y, X) to three of its shape.

    Parameters
    ----------
    channels : int
        Channels of the image.
    width : int
        Channels in between; 64 as published.
    depths : tuple of int
        Layers for the clean image, for both kinds of noise together, and for each.
    """

    def __init__(
        self, channels: int, width: int, depths: tuple[int, int, int] = DEPTHS
    ) -> None:
        super().__init__()
        clean, shared, alone = depths
        self.clean = nn.Sequential(*_layers(channels, width, clean - 1), _last(width, channels))
        self.noise = nn.Sequential(*_layers(channels, width, shared))
        self.dependent, self.independent = (
            nn.Sequential(*_layers(width, width, alone - 1), _last(width, channels))
            for _ in range(2)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the clean image."""
        clean: Tensor = self.clean(image)
        return clean

    def split(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the clean image, and the noise that follows it and that does not.

        The image is nearly ``clean + clean * dependent + independent``.
        """
        clean = self.clean(image)
        features = self.noise(image - clean)
        dependent, independent = (
            noise - noise.mean((2, 3), keepdim=True)
            for noise in (self.dependent(features), self.independent(features))
        )
        return clean, dependent, independent


def radius(depths: tuple[int, int, int]) -> int:
    """Return the radius of the receptive field of the clean image in pixels."""
    return depths[0] - 1


def multiplications(width: int, depths: tuple[int, int, int]) -> float:
    """Return the multiplications per pixel of one `CyclicFunction.split`."""
    clean, shared, alone = depths
    return 9.0 * width**2 * (clean - 2 + shared - 1 + 2 * (alone - 1)) + 21.0 * width


def _layers(inputs: int, width: int, count: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [nn.Conv2d(width if number else inputs, width, 3, padding=1), nn.ReLU()]
    return layers


def _last(width: int, channels: int) -> nn.Module:
    return nn.Conv2d(width, channels, 1)
