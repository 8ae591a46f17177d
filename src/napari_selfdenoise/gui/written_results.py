"""Results that are written to OME-Zarr while they are made, and looked at meanwhile."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, keeping
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.folder import free_name, result_name
from napari_selfdenoise.data.output_files import FileOutputs, write_image
from napari_selfdenoise.engine.planewise import read_from, with_residual

SUFFIX = ".ome.zarr"
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


class GrowingOutputs(FileOutputs):
    """Writes the images of a result to OME-Zarr folders that are new.

    Parameters
    ----------
    folder : Path
        Where they are written; made if missing.
    image : Image
        The noisy image, which they are named after.
    method : str
        Name of the method.

    Attributes
    ----------
    files : mapping of str to Path
        Where each image of the result is, when it is complete.

    Raises
    ------
    FileError
        If OME-Zarr has no place for one of the image's axes.
    """

    watched = True

    def __init__(self, folder: Path, image: Image, method: str) -> None:
        from napari_selfdenoise.data.ome_zarr_writer import stored_axes  # loads zarr

        stored_axes(image)
        self._folder, self._method = folder, method
        wanted = _NOT_IN_NAMES.sub("_", image.name).strip(" .") or "image"
        self._source = free_name(wanted, lambda name: self._path(name, "denoised"))
        super().__init__(self.path_of("denoised"))
        self.files: dict[str, Path] = {}
        self._begun: dict[str, Image] = {}

    def path_of(self, kind: str) -> Path:
        """Return where an image of the result is written."""
        return self._path(self._source, kind)

    def _path(self, source: str, kind: str) -> Path:
        name = result_name(Path(f"{source}{SUFFIX}"), self._method, kind, SUFFIX)
        return self._folder / name

    def new(self, image: Image) -> WritableArray:
        """Begin the denoised image; see `FileOutputs.new`."""
        array = super().new(image)
        self._begun = with_residual(image, array)
        return array

    @property
    def begun(self) -> dict[str, Image]:
        """The images as far as they are written, computed where they are read; none at first.

        May be asked for from any thread.
        """
        return self._begun


def written(run: Run[Result], context: Context) -> Run[Result]:
    """Complete the files of a result, if it is written to files, and read it from there.

    The residual is computed where it is read. When the run fails or is abandoned, nothing
    that is not complete is left.
    """
    outputs = context.outputs
    if not isinstance(outputs, GrowingOutputs):
        return (yield from run)
    with outputs:
        result = yield from run
        yield Progress(0, 1, "writing smaller versions")
        with keeping(result.model):
            others = yield from _others(result, outputs)
            denoised = outputs.finish(result["denoised"], result.provenance)
        outputs.files["denoised"] = outputs.path
        result = read_from(result, denoised)
        return replace(result, images={**result.images, **others})


def _others(result: Result, outputs: GrowingOutputs) -> Run[dict[str, Image]]:
    """Write the images that the method has besides, and return them as read from there."""
    found = {}
    for kind, image in result.images.items():
        if kind in ("denoised", "residual"):
            continue
        path = outputs.path_of(kind)
        try:
            found[kind] = write_image(path, image, provenance=result.provenance)
            outputs.files[kind] = path
        except FileError as error:
            yield Note(str(error), "warning")
    return found
