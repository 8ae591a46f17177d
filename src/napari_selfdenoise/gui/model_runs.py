"""Runs that deal with models; torch is imported when they start, in the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.folder import free_name
from napari_selfdenoise.engine.model_file import SUFFIX
from napari_selfdenoise.gui.export_form import Wanted
from napari_selfdenoise.gui.written_results import written
from napari_selfdenoise.methods import load_model


def introduced(model: Any) -> tuple[str, str]:
    """Return a sentence about a model, and a name for its file."""
    method, source = model.method, model.provenance.input_name
    others = model.facts.images - 1
    more = f" and {others} more image{'s' * (others != 1)}" if others > 0 else ""
    return f"{method.title}, trained on {source}{more}.", f"{source}.{method.name}"


def applying(model: Any, image: Image, context: Context) -> Run[Result]:
    """Denoise `image` with a trained model."""
    from napari_selfdenoise.engine import runs

    return (yield from written(runs.apply(model, image, context), context))


def saving(model: Any, path: Path) -> Run[Path]:
    """Save a model as a file."""
    from napari_selfdenoise.engine import model as models

    yield Progress(0, 1, "saving the model")
    models.save(model, path, overwrite=True)  # the file dialog has asked
    return path


def loading(path: Path) -> Run[Any]:
    """Load a model from a file; torch is imported after the first event."""
    yield Progress(0, 1, "loading the model")
    return load_model(path)


def applying_file(path: Path, image: Image, context: Context) -> Run[Result]:
    """Denoise `image` with the model in a file."""
    model = yield from loading(path)
    return (yield from applying(model, image, context))


def importing(path: Path, folder: Path) -> Run[Path]:
    """Load a model from a file of any kind and save it in a folder of models.

    A model of the same name that is there already stays; the new one gets a number.
    """
    model = yield from loading(path)
    from napari_selfdenoise.engine import model as models

    # The published checkpoints are all called final_model, in a folder with a name.
    stem = path.parent.name if path.suffix == ".ckpt" else path.stem
    stem = stem.removesuffix(".bioimageio") or "model"
    name = free_name(stem, lambda name: folder / f"{name}{SUFFIX}")
    return models.save(model, folder / f"{name}{SUFFIX}")


def exporting(path: Path, wanted: Wanted) -> Run[Path]:
    """Write the model in a file as a package of BioImage.IO."""
    model = yield from loading(path)
    yield Progress(0, 1, "writing the package")
    from napari_selfdenoise.engine.bioimageio.export import export

    return export(
        model,
        wanted.path,
        name=wanted.name,
        authors=wanted.authors,
        license=wanted.license,
        description=wanted.description,
        overwrite=True,  # the file dialog has asked
    )
