"""The table of methods: name -> "module:Class", in the order shown to users.

Adding a method is one file in this folder, one line here and one test of the property
that makes the method what it is.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.core.errors import UnknownMethodError, UsageError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.names import did_you_mean
from napari_selfdenoise.engine.learned import LearnedMethod

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model

METHODS = {
    "lota_n2n": "napari_selfdenoise.methods.lota_n2n:LotaN2N",
    "zs_n2n": "napari_selfdenoise.methods.zs_n2n:ZSN2N",
    "tucker_pnp": "napari_selfdenoise.methods.tucker_pnp:TuckerPnP",
    "cosdd": "napari_selfdenoise.methods.cosdd:Cosdd",
    "hdn": "napari_selfdenoise.methods.hdn:Hdn",
    "noise2void": "napari_selfdenoise.methods.noise2void:Noise2Void",
    "noise2self": "napari_selfdenoise.methods.noise2self:Noise2Self",
    "ap_bsn": "napari_selfdenoise.methods.ap_bsn:ApBsn",
    "cvf_sid": "napari_selfdenoise.methods.cvf_sid:CvfSid",
    "iddp": "napari_selfdenoise.methods.iddp:Iddp",
    "self2noise": "napari_selfdenoise.methods.self2noise:Self2Noise",
    "neighbor2neighbor": "napari_selfdenoise.methods.neighbor2neighbor:Neighbor2Neighbor",
    "recorrupted2recorrupted": "napari_selfdenoise.methods.recorrupted2recorrupted:R2R",
    "noisy_as_clean": "napari_selfdenoise.methods.noisy_as_clean:NoisyAsClean",
    "blind2unblind": "napari_selfdenoise.methods.blind2unblind:Blind2Unblind",
    "deep_image_prior": "napari_selfdenoise.methods.deep_image_prior:DeepImagePrior",
    "self2self": "napari_selfdenoise.methods.self2self:Self2Self",
    "noise2noise": "napari_selfdenoise.methods.noise2noise:Noise2Noise",
    "supervised": "napari_selfdenoise.methods.supervised:Supervised",
    "bm3d": "napari_selfdenoise.methods.bm3d:BM3D",
    "nl_means": "napari_selfdenoise.methods.nl_means:NLMeans",
    "gaussian": "napari_selfdenoise.methods.gaussian:Gaussian",
}

READERS = {
    ".ckpt": "napari_selfdenoise.methods.cosdd_checkpoint:read_checkpoint",
    ".zip": "napari_selfdenoise.engine.bioimageio.package:load",
}
"""Suffix of a model's file -> "module:function" that reads it, where it is not our own."""


def get(name: str) -> Method[Any]:
    """Return the method called `name`.

    Raises
    ------
    UnknownMethodError
        If there is none; the message offers the nearest names.
    """
    if name not in METHODS:
        raise UnknownMethodError(f"No method {name!r}. {did_you_mean(name, METHODS)}")
    method: Method[Any] = _imported(METHODS[name])()
    return method


def get_learned(name: str) -> LearnedMethod[Any]:
    """Return the method called `name`, which trains a network.

    Raises
    ------
    UnknownMethodError
        If there is none.
    UsageError
        If it learns nothing, so that there is nothing to train.
    """
    method = get(name)
    if not isinstance(method, LearnedMethod):
        raise UsageError(
            f"{method.title} ({name}) learns nothing, so there is no model to train; "
            "denoise with it directly."
        )
    return method


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a trained model: one of ours, or what one of `READERS` reads.

    Raises
    ------
    ModelError
        If it is missing, damaged, of a newer version, or not understood.
    """
    path = Path(path)
    read = _imported(READERS.get(path.suffix.lower(), "napari_selfdenoise.engine.model:load"))
    model: Model = read(path, get)
    return model


def _imported(place: str) -> Any:
    """Import what "module:name" names; with it comes torch, as far as it needs it."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
