"""What is saved: networks, settings, normalisation and how they came about.

One file: the weights as safetensors, everything else as JSON in its metadata. Nothing is
ever unpickled, so a model from anywhere can be opened safely.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from napari_selfdenoise.core.errors import (
    ConfigError,
    FileError,
    ModelError,
    UnknownMethodError,
)
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.learner import under
from napari_selfdenoise.engine.preparation import Prepared

FORMAT = 2
"""Raised whenever a reader of the former format could not read a file any more.

Since 2 a model has a preparation."""
SUFFIX = ".safetensors"
_KEY = "napari-selfdenoise"


@dataclass(frozen=True, eq=False)
class Member:
    """One trained network with the intensities it was trained on; see `Denoiser`."""

    network: nn.Module
    normalization: Normalization
    brightness: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """Trained networks with all that is needed to apply them.

    Attributes
    ----------
    method : LearnedMethod
        The method it was trained with.
    config : Config
        Its settings.
    channels : int
        Colour samples of the images: 1 for grey, 3 for RGB.
    members : tuple of Member
        One network for all planes, or one for each channel (axis C) or each plane, in
        the order of the image they were trained on.
    provenance : Provenance
        How it was trained.
    preparation : Prepared
        What is done to an image before the networks see it, and undone after. It is that
        of the images it was trained on, for every image.
    """

    method: LearnedMethod[Any]
    config: Any
    channels: int
    members: tuple[Member, ...]
    provenance: Provenance
    preparation: Prepared = field(default_factory=Prepared)


def save(model: Model, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a model to one file and return its path, with the suffix ``.safetensors``.

    Raises
    ------
    FileError
        If the file exists already and `overwrite` is false, or cannot be written.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    if path.exists() and not overwrite:
        raise FileError(f"{path} exists already; overwrite it or choose another name.")
    facts = {
        "format": FORMAT,
        "method": model.method.name,
        "settings": model.config.to_json(),
        "channels": model.channels,
        "members": [
            {"normalization": each.normalization.to_json(), "brightness": each.brightness}
            for each in model.members
        ],
        "preparation": model.preparation.to_json(),
        "provenance": model.provenance.to_json(),
    }
    weights = {
        f"{number}/{name}": value.detach().cpu().contiguous()
        for number, member in enumerate(model.members)
        for name, value in member.network.state_dict().items()
    }
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, partial, {_KEY: json.dumps(facts)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise FileError(f"The model could not be written to {path}: {error}.") from error
    return path


def describe(path: str | Path) -> dict[str, Any]:
    """Return the facts in a model file without reading its weights.

    Raises
    ------
    ModelError
        If it is no model file of this package, or of a newer format.
    """
    path = Path(path)
    if not path.exists():
        raise ModelError(f"There is no model file {path}.")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable model file: {error}.") from error
    if _KEY not in metadata:
        raise ModelError(f"{path} holds no model of napari-selfdenoise.")
    facts: dict[str, Any] = json.loads(metadata[_KEY])
    if facts["format"] > FORMAT:
        raise ModelError(
            f"{path} is of model format {facts['format']}, but this version of "
            f"napari-selfdenoise reads up to {FORMAT}: please update it."
        )
    return facts


def load(path: str | Path, find_method: Callable[[str], Method[Any]]) -> Model:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path
        The file.
    find_method : callable
        Returns the method of a name; the table of methods is above this module.

    Raises
    ------
    ModelError
        If the file is missing, damaged, of a newer format or of an unknown method.
    """
    facts = describe(path)
    try:
        method = find_method(facts["method"])
        config = method.Config.from_json(facts["settings"])
    except (UnknownMethodError, ConfigError) as error:
        raise ModelError(f"{path} does not fit this version: {error}") from error
    if not isinstance(method, LearnedMethod):
        raise ModelError(f"{path} is a model of {method.name!r}, which learns nothing.")
    with safe_open(path, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    members = []
    for number, intensities in enumerate(facts["members"]):
        network = method.network(config, facts["channels"])
        try:
            network.load_state_dict(under(f"{number}/", weights))
        except RuntimeError as error:
            raise ModelError(f"{path} does not fit its own settings: {error}") from error
        normalization = Normalization.from_json(intensities["normalization"])
        members.append(Member(network.eval(), normalization, tuple(intensities["brightness"])))
    provenance = Provenance(
        **{**facts["provenance"], "notes": tuple(facts["provenance"]["notes"])}
    )
    prepared = Prepared.from_json(facts["preparation"]) if facts["format"] > 1 else Prepared()
    return Model(method, config, facts["channels"], tuple(members), provenance, prepared)
