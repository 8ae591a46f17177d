"""Comparing what several methods make of an image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari_selfdenoise.analysis.comparing import DRAWS, Way
from napari_selfdenoise.analysis.comparing import compare as start
from napari_selfdenoise.analysis.comparison import Comparison
from napari_selfdenoise.analysis.report.page import check_free, write_report
from napari_selfdenoise.api.sources import (
    Decorrelate,
    ImageSource,
    Listener,
    Stabilise,
    open_image,
    preparation_of,
)
from napari_selfdenoise.core.context import Context, Device, Precision
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.engine.candidate import candidate
from napari_selfdenoise.methods import METHODS, get


def compare(
    image: ImageSource,
    methods: Sequence[str | tuple[str, Mapping[str, Any]]],
    *,
    reference: ImageSource | None = None,
    report: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    axes: str = "",
    region: Mapping[str, tuple[int, int]] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    time_budget: float = 0,
    fill_nan: bool = False,
    stabilise: Stabilise = "auto",
    decorrelate: Decorrelate = "auto",
    on_event: Listener | None = None,
) -> Comparison:
    """Denoise an image with several methods, score each, and write a page about it.

    A method that fails is left out; the others go on.

    Parameters
    ----------
    image : Image, array or path
        As for `denoise`.
    methods : sequence
        Names of methods, or pairs of a name and settings: ``["bm3d", ("gaussian",
        {"width": 2})]``.
    reference : Image, array or path, optional
        Clean image of the same shape: adds PSNR and SSIM, and orders by PSNR.
    report : path, optional
        Where to write the report: one HTML file with its pictures inside.
    overwrite : bool
        Replace the report if it is there already.
    axes : str
        As for `denoise`.
    region : mapping of str to (int, int), optional
        First pixel and the one after the last along some axes, for example
        ``{"Y": (100, 400), "X": (0, 512)}``; the whole image if omitted.
    draws : int
        Splits to average held-out scores over, each of which denoises once more; 0 for no
        held-out scores.
    seed, device, precision, time_budget, fill_nan, stabilise, decorrelate, on_event
        As for `denoise`; the time budget is of each denoising.

    Returns
    -------
    Comparison
        ``rows``, the best first, each with the denoised region, its scores, what its residual
        tells, and its provenance; ``failed``; ``refused``, why there are no held-out scores.

    Raises
    ------
    ImageError
        If the image or the reference cannot be used, or no method could denoise it.
    FileError
        If the report exists, or cannot be written.
    SelfDenoiseError
        If a name or a value is not usable; the message says what would be.

    Examples
    --------
    >>> from napari_selfdenoise import compare
    >>> from napari_selfdenoise.data.synthetic import make_sample
    >>> noisy = make_sample("cells", seed=0, shape=(128, 128)).noisy
    >>> found = compare(noisy, [("gaussian", {"width": 1.0}), ("gaussian", {"width": 5.0})])
    >>> found.order, found.rows[0].name
    ('held-out score', 'gaussian width=1.0')
    """
    if report is not None:
        check_free(Path(report), overwrite=overwrite)
    preparation = preparation_of(stabilise, decorrelate)
    ways = {}
    for each in methods:
        name, settings = (each, {}) if isinstance(each, str) else each
        method = get(name)
        config = method.Config.from_json(settings)
        title = " ".join([name, *(f"{key}={value}" for key, value in settings.items())])
        ways[title] = Way(method, partial(candidate, method, config, preparation))
    context = Context(
        seed=seed,
        device=device,
        precision=precision,
        time_budget=time_budget,
        fill_nan=fill_nan,
    )
    run = start(
        open_image(image, axes),
        ways,
        [get(name) for name in METHODS],
        context,
        region=region,
        reference=None if reference is None else open_image(reference, axes),
        draws=draws,
    )
    found = finish(run, on_event)
    if report is not None:
        write_report(report, found, overwrite=overwrite)
    return found
