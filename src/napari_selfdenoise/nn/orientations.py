"""A network that sees an image in all its orientations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Orientations(nn.Module):
    """Average of a network's outputs for the eight orientations of the image, once trained.

    While training it is the network itself, which should see its patches in all
    orientations. Its errors differ between orientations and partly cancel. Source:
    Timofte, Rothe and Van Gool, "Seven ways to improve example-based single image super
    resolution" (CVPR 2016).

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape, for both orders of the sides.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the output for `image`, (B, C, Y, X)."""
        if self.training:
            output: Tensor = self.network(image)
            return output
        total = torch.zeros_like(image)
        for mirrored in (False, True):
            for quarters in range(4):
                turned = torch.rot90(image.flip(3) if mirrored else image, quarters, (2, 3))
                # Turning leaves a layout in memory that convolutions are slow on.
                turned = turned.contiguous(memory_format=torch.channels_last)
                back = torch.rot90(self.network(turned), -quarters, (2, 3))
                total += back.flip(3) if mirrored else back
        return total / 8
