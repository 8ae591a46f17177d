"""What the ladder networks share: the way up, the steps down, and the padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.activations import Mish
from napari_selfdenoise.nn.residual import ResidualBlock, convolution, mirrored

Padding = Literal["mirror", "zero"]


def halving_levels(levels: int, crop: int) -> tuple[bool, ...]:
    """Return which levels of a ladder halve the resolution, finest level first.

    Source: the published code. All of them do unless this made the coarsest level of a crop
    smaller than two pixels; then every other level keeps the resolution, from the finest on.

    Parameters
    ----------
    levels : int
        Number of levels.
    crop : int
        Shortest side of the training patches in pixels, at least 4.

    Raises
    ------
    ValueError
        If there is no level, or the crop is too small to be halved once.
    """
    if levels < 1 or crop < 4:
        raise ValueError(
            f"a ladder needs at least 1 level and crops of at least 4 pixels, not {levels} "
            f"and {crop}"
        )
    most = crop.bit_length() - 2  # floor(log2(crop)) - 1
    halves = [True] * levels
    for level in (*range(0, levels, 2), *range(1, levels, 2)):
        if sum(halves) <= most:
            break
        halves[level] = False
    return tuple(halves)


class StepUp(nn.Module):
    """A level of the way up: half the resolution, if so, and a residual block."""

    def __init__(self, features: int, dimensions: int, *, halves: bool) -> None:
        super().__init__()
        half = mirrored(dimensions, features, features, stride=2)
        self.halve = half if halves else None
        self.block = ResidualBlock(features, dimensions)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features of this level."""
        if self.halve is not None:
            features = self.halve(features)
        above: Tensor = self.block(features)
        return above


class BottomUp(nn.Module):
    """The deterministic way up: features of an image at every level.

    Parameters
    ----------
    channels : int
        Channels of the image.
    features : int
        Channels of each level.
    halves : sequence of bool
        Whether a level halves the resolution, finest level first.
    dimensions : int
        2 or 3.
    """

    def __init__(
        self, channels: int, features: int, halves: Sequence[bool], dimensions: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(dimensions, channels, features, 5, mode="replicate"),
            Mish(),
            ResidualBlock(features, dimensions, gated=False),
        )
        self.levels = nn.ModuleList(
            StepUp(features, dimensions, halves=halving) for halving in halves
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of every level, coarsest first."""
        features = self.stem(image)
        found = []
        for level in self.levels:
            features = level(features)
            found.append(features)
        return found[::-1]


class StepDown(nn.Module):
    """Where a level ends on the way down: doubled resolution, if any, and a residual block.

    The published code doubles first, then applies the 1x1 convolution. Both orders give the
    same, this one with a fourth of the multiplications (an eighth in three dimensions).
    """

    def __init__(self, features: int, dimensions: int, *, doubles: bool) -> None:
        super().__init__()
        self.mix = convolution(dimensions, features, features, 1) if doubles else None
        self.block = ResidualBlock(features, dimensions)
        self._mode = "bilinear" if dimensions == 2 else "trilinear"

    def forward(self, features: Tensor) -> Tensor:
        """Return the features that enter the next finer level."""
        if self.mix is not None:
            features = functional.interpolate(
                self.mix(features), scale_factor=2, mode=self._mode, align_corners=False
            )
        below: Tensor = self.block(features)
        return below


def padded_size(size: Sequence[int], halves: Sequence[bool]) -> tuple[int, ...]:
    """Return the size to which a ladder pads an image of `size`.

    Each side becomes a multiple of two to the number of halvings, and has two pixels at the
    coarsest level, which its convolutions need in order to mirror.
    """
    multiple: int = 2 ** sum(halves)
    return tuple(max(2, -(-side // multiple)) * multiple for side in size)


def level_sizes(size: Sequence[int], halves: Sequence[bool]) -> list[tuple[int, ...]]:
    """Return the size of every level for a padded image of `size`, coarsest first."""
    sizes = []
    for level in range(1, len(halves) + 1):
        step = 2 ** sum(halves[:level])
        sizes.append(tuple(side // step for side in size))
    return sizes[::-1]


def pad(image: Tensor, size: Sequence[int], padding: Padding) -> Tensor:
    """Pad (B, C, [Z,] Y, X) at both ends of each axis to `size`; the odd pixel at the end."""
    for axis, target in enumerate(size, start=2):
        side = image.shape[axis]
        if target == side:
            continue
        before = (target - side) // 2
        if padding == "zero":
            ends = [0, 0] * (image.ndim - axis - 1) + [before, target - side - before]
            image = functional.pad(image, ends)
        else:
            # Mirrored as often as it takes: the padding may be larger than the image.
            period = max(1, 2 * (side - 1))
            place = torch.arange(-before, target - before, device=image.device) % period
            image = image.index_select(axis, torch.minimum(place, (period - place).abs()))
    return image


def crop(image: Tensor, size: Sequence[int]) -> Tensor:
    """Undo `pad`: return the middle of `size` pixels."""
    for axis, side in enumerate(size, start=2):
        image = image.narrow(axis, (image.shape[axis] - side) // 2, side)
    return image
