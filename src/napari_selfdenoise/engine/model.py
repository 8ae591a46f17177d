"""What is saved: networks, settings, normalisation and how they came about.

The file is described in `engine.model_file`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
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
from napari_selfdenoise.engine import model_file
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.learner import under
from napari_selfdenoise.engine.model_facts import THUMBNAILS, ModelFacts
from napari_selfdenoise.engine.model_file import FORMAT, KEY, SUFFIX, THUMBNAIL
from napari_selfdenoise.engine.model_file import describe as describe
from napari_selfdenoise.engine.preparation import Prepared


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
    facts : ModelFacts
        What it was trained on: axes, pixel size, intensities, noise, thumbnails.
    """

    method: LearnedMethod[Any]
    config: Any
    channels: int
    members: tuple[Member, ...]
    provenance: Provenance
    preparation: Prepared = field(default_factory=Prepared)
    facts: ModelFacts = field(default_factory=ModelFacts)


def save(model: Model, path: str | Path, *, author: str = "", overwrite: bool = False) -> Path:
    """Write a model to one file and return its path, with the suffix ``.safetensors``.

    The file remembers the `author` if one is given, else the one it knows already.

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
    facts = replace(model.facts, author=author or model.facts.author)
    header = {
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
        "facts": facts.to_json(),
    }
    weights = {
        f"{number}/{name}": value.detach().cpu().contiguous()
        for number, member in enumerate(model.members)
        for name, value in member.network.state_dict().items()
    }
    for name in THUMBNAILS:
        if (thumbnail := getattr(facts, name)) is not None:
            weights[THUMBNAIL + name] = torch.from_numpy(thumbnail).contiguous()
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, partial, {KEY: json.dumps(header)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise FileError(f"The model could not be written to {path}: {error}.") from error
    return path


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
    header = model_file.read_header(path)
    try:
        method = find_method(header["method"])
        config = method.Config.from_file(header["settings"])
    except (UnknownMethodError, ConfigError) as error:
        raise ModelError(f"{path} does not fit this version: {error}") from error
    if not isinstance(method, LearnedMethod):
        raise ModelError(f"{path} is a model of {method.name!r}, which learns nothing.")
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    members = []
    for number, intensities in enumerate(header["members"]):
        network = method.network(config, header["channels"])
        try:
            network.load_state_dict(under(f"{number}/", tensors))
        except RuntimeError as error:
            raise ModelError(f"{path} does not fit its own settings: {error}") from error
        normalization = Normalization.from_json(intensities["normalization"])
        members.append(Member(network.eval(), normalization, tuple(intensities["brightness"])))
    prepared = header.get("preparation")  # there is none in format 1
    thumbnails = {name: each.numpy() for name, each in under(THUMBNAIL, tensors).items()}
    return Model(
        method,
        config,
        header["channels"],
        tuple(members),
        model_file.provenance_of(header),
        Prepared.from_json(prepared) if prepared else Prepared(),
        model_file.facts_of(header, thumbnails),
    )
