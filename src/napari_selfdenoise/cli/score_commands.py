"""The commands that score without a clean image; what they do is in `cli.scoring`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from napari_selfdenoise.cli.options import DeviceName, Json

Seed = Annotated[int, Parameter(show_default=True)]


def rank(
    image: Annotated[Path, Parameter(name="IMAGE")],
    /,
    *,
    method: Annotated[tuple[str, ...], Parameter(name=("--method", "-m"), negative="")],
    draws: Annotated[int, Parameter(show_default=True)] = 2,
    axes: str = "",
    seed: Seed = 0,
    device: Annotated[DeviceName, Parameter(show_default=True)] = "auto",
    time_budget: float = 0,
    json: Json = False,
) -> int:
    """Rank methods on an image by a score that needs no clean image.

    The noise is split in two: each method denoises one part of the middle 256 x 256 pixels
    and is scored against the other. Refuses where noise is correlated between pixels.

    Parameters
    ----------
    image
        A TIFF, PNG or JPEG file.
    method
        Name of a method, with settings after a colon: gaussian:width=2,... May be repeated.
    draws
        Splits to average over.
    axes
        One letter per axis as stored, if the file does not tell.
    seed
        Same seed and device: same scores.
    device
        Where to compute; auto takes the fastest there is.
    time_budget
        Seconds after which training ends, each time; 0 for no limit.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import scoring
    from napari_selfdenoise.core.context import Context

    context = Context(seed=seed, device=device, time_budget=time_budget)
    return scoring.rank(image, method, context, draws=draws, axes=axes, as_json=json)


def score(
    noisy: Annotated[Path, Parameter(name="NOISY")],
    denoised: Annotated[Path, Parameter(name="DENOISED")],
    /,
    *,
    axes: str = "",
    json: Json = False,
) -> int:
    """Say what the residual and the resolution tell of a denoised image.

    Parameters
    ----------
    noisy
        The image before denoising: a TIFF, PNG or JPEG file.
    denoised
        The image after.
    axes
        One letter per axis as stored, if the files do not tell.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import scoring

    return scoring.score(noisy, denoised, axes=axes, as_json=json)


def add_to(app: App) -> None:
    """Add the commands to those of the program."""
    app.command(rank, sort_key=3, usage="Usage: napari-selfdenoise rank IMAGE -m METHOD...\n")
    app.command(score, sort_key=3, usage="Usage: napari-selfdenoise score NOISY DENOISED\n")
