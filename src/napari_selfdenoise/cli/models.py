"""Models on the command line: what is in a folder of them, and exporting them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_selfdenoise.cli.running import DONE, FAILED, print_json
from napari_selfdenoise.core.errors import UnknownMethodError
from napari_selfdenoise.methods import get, load_model

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model_file import Description

_WIDTH = 96


def show(folder: Path | None, *, as_json: bool) -> int:
    """Print the models of a folder, by default those of the user's own."""
    from napari_selfdenoise.engine.models_folder import models_folder, models_in

    there = folder is not None or models_folder().is_dir()
    folder = folder or models_folder()
    found: list[Description] = []
    sentences: list[str] = []
    if there:
        found, sentences = models_in(folder)
    if as_json:
        print_json({"folder": str(folder), "models": [each.to_json() for each in found]})
    else:
        print("\n\n".join(map(_entry, found)) or f"There are no models in {folder}.")
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return FAILED if sentences else DONE


def export(
    path: Path,
    out: Path,
    *,
    name: str,
    authors: Sequence[str],
    license: str,
    description: str,
    overwrite: bool,
) -> int:
    """Write the model in a file as a package of BioImage.IO."""
    from napari_selfdenoise.engine.bioimageio.export import export

    written = export(
        load_model(path),
        out,
        name=name,
        authors=authors,
        license=license,
        description=description,
        overwrite=overwrite,
    )
    print(written)
    return DONE


def _entry(model: Description) -> str:
    lines = [f"{model.path.name}  {_title(model.method)}, {_day_and_author(model)}"]
    facts = model.facts
    if facts.axes:
        size, unit = facts.pixel_size()
        pixels = "" if unit == "pixel" else f", {size:.4g} {unit} per pixel"
        sides = " x ".join(map(str, facts.shape))
        several = f"{facts.images} images, the first " if facts.images > 1 else ""
        lines.append(f"Trained on {several}{facts.axes}, {sides}{pixels}.")
    networks = f", with {model.networks} networks" if model.networks > 1 else ""
    lines.append(f"Denoises {'RGB' if model.channels == 3 else 'grey'} images{networks}.")
    for number, seen in enumerate(facts.seen):
        camera = seen.camera
        fitted = ""
        if camera is not None:
            fitted = (
                f", gain {camera.gain:.3g}, offset {camera.offset:.4g}, "
                f"read noise {camera.read_noise:.3g}"
            )
        lines.append(
            f"Channel {number}: intensities {seen.low:.4g} to {seen.high:.4g}, "
            f"noise {seen.sigma:.3g}{fitted}."
        )
    head, *rest = lines
    return "\n".join(
        [head, *(textwrap.indent(textwrap.fill(each, _WIDTH - 4), " " * 4) for each in rest)]
    )


def _title(method: str) -> str:
    try:
        return get(method).title
    except UnknownMethodError:  # of another version
        return method


def _day_and_author(model: Description) -> str:
    day = model.provenance.created[:10]
    return f"{day}, {model.facts.author}" if model.facts.author else day
