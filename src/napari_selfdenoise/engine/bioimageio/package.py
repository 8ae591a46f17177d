"""Reading packages of BioImage.IO that hold one of our models.

A package holds the model's own file beside what other programs run, so that nothing is lost.
What other programs run, a program itself, is never opened here.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.engine import model_file

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model

SUFFIX = ".zip"
ATTACHMENT = "napari-selfdenoise.safetensors"
"""Name of our own file in a package."""
DESCRIPTION = "rdf.yaml"
"""Name of a package's description."""
_DESCRIPTIONS = DESCRIPTION, "bioimageio.yaml"


def load(path: str | Path, find_method: Callable[[str], Method[Any]]) -> Model:
    """Read the model in a package that `export` wrote; it is what was exported.

    Parameters
    ----------
    path : path
        The package.
    find_method : callable
        Returns the method of a name; the table of methods is above this module.

    Raises
    ------
    ModelError
        If it is no package, if it does not hold our own file, or if that is damaged.
    """
    from napari_selfdenoise.engine import model

    with _attachment(Path(path)) as file:
        return model.load(file, find_method)


def describe(path: str | Path) -> model_file.Description:
    """Return what the model in a package tells; raises as `load` does."""
    with _attachment(Path(path)) as file:
        return replace(model_file.describe(file), path=Path(path))


def is_ours(path: Path) -> bool:
    """Whether a file is an archive that holds one of our models."""
    try:
        with zipfile.ZipFile(path) as archive:
            return ATTACHMENT in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


@contextmanager
def _attachment(path: Path) -> Iterator[Path]:
    """Lay our own file of a package down for a while."""
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ATTACHMENT
        try:
            with zipfile.ZipFile(path) as archive:
                described = _description(path, archive)
                if ATTACHMENT not in archive.namelist():
                    raise ModelError(_foreign(path, described))
                with archive.open(ATTACHMENT) as inside, file.open("wb") as outside:
                    shutil.copyfileobj(inside, outside)
        except (OSError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} is not a readable package: {error}.") from error
        _check_whole(path, described, file)
        try:
            yield file
        except ModelError as error:
            inside_path = f"{ATTACHMENT} in {path}"
            raise ModelError(str(error).replace(str(file), inside_path)) from error


def _description(path: Path, archive: zipfile.ZipFile) -> Mapping[str, Any]:
    """Return what a package says of itself."""
    import yaml

    for name in _DESCRIPTIONS:
        if name in archive.namelist():
            try:
                described = yaml.safe_load(archive.read(name))
            except yaml.YAMLError as error:
                raise ModelError(f"{name} in {path} is not readable: {error}.") from error
            if isinstance(described, dict):
                return described
    raise ModelError(
        f"{path} is no package of BioImage.IO: it holds no {' or '.join(_DESCRIPTIONS)}."
    )


def _foreign(path: Path, described: Mapping[str, Any]) -> str:
    weights = described.get("weights")
    kinds = ", ".join(map(str, weights)) if isinstance(weights, dict) else "none"
    return (
        f"{path} is the package {str(described.get('name', 'without a name'))!r} of another "
        f"program, whose weights ({kinds}) are run and not read. Packages can be read that "
        f"napari-selfdenoise exported: they hold the model as {ATTACHMENT}."
    )


def _check_whole(path: Path, described: Mapping[str, Any], file: Path) -> None:
    """Raise `ModelError` if our own file is not the one that was packed."""
    attachments = described.get("attachments")
    for each in attachments if isinstance(attachments, list) else []:
        if isinstance(each, dict) and each.get("source") == ATTACHMENT and "sha256" in each:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != each["sha256"]:
                raise ModelError(
                    f"{path} is damaged: {ATTACHMENT} in it is not the file that was packed."
                )
