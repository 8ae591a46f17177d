"""The folder of a user's models, and what is in a folder of models."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

from napari_selfdenoise.core.errors import FileError, ModelError
from napari_selfdenoise.engine.bioimageio.package import SUFFIX as PACKAGE_SUFFIX
from napari_selfdenoise.engine.bioimageio.package import describe as describe_package
from napari_selfdenoise.engine.bioimageio.package import is_ours
from napari_selfdenoise.engine.model_file import SUFFIX, Description, describe
from napari_selfdenoise.engine.preferences import preferences


def models_folder() -> Path:
    """Return the folder of the user's models, which need not exist yet."""
    preferred = preferences().models_folder
    if preferred:
        return Path(preferred).expanduser()
    return user_data_path("napari-selfdenoise") / "models"


def models_in(folder: Path) -> tuple[list[Description], list[str]]:
    """Return the models in a folder, newest first, and a sentence for each that is damaged.

    Both our own files and packages that `engine.bioimageio` exported. Other archives are
    passed over.

    Raises
    ------
    FileError
        If it is no folder.
    """
    if not folder.is_dir():
        raise FileError(f"There is no folder {folder}.")
    found, sentences = [], []
    for path in sorted(folder.iterdir()):
        if path.suffix == SUFFIX:
            read = describe
        elif path.suffix == PACKAGE_SUFFIX and is_ours(path):
            read = describe_package
        else:
            continue
        try:
            found.append(read(path))
        except ModelError as error:
            sentences.append(str(error))
    found.sort(key=lambda each: each.provenance.created, reverse=True)
    return found, sentences
