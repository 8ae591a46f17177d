"""Denoising one image, and more samples of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

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
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine import prepare
from napari_selfdenoise.methods import METHODS, get


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
    target: ImageSource | None = None,
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
    sampling: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    on_event: Listener | None = None,
) -> Result:
    """Denoise one image or stack; a method that learns, learns from this image alone.

    Parameters
    ----------
    image : Image, array or path
        A numpy, dask or zarr array, which is read by parts and never changed; or a TIFF,
        PNG or JPEG file or OME-Zarr folder, whose pixel size is then in the result.
    method : str
        One of `methods`; each states what it assumes of the noise.
    target : Image, array or path, optional
        For methods that learn from pairs, of the axes and the shape of `image`:
        ``"noise2noise"`` takes a second capture of the scene, and can do without if the
        image is a stack; ``"supervised"`` takes a clean image.
    settings : mapping, optional
        Values that differ from the method's defaults, for example ``{"steps": 500}``.
    preset : str, optional
        Named settings of the method to start from.
    axes : str
        One letter per axis out of T, C, Z, Y, X and, last, S for colour (and, first, Q for
        posterior samples). Taken from the
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
    sampling : mapping, optional
        For methods that draw posterior samples: values that differ from the defaults of
        `core.sampling.Sampling`, for example ``{"samples": 50, "keep_samples": 5}``.
    out : path, optional
        File to write the denoised image to while it is made, so that it need not fit into
        the memory: ``.ome.zarr`` or ``.tif``. The result's images are then read from there.
    overwrite : bool
        Replace `out` if it is there already.
    on_event : callable, optional
        Called with every event of the run: `Progress`, `Metrics`, `Note`, ...

    Returns
    -------
    Result
        ``result["denoised"]`` and ``result["residual"]`` (noisy minus denoised) are images
        with the input's axes, scale and units; their ``data`` is a float32 array. Methods
        with a posterior add ``"posterior_std"`` and ``"samples"``, and what `sampling` asks
        for; see `sample`.
        With `out` there are the first two alone, read and computed by regions.
        ``result.provenance`` tells how they came about, ``result.model`` can be given to
        `save` and `apply`.

    Raises
    ------
    UsageError
        If the method needs a target and there is none, or takes none and there is one.
    ImageError
        If the image or the target cannot be used, or they differ in axes or shape.
    FileError
        If `out` exists and `overwrite` is false, or cannot be written.
    UndenoisedError
        If a network was trained, but the image could not be denoised or written with it:
        its ``model`` can be given to `save` and `apply`.
    SelfDenoiseError
        If anything else is not usable, a name or a value; the message says what would be.

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
        sampling=Sampling.from_json(sampling or {}),
        targets=open_images(target, axes),
    )
    preparation = preparation_of(stabilise, decorrelate)
    run = prepare.denoise(chosen, open_image(image, axes), config, context, preparation)
    return run_into(out, overwrite, context, run, on_event)


def sample(
    result: Result,
    count: int = 20,
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    sampling: Mapping[str, Any] | None = None,
    on_event: Listener | None = None,
) -> Result:
    """Draw more posterior samples: mean and spread go on from where they are.

    Parameters
    ----------
    result : Result
        From `denoise` or `apply` with a method that draws samples, such as ``"cosdd"``.
    count : int
        Samples to add.
    device, precision, sampling, on_event
        As in `denoise`; here all samples are drawn unless `sampling` sets a tolerance.

    Returns
    -------
    Result
        Of all samples so far. The given result is not to be used any more.

    Raises
    ------
    SelfDenoiseError
        If the result is of a method without a posterior, or a value is not usable.

    Examples
    --------
    >>> from napari_selfdenoise import denoise, sample
    >>> result = denoise("cells.tif", "cosdd")  # doctest: +SKIP
    >>> result = sample(result, 100)  # doctest: +SKIP
    >>> result["posterior_std"].data  # doctest: +SKIP
    """
    from napari_selfdenoise.engine import runs  # loads torch

    context = Context(
        device=device,
        precision=precision,
        sampling=Sampling.from_json({"tolerance": 0.0, **(sampling or {})}),
    )
    return finish(runs.sample(result, count, context), on_event)
