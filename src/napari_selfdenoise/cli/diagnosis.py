"""What is installed and what computes here."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from platformdirs import user_cache_path

import napari_selfdenoise
from napari_selfdenoise.cli.running import DONE, FAILED, print_json
from napari_selfdenoise.methods import METHODS

_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_PACKAGES = ("napari", "numpy", "scipy", "scikit-image", "tifffile", "zarr", "dask")


def doctor(*, as_json: bool) -> int:
    """Print what is installed; returns a failure where nothing can be computed."""
    found, working = report()
    if as_json:
        print_json(found)
    else:
        width = max(map(len, found))
        for name, value in found.items():
            print(f"{name:<{width}}  {value}")
    return DONE if working else FAILED


def report() -> tuple[dict[str, str], bool]:
    """Return name and value of everything worth knowing, and whether torch works."""
    found = {
        "napari-selfdenoise": napari_selfdenoise.__version__,
        "methods": ", ".join(METHODS),
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
    }
    try:
        from napari_selfdenoise.engine import device
    except (ImportError, OSError) as error:  # OSError: a library torch needs is missing
        found["torch"] = f"cannot be loaded: {error}"
        working = False
    else:
        found |= device.report()
        working = True
    found |= {name: _version(name) for name in _PACKAGES}
    bindings = [name for name in _QT_BINDINGS if find_spec(name) is not None]
    found["Qt binding"] = ", ".join(f"{name} {_version(name)}" for name in bindings) or (
        "none: the viewer needs one, for example pip install 'napari[pyqt6]'"
    )
    found["models"] = "where you save them, as .safetensors; nothing is downloaded"
    found["run times"] = str(user_cache_path("napari-selfdenoise"))
    return found, working


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
