"""The commands about models, and their options; what they do is in `cli.models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from napari_selfdenoise.cli.options import Json, Overwrite


def models(
    folder: Annotated[Path | None, Parameter(name="FOLDER")] = None, /, *, json: Json = False
) -> int:
    """List the models of a folder: method, what each was trained on, noise, date.

    Parameters
    ----------
    folder
        Of model files and exported packages; your own models if omitted.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import models as listing

    return listing.show(folder, as_json=json)


def export(
    model: Annotated[Path, Parameter(name="MODEL")],
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    name: str,
    author: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    license: str,
    description: str = "",
    overwrite: Overwrite = False,
) -> int:
    """Export a model as a package of BioImage.IO, for other programs.

    Prints the path of what it writes. The package can be applied here, too.

    Parameters
    ----------
    model
        File that `train` or the viewer wrote.
    out
        The package; ends in .zip.
    name
        Title of the model for others: 5 to 128 letters, digits, spaces and _+-().
    author
        Who made it; may be repeated. The author that the model remembers if omitted.
    license
        Under which others may use it: an SPDX identifier, such as CC-BY-4.0.
    description
        In a sentence or two; made from what the model remembers if omitted.
    overwrite
        Replace the package if it is there already.
    """
    from napari_selfdenoise.cli import models as exporting

    return exporting.export(
        model,
        out,
        name=name,
        authors=author,
        license=license,
        description=description,
        overwrite=overwrite,
    )


def add_to(app: App) -> None:
    """Add the commands to those of the program."""
    app.command(models, sort_key=4)
    usage = "Usage: napari-selfdenoise export MODEL -o PACKAGE --name NAME --license ID\n"
    app.command(export, sort_key=5, usage=usage)
