"""Self-supervised denoising of microscopy images.

The names below are loaded on first use, so that importing the package is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_selfdenoise.api import (
        apply,
        check_noise,
        compare,
        denoise,
        export_model,
        load,
        rank,
        sample,
        save,
        train,
    )

__version__ = "0.1.0"
__all__ = [
    "apply",
    "check_noise",
    "compare",
    "denoise",
    "export_model",
    "load",
    "rank",
    "sample",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("napari_selfdenoise.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
