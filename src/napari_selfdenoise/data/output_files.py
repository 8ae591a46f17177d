"""Images written to files while a run makes them, which appear when they are complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs, WritableArray
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.io import TIFF_SUFFIXES, not_written
from napari_selfdenoise.data.planes import channel_planes

ZARR_SUFFIX = ".zarr"
OUTPUT_SUFFIXES = (ZARR_SUFFIX, *TIFF_SUFFIXES)
_PARTIAL = ".partial"


class FileOutputs(Outputs):
    """Has a run write its image straight to a file, never whole in memory.

    Parameters
    ----------
    path : Path
        Ends in ``.zarr`` for OME-Zarr 0.5, or in ``.tif`` for OME-TIFF (BigTIFF if it is
        large). Its folder is made if missing. What is written has another name until it is
        complete.
    overwrite : bool
        Replace what is there, which is an error otherwise.

    Raises
    ------
    FileError
        If the file exists, is of another kind, or cannot be written.
    """

    in_memory = False

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        check_suffix(path)
        if path.exists() and not overwrite:
            raise FileError(f"{path} exists already. Remove it, or allow to overwrite it.")
        self.path = path
        self._partial = partial_name(path)
        self._writer: Any = None
        self._scratch: _Scratch | None = None

    def new(self, image: Image) -> WritableArray:
        """Begin the file, and return its pixels; there is one image in a file."""
        with self._told(image):
            self._writer = _writer(self.path)(self._partial, image)
        array: WritableArray = self._writer.array
        return array

    def scratch(self) -> Outputs:
        """Return where arrays come from that are files until this is closed."""
        if self._scratch is None:
            self._scratch = _Scratch(self.path)
        return self._scratch

    @property
    def unfinished(self) -> Path:
        """Where the output is until it is complete."""
        return self._partial

    def finish(self, image: Image, provenance: Provenance | None = None) -> Image:
        """Complete the file, and return the image as it is read from there.

        Parameters
        ----------
        image : Image
            What the run returned: of the pixels of `new`, or other ones, which are copied.
        provenance : Provenance, optional
            How it came about; kept in the file.
        """
        with self._told(image):
            if self._writer is None or image.data is not self._writer.array:
                _copy(image, self.new(image))
            self._writer.complete(provenance)
            _replace(self._partial, self.path)
        return image.like(self._writer.opened(self.path))

    def close(self) -> None:
        """Remove what is not complete."""
        remove(self._partial)
        if self._scratch is not None:
            remove(self._scratch.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _told(self, image: Image) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise not_written(self.path, image, error) from error


class _Scratch(Outputs):
    """Arrays in a folder beside the output, for as long as the run takes."""

    in_memory = False

    def __init__(self, path: Path) -> None:
        self.folder = path.with_name(f".{path.name}.{token_hex(4)}.scratch{_PARTIAL}")
        self._numbers = count()

    def new(self, image: Image) -> WritableArray:
        """Return an array in a file of its own."""
        from napari_selfdenoise.data.ome_zarr_writer import scratch_array

        return scratch_array(self.folder / str(next(self._numbers)), image)


def check_suffix(path: Path) -> None:
    """Refuse the name of an output of a kind that cannot be written.

    Raises
    ------
    FileError
        If it ends neither as OME-Zarr nor as TIFF.
    """
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise FileError(f"{path.name} must end in .ome.zarr or .tif, as what is written.")


def write_image(
    path: Path,
    image: Image,
    *,
    overwrite: bool = False,
    provenance: Provenance | None = None,
) -> Image:
    """Write an image, part by part, and return it as it is read from its file.

    Raises
    ------
    FileError
        As for `FileOutputs`.
    """
    with FileOutputs(path, overwrite=overwrite) as outputs:
        return outputs.finish(image, provenance)


def partial_name(path: Path) -> Path:
    """Return a name for an output until it is complete; another one each time."""
    return path.with_name(f".{path.name}.{token_hex(4)}{_PARTIAL}")


def remove_partials(path: Path) -> None:
    """Remove what processes that were killed left of an output."""
    for each in path.parent.glob(f".{path.name}.*{_PARTIAL}"):
        remove(each)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _writer(path: Path) -> Any:
    # zarr and tifffile take a while to load.
    if path.suffix.lower() == ZARR_SUFFIX:
        from napari_selfdenoise.data.ome_zarr_writer import OmeZarrWriter

        return OmeZarrWriter
    from napari_selfdenoise.data.tiff_writer import OmeTiffWriter

    return OmeTiffWriter


def _copy(image: Image, out: WritableArray) -> None:
    for planes in channel_planes(image):
        for at in range(len(planes)):
            place = planes.index(at)
            out[place] = image.read(place)


def _replace(partial: Path, path: Path) -> None:
    """Give a complete output its name; a folder must not take the place of another one."""
    former = path.with_name(f".{path.name}.{token_hex(4)}.former{_PARTIAL}")
    if path.is_dir():
        path.replace(former)
    partial.replace(path)
    remove(former)
