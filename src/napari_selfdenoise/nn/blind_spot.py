"""Blind spots: pixels that are hidden from a network, which is to predict them.

What a network predicts of noise that is independent between pixels, at a pixel whose value it
was not shown, is the noise's mean. So it learns the clean image from noisy ones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from napari_selfdenoise.nn.unet import padded

Offset = tuple[int, int]
"""Rows and columns from a pixel to another."""

LEAST_BOX = 3
"""Side in pixels of the boxes of which each has one spot: fewer would leave a spot in the
middle of others without neighbours that are not hidden."""
LEAST_RADIUS = 4
"""Within so many pixels of a spot there is always one that is not hidden: at most two of the
three or more lines of a box, and all of a box that the border cuts to two, are hidden."""


@dataclass(frozen=True)
class Spots:
    """Places in a batch that are predicted.

    Attributes
    ----------
    image, row, column : Tensor (spots,)
        Indices along the axes B, Y and X of a batch.
    """

    image: Tensor
    row: Tensor
    column: Tensor

    def of(self, batch: Tensor) -> Tensor:
        """Return the values of a batch, (B, C, Y, X), at the spots: (spots, C)."""
        return batch[self.image, :, self.row, self.column]


def line(axis: Literal["none", "horizontal", "vertical"], extent: int) -> list[Offset]:
    """Return the offsets of the pixels hidden with a spot, its own included."""
    if axis == "none":
        return [(0, 0)]
    reach = range(-extent, extent + 1)
    return [(0, far) if axis == "horizontal" else (far, 0) for far in reach]


def scattered_spots(
    batch: Tensor,
    share: float,
    generator: torch.Generator,
    hidden: Sequence[Offset] = ((0, 0),),
) -> Spots:
    """Return one spot at a random place of each box of a grid of boxes ("stratified").

    Source: Krull, Buchholz, Jug, Noise2Void (CVPR 2019), section 4.1. Here a box is at least
    as long as the line of pixels that is hidden with a spot, so that no three lines meet.

    Parameters
    ----------
    batch : Tensor (B, C, Y, X)
        Of which only the shape matters.
    share : float
        Spots per pixel, above 0; a box has as many pixels as a spot is to have for itself,
        but not fewer than three a side.
    generator : torch.Generator
        Equal ones give equal spots.
    hidden : sequence of Offset
        What is hidden with a spot; see `line`.
    """
    images, _, height, width = batch.shape
    down, across = _box(share, hidden)
    counts = images, -(-height // down), -(-width // across)
    grid = torch.meshgrid(*(torch.arange(each) for each in counts), indexing="ij")
    image, row, column = (each.flatten().to(batch.device) for each in grid)
    row = row * down + _random_places(row, down, generator)
    column = column * across + _random_places(column, across, generator)
    inside = (row < height) & (column < width)  # the border cuts boxes
    return Spots(image[inside], row[inside], column[inside])


def lattice_spots(batch: Tensor, spacing: int, phase: int) -> Spots:
    """Return every `spacing`-th pixel along Y and X.

    Source: Batson and Royer, Noise2Self (ICML 2019), section 4; the partition J of the pixels
    into ``spacing ** 2`` such lattices.

    Parameters
    ----------
    batch : Tensor (B, C, Y, X)
        Of which only the shape matters.
    spacing : int
        In pixels.
    phase : int
        Which of the lattices, 0 to ``spacing ** 2 - 1``.
    """
    images, _, height, width = batch.shape
    top, left = divmod(phase, spacing)
    places = (
        torch.arange(images),
        torch.arange(min(top, height), height, spacing),  # none beyond a tiny image
        torch.arange(min(left, width), width, spacing),
    )
    grid = torch.meshgrid(*places, indexing="ij")
    return Spots(*(each.flatten().to(batch.device) for each in grid))


def hidden_pixels(batch: Tensor, spots: Spots, hidden: Sequence[Offset]) -> Tensor:
    """Return which pixels of a batch are hidden: (B, Y, X), boolean."""
    images, _, height, width = batch.shape
    mask = torch.zeros(images, height, width, dtype=torch.bool, device=batch.device)
    for down, across in hidden:
        row, column = spots.row + down, spots.column + across
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        mask[spots.image[inside], row[inside], column[inside]] = True
    return mask


def replaced(
    batch: Tensor,
    hidden: Tensor,
    radius: int,
    generator: torch.Generator,
    *,
    median: bool = False,
) -> Tensor:
    """Return a batch whose hidden pixels have values of their surroundings.

    These are of pixels that are not hidden: what is hidden reaches the network in no way.

    Source: Noise2Void, section 4.1, for a random one of the surroundings, its own excluded;
    Höck et al., N2V2 (2022), for their median.

    Parameters
    ----------
    batch : Tensor (B, C, Y, X)
        Not modified.
    hidden : Tensor (B, Y, X)
        Boolean.
    radius : int
        The surroundings are a square of ``2 radius + 1`` pixels a side; at least
        `LEAST_RADIUS`, so that something in it is shown.
    generator : torch.Generator
        Of all random numbers.
    median : bool
        Whether a pixel gets the median of the surroundings, instead of a random one of them.
    """
    image, row, column = hidden.nonzero().unbind(1)
    reach = torch.arange(-radius, radius + 1, device=batch.device)
    shape = len(image), len(reach), len(reach)
    rows = (row[:, None, None] + reach[:, None]).expand(shape).flatten(1)
    columns = (column[:, None, None] + reach).expand(shape).flatten(1)
    # Beyond the borders everything is hidden.
    blocked = pad(hidden, [radius] * 4, value=True)
    shown = ~blocked[image[:, None], rows + radius, columns + radius]
    out = batch.clone()
    if median:
        rows, columns = rows.clamp(0, batch.shape[2] - 1), columns.clamp(0, batch.shape[3] - 1)
        values = batch[image[:, None], :, rows, columns]
        values = values.masked_fill(~shown[..., None], torch.nan).nanmedian(1).values
    else:
        order = torch.rand(shown.shape, generator=generator, device=batch.device)
        # Numbers below 1, of which the largest among those that are shown is chosen.
        chosen = torch.where(shown, order, -1.0).argmax(1, keepdim=True)
        values = batch[image, :, rows.gather(1, chosen)[:, 0], columns.gather(1, chosen)[:, 0]]
    out[image, :, row, column] = values
    return out


def interpolated(batch: Tensor, spots: Spots) -> Tensor:
    """Return a batch whose spots have the weighted mean of their eight neighbours.

    Those at the sides count twice as much as those at the corners, those beyond the borders
    not at all. For spots of which none is another's neighbour: then no value of a spot is left.

    Source: the published code of Noise2Self, which takes pixels beyond the borders for zeros.

    Parameters
    ----------
    batch : Tensor (B, C, Y, X)
        Not modified; more than one pixel.
    spots : Spots
        What is replaced.
    """
    _, channels, height, width = batch.shape
    kernel = batch.new_tensor([[[[1.0, 2.0, 1.0], [2.0, 0.0, 2.0], [1.0, 2.0, 1.0]]]])
    with torch.autocast(batch.device.type, enabled=False):  # these are values of the image
        sums = conv2d(batch, kernel.expand(channels, 1, 3, 3), padding=1, groups=channels)
        counts = conv2d(batch.new_ones(1, 1, height, width), kernel, padding=1)
    out = batch.clone()
    out[spots.image, :, spots.row, spots.column] = spots.of(sums / counts)
    return out


class LatticePrediction(nn.Module):
    """A network that predicts every pixel of an image, or those of one lattice, unseen.

    Source: Batson and Royer, Noise2Self (ICML 2019), section 2: a function whose output at a
    pixel does not depend on that pixel ("J-invariant").

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape.
    spacing : int
        Of the lattices, in pixels, at least 2.
    everywhere : bool
        Whether `forward` hides every pixel, one lattice after the other, in ``spacing ** 2``
        passes; else it makes a single pass and hides none.
    beside : int
        How many times the channels of an image follow after its own: those of other planes,
        of which nothing is hidden. They are not in the output.
    """

    def __init__(
        self, network: nn.Module, spacing: int, *, everywhere: bool, beside: int = 0
    ) -> None:
        super().__init__()
        self.network, self.spacing, self.everywhere = network, spacing, everywhere
        self.beside = beside
        self.multiple: int = getattr(network, "multiple", 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the denoised image, (B, C, Y, X) of any size."""
        if not self.everywhere:
            return self.one_pass(image)
        out = torch.empty_like(self.own(image))
        for phase in range(self.spacing**2):
            spots = lattice_spots(image, self.spacing, phase)
            (predicted,) = self.unseen(image, spots)
            out[spots.image, :, spots.row, spots.column] = predicted.to(out)
        return out

    def unseen(self, image: Tensor, spots: Spots) -> tuple[Tensor]:
        """Return what is predicted at spots that are hidden: (spots, C)."""
        own = self.own(image)
        seen = torch.cat([interpolated(own, spots), image[:, own.shape[1] :]], 1)
        return (spots.of(self.one_pass(seen)),)

    def own(self, image: Tensor) -> Tensor:
        """Return the channels of an image without those of other planes."""
        return image[:, : image.shape[1] // (1 + self.beside)]

    def one_pass(self, image: Tensor) -> Tensor:
        """Return the network's output for an image of any size."""
        # Padded after pixels were hidden: else their values would be in the mirror.
        output: Tensor = self.network(padded(image, self.multiple))
        return output[..., : image.shape[2], : image.shape[3]]


class RevisiblePrediction(LatticePrediction):
    """Every pixel predicted unseen, and improved by what the network makes of the whole image.

    Source: Wang et al., Blind2Unblind (CVPR 2022): ``(h + v f) / (1 + v)``, with
    h what is predicted of pixels that are hidden, lattice by lattice ("global-aware mask
    mapper"), f the output for the image as it is, and the weight v.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape.
    spacing : int
        Of the lattices, in pixels, at least 2.
    visible : float
        The weight v, at least 0.
    """

    def __init__(self, network: nn.Module, spacing: int, visible: float) -> None:
        super().__init__(network, spacing, everywhere=True)
        self.visible = visible

    def forward(self, image: Tensor) -> Tensor:
        """Return the denoised image, (B, C, Y, X) of any size."""
        (seen,) = self.seen(image)
        unseen = super().forward(image)
        return (unseen + self.visible * seen.to(unseen)) / (1 + self.visible)

    def seen(self, image: Tensor) -> tuple[Tensor]:
        """Return the network's output for the image as it is."""
        return (self.one_pass(image),)


def _box(share: float, hidden: Sequence[Offset]) -> tuple[int, int]:
    """Return height and width of the boxes of which each has one spot."""
    down, across = (1 + max(each) - min(each) for each in zip(*hidden, strict=True))
    side = max(round(share**-0.5), LEAST_BOX)
    # Longer along the line, and so much lower across it.
    along = max(side, down, across)
    beside = max(round(side * side / along), LEAST_BOX)
    return (along, beside) if down > across else (beside, along)


def _random_places(like: Tensor, side: int, generator: torch.Generator) -> Tensor:
    return torch.randint(side, like.shape, generator=generator, device=like.device)
