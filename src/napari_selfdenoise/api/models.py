"""Models: training, applying, saving and loading them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.api.sources import (
    Decorrelate,
    ImageSource,
    Listener,
    Stabilise,
    open_image,
    open_images,
    preparation_of,
    run_into,
)
from napari_selfdenoise.core.context import Context, Device, Precision
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.methods import get_learned, load_model

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model


def train(
    images: ImageSource | Sequence[ImageSource],
    method: str = "lota_n2n",
    *,
    targets: ImageSource | Sequence[ImageSource] | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | None = None,
    axes: str = "",
    seed: int = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    time_budget: float = 0,
    fill_nan: bool = False,
    stabilise: Stabilise = "auto",
    decorrelate: Decorrelate = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    on_event: Listener | None = None,
) -> Model:
    """Train one model on one or many images, to be applied to others of their kind.

    Parameters
    ----------
    images : Image, array, path, or a list or tuple of these
        One array is one image or stack, not a list of images. Of any sizes, all with as many
        channels (C) and colour samples (S). Files are read when they are needed and only
        partly kept in memory, so that there may be thousands.
    targets : like `images`, optional
        For methods that learn from pairs: the target of each image, in the same order and
        of the axes and the shape of its image. ``"noise2noise"`` takes a second capture of
        the scene, and can do without if each image is a stack; ``"supervised"`` takes a clean
        image.
    checkpoint : path, optional
        File that keeps the state of the training now and then; the same call resumes
        from it after an interruption.
    method, settings, preset, axes, seed, device, precision, time_budget, fill_nan,
    on_event
        As in `denoise`; `axes` hold for every image and target.
    stabilise, decorrelate
        As in `denoise`, chosen once for all images; the model repeats it wherever it is
        applied.

    Returns
    -------
    Model
        For `apply` and `save`.

    Raises
    ------
    UsageError
        If the method learns nothing, if there is no image, if there is not one target for
        each image, or if there are targets, but the method takes none.
    ImageError
        If an image or target cannot be used, or has other channels than the first one; if a
        target has another shape than its image.
    SelfDenoiseError
        As in `denoise`.

    Examples
    --------
    >>> from napari_selfdenoise import apply, save, train
    >>> model = train(["day1.tif", "day2.tif"], "lota_n2n")  # doctest: +SKIP
    >>> save(model, "cells.safetensors")  # doctest: +SKIP
    >>> denoised = apply(model, "day3.tif")["denoised"]  # doctest: +SKIP
    >>> model = train("noisy.tif", "supervised", targets="clean.tif")  # doctest: +SKIP
    """
    chosen = get_learned(method)
    config: Any = chosen.Config.from_preset(preset, settings)
    opened = open_images(images, axes)
    if not opened:
        raise UsageError("There is no image to train on.")
    context = Context(
        seed=seed,
        device=device,
        precision=precision,
        time_budget=time_budget,
        fill_nan=fill_nan,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        targets=open_images(targets, axes),
    )
    from napari_selfdenoise.engine import runs  # loads torch

    preparation = preparation_of(stabilise, decorrelate)
    return finish(runs.train(chosen, opened, config, context, preparation), on_event)


def apply(
    model: Model | str | os.PathLike[str],
    image: ImageSource,
    *,
    axes: str = "",
    device: Device = "auto",
    precision: Precision = "auto",
    seed: int = 0,
    fill_nan: bool = False,
    sampling: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    on_event: Listener | None = None,
) -> Result:
    """Denoise an image with a trained model, without training.

    Parameters
    ----------
    model : Model or path
        From `train`, `load` or the ``model`` of a result; or the file of one.
    image, axes, device, precision, seed, fill_nan, sampling, out, overwrite, on_event
        As in `denoise`.

    Returns
    -------
    Result
        As in `denoise`.

    Raises
    ------
    ModelError
        If the model does not fit the image, or its file cannot be read.
    SelfDenoiseError
        As in `denoise`.
    """
    from napari_selfdenoise.engine import runs  # loads torch

    opened = load(model) if isinstance(model, (str, os.PathLike)) else model
    context = Context(
        device=device,
        precision=precision,
        seed=seed,
        fill_nan=fill_nan,
        sampling=Sampling.from_json(sampling or {}),
    )
    run = runs.apply(opened, open_image(image, axes), context)
    return run_into(out, overwrite, context, run, on_event)


def save(
    model: Model, path: str | os.PathLike[str], *, author: str = "", overwrite: bool = False
) -> Path:
    """Write a model to one file and return its path, which ends in ``.safetensors``.

    The file holds the weights, the settings, the normalisation, the provenance and what the
    model was trained on; it can be opened safely wherever it comes from.

    Parameters
    ----------
    model : Model
        From `train`, `load` or the ``model`` of a result.
    path : path
        The file.
    author : str, optional
        Who made the model, for others to know.
    overwrite : bool
        Replace the file if it is there already.

    Raises
    ------
    FileError
        If the file exists already and `overwrite` is false, or cannot be written.
    """
    from napari_selfdenoise.engine import model as files  # loads torch

    return files.save(model, Path(path), author=author, overwrite=overwrite)


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save`, the command line or the viewer wrote.

    Also a package of BioImage.IO that `export_model` wrote; and a checkpoint,
    ``final_model.ckpt``, of the published code of COSDD, with ``training-config.yaml`` in
    the same folder.

    Raises
    ------
    ModelError
        If it is missing, damaged, of a newer version, or not understood.
    """
    return load_model(path)


def export_model(
    model: Model | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    name: str,
    authors: str | Sequence[str] = (),
    license: str,
    description: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a model as a package of BioImage.IO for other programs, and return its path.

    The package takes and returns intensities, plane by plane; `load` and `apply` read it,
    too. What the model remembers fills in the rest.

    Parameters
    ----------
    model : Model or path
        From `train`, `load` or the ``model`` of a result; or the file of one.
    path : path
        The package; ends in ``.zip``.
    name : str
        Title of the model for others: 5 to 128 letters, digits, spaces and ``_+-()``.
    authors : str or sequence of str
        Who made it; the author that the model remembers if omitted.
    license : str
        Under which others may use it, as an SPDX identifier, for example ``"CC-BY-4.0"``.
    description : str, optional
        In a sentence or two.
    overwrite : bool
        Replace the file if it is there already.

    Raises
    ------
    ModelError
        If the model cannot be expressed as one network; the message says why.
    UsageError
        If the name, an author or the licence is not one that BioImage.IO accepts.
    FileError
        If the file exists already and `overwrite` is false, or cannot be written.
    """
    from napari_selfdenoise.engine.bioimageio.export import export  # loads torch

    opened = load(model) if isinstance(model, (str, os.PathLike)) else model
    people = [authors] if isinstance(authors, str) else list(authors)
    return export(
        opened,
        Path(path),
        name=name,
        authors=people,
        license=license,
        description=description,
        overwrite=overwrite,
    )
