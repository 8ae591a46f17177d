"""Small kernels inside larger ones, at the place of each pixel of a square."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad


def placed(weight: Tensor, side: int, *, summed: bool = False) -> Tensor:
    """Return kernels of 3x3 pixels inside those of all that a square of pixels sees.

    A matrix product, and in float32 also where autocast would round before it sums.

    Parameters
    ----------
    weight : Tensor (O, I, 3, 3)
        Kernels.
    side : int
        Of the square, in pixels.
    summed : bool
        Whether the kernels of all pixels are added.

    Returns
    -------
    Tensor (O, I, P, side + 2, side + 2)
        For each of the P pixels, in the order of `torch.nn.functional.pixel_shuffle`, or for
        their sum.
    """
    places = _places(side, weight.device, weight.dtype)
    if summed:
        places = places.sum(1, keepdim=True)
    with torch.autocast(weight.device.type, enabled=False):
        moved = weight.flatten(2) @ places.flatten(1)
    return moved.view(*weight.shape[:2], places.shape[1], side + 2, side + 2)


@cache
def _places(side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return ones where the 9 elements are for each pixel: (9, side^2, (side + 2)^2)."""
    with torch.inference_mode(mode=False):  # else training could not use what it makes
        single = torch.eye(9, device=device, dtype=dtype).view(9, 3, 3)
        last = side - 1
        moved = [
            pad(single, (right, last - right, low, last - low))
            for low in range(side)
            for right in range(side)
        ]
        return torch.stack(moved, 1).flatten(2)
