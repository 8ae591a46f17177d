"""The table of methods: name -> "module:Class", in the order shown to users.

Adding a method is one file in this folder, one line here and one test of the property
that makes the method what it is.
"""

from importlib import import_module
from typing import Any

from napari_selfdenoise.core.errors import UnknownMethodError, UsageError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.names import did_you_mean
from napari_selfdenoise.engine.learned import LearnedMethod

METHODS = {
    "lota_n2n": "napari_selfdenoise.methods.lota_n2n:LotaN2N",
    "tucker_pnp": "napari_selfdenoise.methods.tucker_pnp:TuckerPnP",
    "cosdd": "napari_selfdenoise.methods.cosdd:Cosdd",
    "bm3d": "napari_selfdenoise.methods.bm3d:BM3D",
    "nl_means": "napari_selfdenoise.methods.nl_means:NLMeans",
    "gaussian": "napari_selfdenoise.methods.gaussian:Gaussian",
}


def get(name: str) -> Method[Any]:
    """Return the method called `name`.

    Raises
    ------
    UnknownMethodError
        If there is none; the message offers the nearest names.
    """
    if name not in METHODS:
        raise UnknownMethodError(f"No method {name!r}. {did_you_mean(name, METHODS)}")
    module, _, class_name = METHODS[name].partition(":")
    method: Method[Any] = getattr(import_module(module), class_name)()
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
