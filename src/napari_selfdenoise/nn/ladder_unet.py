"""The ladder without latent variables: a U-Net that restores an image in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from napari_selfdenoise.nn.ladder import BottomUp, Padding, StepDown, crop, pad, padded_size
from napari_selfdenoise.nn.residual import Merge, convolution


class LadderLevel(nn.Module):
    """A level of the way down without latent variables."""

    def __init__(self, features: int, dimensions: int, *, doubles: bool) -> None:
        super().__init__()
        self.merge = Merge(features, dimensions)
        self.skip = Merge(features, dimensions)
        self.down = StepDown(features, dimensions, doubles=doubles)

    def forward(self, features: Tensor, above: Tensor) -> Tensor:
        """Return the features that enter the next level."""
        merged = self.merge(self.merge.prepare(features), above)
        below: Tensor = self.down(self.skip(self.skip.prepare(merged), above))
        return below


class LadderUNet(nn.Module):
    """The network of `LadderVAE` without its latent variables, ending in an image.

    Source: Salmon and Krull, Direct Unsupervised Denoising, ICCV 2023 workshops: trained
    towards the samples of a variational autoencoder, by squared differences to their mean
    or by absolute ones to their median. Maps (B, C, [Z,] Y, X) of any size to the same shape.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    features : int
        Channels of every level.
    halves : sequence of bool
        Whether a level halves the resolution, finest level first; see
        `napari_selfdenoise.nn.ladder.halving_levels`.
    dimensions : int
        2 or 3.
    padding : {"mirror", "zero"}
        How an image is padded until its sides can be halved.

    Raises
    ------
    ValueError
        If there is no level.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        halves: Sequence[bool],
        dimensions: int = 2,
        *,
        padding: Padding = "mirror",
    ) -> None:
        super().__init__()
        if not halves:
            raise ValueError("a ladder needs at least 1 level, not 0")
        self.halves, self.padding = tuple(halves), padding
        self.bottom_up = BottomUp(channels, features, halves, dimensions)
        self.top = StepDown(features, dimensions, doubles=halves[-1])
        self.inner = nn.ModuleList(
            LadderLevel(features, dimensions, doubles=halving) for halving in halves[-2::-1]
        )
        self.output = convolution(dimensions, features, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        size = tuple(image.shape[2:])
        found = self.bottom_up(pad(image, padded_size(size, self.halves), self.padding))
        above = self.top(found[0])
        for level, features in zip(self.inner, found[1:], strict=True):
            above = level(features, above)
        return crop(self.output(above), size)
