"""Comparing methods on an image without a clean one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_selfdenoise.analysis.heldout import TAU
from napari_selfdenoise.analysis.ranking import Ranking
from napari_selfdenoise.analysis.ranking import rank as start
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
from napari_selfdenoise.methods import get


def rank(
    image: ImageSource,
    methods: Sequence[str | tuple[str, Mapping[str, Any]]],
    *,
    axes: str = "",
    region: Sequence[slice] | None = None,
    draws: int = 2,
    tau: float = TAU,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    time_budget: float = 0,
    fill_nan: bool = False,
    stabilise: Stabilise = "auto",
    decorrelate: Decorrelate = "auto",
    on_event: Listener | None = None,
) -> Ranking:
    """Rank methods and settings on an image by a score that needs no clean image.

    The noise of the image is split in two; each method denoises one part and is scored
    against the other. The order is what it tells; the estimated errors are biased.

    Parameters
    ----------
    image : Image, array or path
        As for `denoise`.
    methods : sequence
        Names of methods, or pairs of a name and settings: ``["bm3d", ("gaussian",
        {"width": 2})]``.
    axes : str
        As for `denoise`.
    region : sequence of slice, optional
        The part that is scored, one slice per axis; the middle 256 x 256 if omitted.
    draws : int
        Splits to average over.
    tau : float
        How much noise is added to the part that is denoised, see `analysis.heldout.split`.
    seed, device, precision, time_budget, fill_nan, stabilise, decorrelate, on_event
        As for `denoise`; the time budget is of each denoising.

    Returns
    -------
    Ranking
        ``rows``, the best first, each with the estimated error, how far it is behind the
        best and whether that is more than chance, and a map of where it removed something
        real; ``failed``, what could not be scored and why.

    Raises
    ------
    ImageError
        If the noise is correlated between pixels: the order would be wrong.
    SelfDenoiseError
        If the image, a name or a value is not usable; the message says what would be.

    Examples
    --------
    >>> from napari_selfdenoise import rank
    >>> from napari_selfdenoise.data.synthetic import make_sample
    >>> noisy = make_sample("cells", seed=0, shape=(128, 128)).noisy
    >>> ranking = rank(noisy, [("gaussian", {"width": width}) for width in (0.3, 1.0, 5.0)])
    >>> ranking.rows[0].name
    'gaussian width=1.0'
    """
    preparation = preparation_of(stabilise, decorrelate)
    ways = {}
    for each in methods:
        name, settings = (each, {}) if isinstance(each, str) else each
        method = get(name)
        config = method.Config.from_json(settings)
        title = " ".join([name, *(f"{key}={value}" for key, value in settings.items())])
        ways[title] = candidate(method, config, preparation, tau)
    context = Context(
        seed=seed,
        device=device,
        precision=precision,
        time_budget=time_budget,
        fill_nan=fill_nan,
    )
    opened = open_image(image, axes)
    return finish(start(opened, ways, context, region=region, draws=draws, tau=tau), on_event)
