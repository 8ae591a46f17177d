"""The Python API: each function drives a run to its end.

>>> from napari_selfdenoise import denoise
>>> result = denoise("cells.tif", "lota_n2n", seed=1)  # doctest: +SKIP
>>> result["denoised"].data  # a float32 array of the input's shape  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from napari_selfdenoise.core.context import Context, Device, Precision
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Event, finish
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.engine import prepare
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import METHODS, get, get_learned

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model

ImageSource = Image | ArrayLike | str | os.PathLike[str]
"""What can be denoised: an `Image`, an array, or the path of a file."""
Stabilise = Literal["auto", "on", "off"]
Decorrelate = Literal["auto", "off", "2", "3", "4", "5", 2, 3, 4, 5]
Listener = Callable[[Event], None]


def methods() -> dict[str, Method[Any]]:
    """Return every method by name, in the order shown to users.

    A method tells what it does (``summary``), what it assumes of the noise
    (``assumes``), where it comes from (``reference``) and its settings
    (``Config.settings()``).

    Examples
    --------
    >>> from napari_selfdenoise import api
    >>> api.methods()["gaussian"].title
    'Gaussian filter'
    """
    return {name: get(name) for name in METHODS}


def denoise(
    image: ImageSource,
    method: str = "lota_n2n",
    *,
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
    on_event: Listener | None = None,
) -> Result:
    """Denoise one image or stack; a method that learns, learns from this image alone.

    Parameters
    ----------
    image : Image, array or path
        A numpy, dask or zarr array, which is read by parts and never changed; or a TIFF,
        PNG or JPEG file, whose pixel size is then in the result.
    method : str
        One of `methods`; each states what it assumes of the noise.
    settings : mapping, optional
        Values that differ from the method's defaults, for example ``{"steps": 500}``.
    preset : str, optional
        Named settings of the method to start from.
    axes : str
        One letter per axis out of T, C, Z, Y, X and, last, S for colour. Taken from the
        file if omitted, else guessed: ``"YX"``, ``"TYX"``, ``"TZYX"``, ``"TCZYX"``.
    seed : int
        Same seed and device: same result.
    device : {"auto", "cpu", "cuda", "mps"}
        ``"auto"`` takes the fastest there is.
    precision : {"auto", "float32", "bfloat16"}
        Of the network's arithmetic; ``"auto"`` takes bfloat16 where the device has it, which
        is much faster and changes the result by a few per cent of the noise at most.
    time_budget : float
        Seconds after which training ends with what it has learned; 0 for no limit.
    fill_nan : bool
        Fill pixels that are NaN or infinite from their neighbours; such an image is
        refused otherwise.
    stabilise : {"auto", "on", "off"}
        Make noise that grows with the signal even before the method runs, and undo it
        without bias. ``"auto"`` does so if it matters to the method.
    decorrelate : {"auto", "off", 2, 3, 4, 5}
        Denoise sub-images of every n-th pixel, in which noise that is correlated between
        neighbours is nearly white. ``"auto"`` measures whether it is.
    on_event : callable, optional
        Called with every event of the run: `Progress`, `Metrics`, `Note`, ...

    Returns
    -------
    Result
        ``result["denoised"]`` and ``result["residual"]`` (noisy minus denoised) are images
        with the input's axes, scale and units; their ``data`` is a float32 array.
        ``result.provenance`` tells how they came about, ``result.model`` can be given to
        `save` and `apply`.

    Raises
    ------
    SelfDenoiseError
        If the image, a name or a value is not usable; the message says what would be.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_selfdenoise import denoise
    >>> noisy = np.random.default_rng(0).poisson(9, (32, 32))
    >>> denoised = denoise(noisy, "gaussian", settings={"width": 2})["denoised"].data
    >>> bool(denoised.std() < noisy.std() / 3)
    True
    """
    chosen = get(method)
    config = chosen.Config.from_preset(preset, settings)
    context = Context(
        seed=seed,
        device=device,
        precision=precision,
        time_budget=time_budget,
        fill_nan=fill_nan,
    )
    preparation = _preparation(stabilise, decorrelate)
    run = prepare.denoise(chosen, _image(image, axes), config, context, preparation)
    return finish(run, on_event)


def train(
    images: ImageSource | Sequence[ImageSource],
    method: str = "lota_n2n",
    *,
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
        One array is one image or stack, not a list of images.
    checkpoint : path, optional
        File that keeps the state of the training now and then; the same call resumes
        from it after an interruption.
    method, settings, preset, axes, seed, device, precision, time_budget, fill_nan,
    on_event
        As in `denoise`; `axes` hold for every image.
    stabilise, decorrelate
        As in `denoise`, chosen once for all images; the model repeats it wherever it is
        applied.

    Returns
    -------
    Model
        For `apply` and `save`.

    Raises
    ------
    SelfDenoiseError
        As in `denoise`; also if the method learns nothing.

    Examples
    --------
    >>> from napari_selfdenoise import apply, save, train
    >>> model = train(["day1.tif", "day2.tif"], "lota_n2n")  # doctest: +SKIP
    >>> save(model, "cells.safetensors")  # doctest: +SKIP
    >>> denoised = apply(model, "day3.tif")["denoised"]  # doctest: +SKIP
    """
    chosen = get_learned(method)
    config: Any = chosen.Config.from_preset(preset, settings)
    several = images if isinstance(images, (list, tuple)) else (cast(ImageSource, images),)
    if not several:
        raise UsageError("There is no image to train on.")
    opened = [_image(each, axes) for each in several]
    context = Context(
        seed=seed,
        device=device,
        precision=precision,
        time_budget=time_budget,
        fill_nan=fill_nan,
        checkpoint=None if checkpoint is None else Path(checkpoint),
    )
    from napari_selfdenoise.engine import runs  # loads torch

    preparation = _preparation(stabilise, decorrelate)
    return finish(runs.train(chosen, opened, config, context, preparation), on_event)


def apply(
    model: Model | str | os.PathLike[str],
    image: ImageSource,
    *,
    axes: str = "",
    device: Device = "auto",
    precision: Precision = "auto",
    fill_nan: bool = False,
    on_event: Listener | None = None,
) -> Result:
    """Denoise an image with a trained model, without training.

    Parameters
    ----------
    model : Model or path
        From `train`, `load` or the ``model`` of a result; or the file of one.
    image, axes, device, precision, fill_nan, on_event
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
    context = Context(device=device, precision=precision, fill_nan=fill_nan)
    return finish(runs.apply(opened, _image(image, axes), context), on_event)


def save(model: Model, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a model to one file and return its path, which ends in ``.safetensors``.

    The file holds the weights, the settings, the normalisation and the provenance; it can
    be opened safely wherever it comes from.

    Raises
    ------
    FileError
        If the file exists already and `overwrite` is false, or cannot be written.
    """
    from napari_selfdenoise.engine import model as files  # loads torch

    return files.save(model, Path(path), overwrite=overwrite)


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save`, the command line or the viewer wrote.

    Raises
    ------
    ModelError
        If it is missing, damaged or of a newer version.
    """
    from napari_selfdenoise.engine import model as files  # loads torch

    return files.load(Path(path), get)


def _preparation(stabilise: str, decorrelate: str | int) -> Preparation:
    return Preparation.from_json({"stabilise": stabilise, "decorrelate": str(decorrelate)})


def _image(source: ImageSource, axes: str) -> Image:
    if isinstance(source, (str, os.PathLike)):
        return read_image(source, axes)
    if isinstance(source, Image):
        return replace(source, axes=axes) if axes else source
    if not hasattr(source, "shape"):
        raise UsageError(
            f"An image is an array, an Image or a file's path, not {type(source).__name__}."
        )
    return Image(source, axes=axes)
