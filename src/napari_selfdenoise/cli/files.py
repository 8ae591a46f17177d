"""Which files a command is about, and what is said about those that failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from napari_selfdenoise.cli.running import DONE, FAILED, WRONG_USAGE
from napari_selfdenoise.core.errors import SelfDenoiseError, UsageError
from napari_selfdenoise.data.folder import image_files
from napari_selfdenoise.data.io import is_zarr


def files_of(inputs: Sequence[Path], *, recursive: bool = False) -> list[Path]:
    """Return `inputs` with each folder replaced by the image files in it, by name.

    With `recursive` also by those in folders inside it; see `image_files` for what is left
    out.

    Raises
    ------
    UsageError
        If there is no image file in a folder.
    """
    files: list[Path] = []
    for path in inputs:
        files += (
            [path]
            if not path.is_dir() or is_zarr(path)
            else image_files(path, recursive=recursive)
        )
    return files


def failures(failed: Iterable[tuple[Path, SelfDenoiseError]]) -> list[dict[str, str]]:
    """Return which inputs failed, and why, as plain values."""
    return [{"input": str(path), "error": str(error)} for path, error in failed]


def failure_code(errors: Collection[SelfDenoiseError], *, any_done: bool) -> int:
    """Return the exit code of a command that met an error for each of some files."""
    if not errors:
        return DONE
    wrong_usage = all(isinstance(error, UsageError) for error in errors)
    return WRONG_USAGE if wrong_usage and not any_done else FAILED


def folder_below(path: Path, inputs: Sequence[Path]) -> Path:
    """Return where a file lies inside the folder of the inputs it was found in."""
    inside = (each for each in inputs if each.is_dir() and each in path.parents)
    return next((path.parent.relative_to(each) for each in inside), Path())
