"""Writes a model as a package of BioImage.IO, which other programs run.

Source: https://bioimage.io, model description 0.5. The package holds the network as
TorchScript, which takes and returns intensities; tensors to test it with; a cover; a README;
and our own file, so that nothing is lost when it is read here. BioImage.IO's own packages are
not needed for it; the tests check with them what is written.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image as Picture

from napari_selfdenoise.core.errors import FileError, UsageError
from napari_selfdenoise.data.units import meters
from napari_selfdenoise.engine import model as model_files
from napari_selfdenoise.engine.bioimageio.example import cover, example_of
from napari_selfdenoise.engine.bioimageio.package import ATTACHMENT, DESCRIPTION, SUFFIX
from napari_selfdenoise.engine.bioimageio.readme import readme, summary
from napari_selfdenoise.engine.bioimageio.tracing import Sizes, as_it_is, probe_side, traced
from napari_selfdenoise.engine.bioimageio.whole import checked
from napari_selfdenoise.engine.model import Model

FORMAT_VERSION = "0.5.12"
"""Of the model description."""
LONGEST = 1024
"""Characters of a description."""


def export(
    model: Model,
    path: str | Path,
    *,
    name: str,
    authors: Sequence[str],
    license: str,
    description: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a model as a package of BioImage.IO and return its path, which ends in ``.zip``.

    What the model remembers fills in the rest: the images it was trained on, its settings,
    its paper.

    Parameters
    ----------
    model : Model
        Trained.
    path : path
        The package.
    name : str
        Title of the model for others: 5 to 128 letters, digits, spaces and ``_+-()``.
    authors : sequence of str
        Who made it. Empty for the author that the model remembers.
    license : str
        Under which others may use it, as an SPDX identifier, for example ``"CC-BY-4.0"``.
    description : str
        In a sentence or two; made from what the model remembers if omitted.
    overwrite : bool
        Replace the file if it is there already.

    Raises
    ------
    ModelError
        If the model cannot be one network; the message says why.
    UsageError
        If the name, an author or the licence is not one that BioImage.IO accepts.
    FileError
        If the file exists already and `overwrite` is false, or cannot be written.
    """
    checked(model)
    about = {
        "name": _checked_name(name),
        "description": _checked_description(description or summary(model)),
        "authors": [{"name": each} for each in _checked_authors(authors, model)],
        "license": _checked_license(license),
    }
    path = Path(path)
    if path.suffix != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    if path.exists() and not overwrite:
        raise FileError(f"{path} exists already; overwrite it or choose another name.")
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        sizes = _write_files(model, folder, about)
        _pack(_described(model, folder, sizes, **about), folder, path)
    return path


def _write_files(model: Model, folder: Path, about: dict[str, Any]) -> Sizes:
    """Write all files of the package but the description."""
    authors = ", ".join(each["name"] for each in about["authors"])
    script, sizes = traced(model, torch.from_numpy(example_of(model, probe_side(model))))
    noisy = example_of(model, sizes.example)
    with torch.no_grad(), as_it_is():
        denoised = script(torch.from_numpy(noisy)).numpy()
    script.save(str(folder / "weights.pt"))
    np.save(folder / "noisy.npy", noisy)
    np.save(folder / "denoised.npy", denoised)
    Picture.fromarray(cover(model, noisy[0], denoised[0])).save(folder / "cover.png")
    (folder / "README.md").write_text(
        readme(model, authors, about["license"]), encoding="utf-8"
    )
    model_files.save(model, folder / ATTACHMENT, author=authors)
    return sizes


def _described(model: Model, folder: Path, sizes: Sizes, **given: Any) -> dict[str, Any]:
    """Return the description of the package whose files are in a folder."""
    provenance = model.provenance

    def source(name: str) -> dict[str, str]:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        return {"source": name, "sha256": digest}

    noisy, denoised = (_tensor(model, sizes, output=output) for output in (False, True))
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        **given,
        "timestamp": provenance.created,
        "tags": ["denoising", "self-supervised", "2d", provenance.method],
        "cite": _citations(provenance.reference),
        "documentation": source("README.md"),
        "covers": [source("cover.png")],
        "attachments": [source(ATTACHMENT)],
        "inputs": [{**noisy, "test_tensor": source("noisy.npy")}],
        "outputs": [{**denoised, "test_tensor": source("denoised.npy")}],
        "weights": {
            "torchscript": {
                **source("weights.pt"),
                "pytorch_version": torch.__version__.partition("+")[0],
            }
        },
        "config": {
            "napari_selfdenoise": {
                "provenance": provenance.to_json(),
                "trained_on": model.facts.to_json(),
            }
        },
    }


def _tensor(model: Model, sizes: Sizes, *, output: bool) -> dict[str, Any]:
    """Return the description of the input or of the output."""
    channels = len(model.members) * model.channels
    axes: list[dict[str, Any]] = [
        {"type": "batch"},
        {"type": "channel", "channel_names": _channel_names(model, channels)},
    ]
    for axis in "yx":
        size: Any = {"min": sizes.minimum, "step": sizes.step}
        halo: dict[str, Any] = {}
        if output:
            size = {"tensor_id": "noisy", "axis_id": axis}
            halo = {"halo": sizes.halo} if sizes.halo else {}
        axes.append({"type": "space", "id": axis, "size": size, **halo, **_pixel(model, axis)})
    return {
        "id": "denoised" if output else "noisy",
        "description": "Denoised, in the same intensities"
        if output
        else "Intensities as recorded, not normalised",
        "axes": axes,
        "data": {"type": "float32"},
    }


def _channel_names(model: Model, count: int) -> list[str]:
    if model.channels == 3:
        return ["red", "green", "blue"]
    return [f"channel{number}" for number in range(count)] if count > 1 else ["intensity"]


def _pixel(model: Model, axis: str) -> dict[str, Any]:
    """Return size and unit of a pixel, if the model remembers them."""
    facts = model.facts
    if axis.upper() not in facts.axes:
        return {}
    at = facts.axes.index(axis.upper())
    if meters(facts.units[at]) is None:
        return {}
    # There a side is multiplied with it and divided by it: exact for single precision.
    return {"unit": facts.units[at], "scale": float(np.float32(facts.scale[at]))}


def _citations(reference: str) -> list[dict[str, str]]:
    """Return the paper, if its reference holds an identifier; there it must have one."""
    for pattern, doi in (
        (r"arXiv:(\d{4}\.\d{4,5})", "10.48550/arXiv."),
        (r"doi:(10\.\S+)", ""),
    ):
        if found := re.search(pattern, reference):
            return [{"text": reference, "doi": doi + found[1].rstrip(".,;")}]
    return []


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+\- ()]{5,128}", name):
        raise UsageError(
            f"{name!r} cannot be the name of a package: 5 to 128 letters, digits, spaces and "
            "_+-() can."
        )
    return name


def _checked_description(description: str) -> str:
    if len(description) > LONGEST:
        raise UsageError(
            f"The description has {len(description)} characters, but a package has room for "
            f"{LONGEST}."
        )
    return description


def _checked_license(license: str) -> str:
    """Return a licence as it is spelled."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        found = str(canonicalize_license_expression(license))
    except InvalidLicenseExpression:
        found = ""
    if not re.fullmatch(r"(?!LicenseRef-)[\w.+-]+", found):
        raise UsageError(
            f"{license!r} is not the SPDX identifier of one licence: such are CC-BY-4.0, "
            "CC0-1.0 and BSD-3-Clause; https://spdx.org/licenses lists all."
        )
    return found


def _checked_authors(authors: Sequence[str], model: Model) -> list[str]:
    people = [each.strip() for each in authors or [model.facts.author]]
    if not all(people):
        raise UsageError("A package needs an author: name at least one, and none empty.")
    for each in people:
        if set(each) & set("/\\"):
            raise UsageError(f"The author {each!r} cannot have a slash in the name.")
    return people


def _pack(described: dict[str, Any], folder: Path, path: Path) -> None:
    """Write the package, whole or not at all."""
    plain = json.loads(json.dumps(described))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=96)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise FileError(f"The package could not be written to {path}: {error}.") from error
