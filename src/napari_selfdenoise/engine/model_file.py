"""What a model's file tells without its weights. Needs no torch.

One file: the weights as safetensors, everything else as JSON in its metadata. The thumbnails
are tensors beside the weights: they keep type and shape without being encoded, and the JSON
stays readable. Nothing is ever unpickled, so a model from anywhere can be opened safely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.engine.model_facts import THUMBNAILS, ModelFacts

FORMAT = 3
"""Raised whenever files hold what a reader of the former format does not know.

Since 2 a model has a preparation, since 3 it remembers what it was trained on. Files of all
former formats can be read."""
SUFFIX = ".safetensors"
KEY = "napari-selfdenoise"
"""Under which the facts are in a file's metadata."""
THUMBNAIL = "thumbnail/"
"""In front of the names of the thumbnails among the tensors."""


@dataclass(frozen=True)
class Description:
    """A model without its networks.

    Attributes
    ----------
    path : Path
        Its file.
    method : str
        Name of the method it was trained with.
    settings : mapping
        The method's settings as plain values.
    channels : int
        Colour samples of the images: 1 for grey, 3 for RGB.
    networks : int
        How many it has: 1, or one for each channel (axis C) or plane.
    provenance : Provenance
        When, with what and how it was trained.
    preparation : mapping
        What is done to an image before and undone after, see `engine.preparation.Prepared`.
    facts : ModelFacts
        What it was trained on, with thumbnails before and after.
    """

    path: Path
    method: str
    settings: Mapping[str, Any]
    channels: int
    networks: int
    provenance: Provenance
    preparation: Mapping[str, Any]
    facts: ModelFacts

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the thumbnails."""
        return {
            **vars(self),
            "path": str(self.path),
            "provenance": self.provenance.to_json(),
            "facts": self.facts.to_json(),
        }


def describe(path: str | Path) -> Description:
    """Return what a model's file tells without reading its weights.

    Raises
    ------
    ModelError
        If it is no model file of this package, or of a newer format.
    """
    header = read_header(path)
    thumbnails = {}
    with safe_open(path, "np") as file:
        for name in set(THUMBNAILS) & {each.removeprefix(THUMBNAIL) for each in file.keys()}:  # noqa: SIM118
            thumbnails[name] = file.get_tensor(THUMBNAIL + name)
    return Description(
        path=Path(path),
        method=header["method"],
        settings=header["settings"],
        channels=header["channels"],
        networks=len(header["members"]),
        provenance=provenance_of(header),
        preparation=header.get("preparation", {}),
        facts=facts_of(header, thumbnails),
    )


def read_header(path: str | Path) -> dict[str, Any]:
    """Return the JSON in a model file's metadata; raises as `describe` does."""
    path = Path(path)
    if not path.exists():
        raise ModelError(f"There is no model file {path}.")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable model file: {error}.") from error
    if KEY not in metadata:
        raise ModelError(f"{path} holds no model of napari-selfdenoise.")
    header: dict[str, Any] = json.loads(metadata[KEY])
    if header["format"] > FORMAT:
        raise ModelError(
            f"{path} is of model format {header['format']}, but this version of "
            f"napari-selfdenoise reads up to {FORMAT}: please update it."
        )
    return header


def provenance_of(header: Mapping[str, Any]) -> Provenance:
    """Return how the model of a header came about."""
    values = header["provenance"]
    return Provenance(**{**values, "notes": tuple(values["notes"])})


def facts_of(header: Mapping[str, Any], thumbnails: Mapping[str, Any]) -> ModelFacts:
    """Return what the model of a header remembers; nothing for formats before 3."""
    if "facts" not in header:
        return ModelFacts()
    return ModelFacts.from_json(header["facts"], thumbnails)
