"""A whole model as TorchScript, and which images it takes.

A trace holds the operations for one image. Whether they are right for images of other sizes
is found by trying, and said in the package.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from math import ceil, lcm
from typing import Any

import torch
from torch import Tensor, nn

from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.engine.bioimageio.whole import WholeModel
from napari_selfdenoise.engine.model import Model

SMALLEST = 64
"""Least side of an input in pixels, if the halo does not ask for more."""
LARGER = 128
"""Side that examples have if they may, in pixels."""
TOLERANCE = 1e-5
"""Of the traced network, relative to the range of intensities."""


class Sizes:
    """Which sides an input may have.

    Attributes
    ----------
    halo : int
        Pixels at each border whose result depends on what lies beyond, a multiple of `step`.
    minimum, step : int
        Sides are ``minimum + n * step`` pixels.
    """

    def __init__(self, halo: int, step: int) -> None:
        self.step = step
        self.halo = ceil(halo / step) * step
        least = max(SMALLEST, 2 * self.halo + 1, 2 * step)
        self.minimum = ceil(least / step) * step

    @property
    def example(self) -> int:
        """Side of an image to test with."""
        return self.minimum + self.step * max(0, ceil((LARGER - self.minimum) / self.step))


def probe_side(model: Model) -> int:
    """Return the side of an image that `traced` takes, and can make a step smaller."""
    step = largest_step(model)
    return step + ceil(max(SMALLEST, 2 * step) / step) * step


def traced(model: Model, probe: Tensor) -> tuple[torch.jit.ScriptModule, Sizes]:
    """Record the operations of a model as TorchScript, and find out which sides they allow.

    Parameters
    ----------
    model : Model
        As `checked` returned it.
    probe : Tensor
        An image in intensities, (1, channels, Y, X), of `probe_side`.

    Raises
    ------
    ModelError
        If the operations depend on the size of the image in a way that was not recorded.
    """
    whole = WholeModel(model).eval()
    with torch.no_grad(), warnings.catch_warnings():
        # Deprecated in torch, but what programs around BioImage.IO read; what a trace may
        # get wrong is looked at below.
        warnings.simplefilter("ignore")
        script = torch.jit.trace(whole, probe, check_trace=False)
        largest = largest_step(model)
        for step in dict.fromkeys((1, largest)):
            if all(_agree(script, whole, probe, step, rows) for rows in (False, True)):
                return script, Sizes(model.method.halo(model.config), step)
    raise ModelError(
        "The model cannot be exported to BioImage.IO: its operations depend on the size of the "
        "image."
    )


def largest_step(model: Model) -> int:
    """Return what sides of an input are multiples of, if the network asks for it."""
    networks = [getattr(member.network, "multiple", 1) for member in model.members]
    return lcm(int(model.method.multiple), *map(int, networks))


def _agree(script: Any, whole: nn.Module, probe: Tensor, step: int, rows: bool) -> bool:
    """Whether trace and model agree where one side is a `step` shorter than the probe."""
    image = probe[..., :-step, :] if rows else probe[..., :-step]
    try:
        with as_it_is():
            found = script(image.repeat(2, 1, 1, 1))[1:]
    except RuntimeError:
        return False
    expected = whole(image)
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= TOLERANCE * (probe.max() - probe.min()))


def as_it_is() -> AbstractContextManager[None]:
    """Run TorchScript as it was recorded.

    To optimise it for one size of image takes far longer than to run it once.
    """
    return torch.jit.optimized_execution(False)  # type: ignore[attr-defined]
