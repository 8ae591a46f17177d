"""The command that compares methods; what it does is in `cli.comparing`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from napari_selfdenoise.cli.options import DeviceName, Json, Overwrite


def compare(
    image: Annotated[Path, Parameter(name="IMAGE")],
    /,
    *,
    method: Annotated[tuple[str, ...], Parameter(name=("--method", "-m"), negative="")],
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    reference: Path | None = None,
    region: str = "",
    time_budget: float = 0,
    draws: Annotated[int, Parameter(show_default=True)] = 2,
    axes: str = "",
    fill_nan: Annotated[bool, Parameter(negative="")] = False,
    seed: Annotated[int, Parameter(show_default=True)] = 0,
    device: Annotated[DeviceName, Parameter(show_default=True)] = "auto",
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Denoise an image with several methods, score each, and write a report to look at.

    Prints a table, the best first, and the path of the report: one HTML file with its
    pictures inside. A method that fails is told, and the others go on.

    Parameters
    ----------
    image
        A TIFF, PNG or JPEG file.
    method
        Names of methods, separated by commas; with settings after a colon:
        bm3d,gaussian:width=2,... May be repeated.
    out
        The report; ends in .html.
    reference
        Clean image to compare with: adds PSNR and SSIM, and orders by PSNR.
    region
        Part to denoise: AXIS=START:STOP, separated by commas, such as Y=100:400,X=0:512.
    time_budget
        Seconds after which training ends with what it has learned, each time; 0 for no limit.
    draws
        Splits to average held-out scores over, each of which denoises once more; 0 for no
        held-out scores.
    axes
        One letter per axis as stored, if the files do not tell.
    fill_nan
        Fill pixels that are NaN or infinite from their neighbours instead of refusing.
    seed
        Same seed and device: same results.
    device
        Where to compute; auto takes the fastest there is.
    overwrite
        Replace the report if it is there already.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import comparing
    from napari_selfdenoise.core.context import Context

    context = Context(seed=seed, device=device, time_budget=time_budget, fill_nan=fill_nan)
    return comparing.run(
        image,
        method,
        out,
        context,
        reference=reference,
        region=region,
        draws=draws,
        axes=axes,
        overwrite=overwrite,
        as_json=json,
    )


def add_to(app: App) -> None:
    """Add the command to those of the program."""
    usage = "Usage: napari-selfdenoise compare IMAGE -m METHOD,... -o REPORT [OPTIONS]\n"
    app.command(compare, sort_key=3, usage=usage)
