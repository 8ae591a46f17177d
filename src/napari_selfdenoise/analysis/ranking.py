"""Ranking ways to denoise an image by their held-out scores, without a clean image."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.heldout import (
    TAU,
    HeldOutScore,
    Kind,
    Split,
    heldout_map,
    heldout_score,
)
from napari_selfdenoise.analysis.residual_map import FOLLOWS
from napari_selfdenoise.analysis.split_image import middle, planes_last, split_image
from napari_selfdenoise.analysis.whiteness import Whiteness, whiteness
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Event, Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.one_of_many import until_stop
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import check_image
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.planes import sample_planes
from napari_selfdenoise.data.stabilised import stabilised

Array = NDArray[Any]
Denoise = Callable[[Image, Context], Run[Result]]
"""Starts a run that denoises an image."""

_STREAM = 2021
"""Apart from all other random numbers, those of synthetic images too."""
_SURE = 2.0
"""Standard errors within which two scores count as equal."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """One way to denoise, and how it did.

    Attributes
    ----------
    name : str
        As it was given.
    score : HeldOutScore
        Of all splits.
    psnr : float or None
        The estimated error in dB; ``None`` where it is not positive.
    behind, behind_error : float
        How much larger the estimated mean squared error is than that of the best, and the
        standard error of that.
    seconds : float
        Time of one denoising.
    map : ndarray
        Where something real was removed in the first split (`heldout_map`): of the shape of
        the region, Y and X last.
    """

    name: str
    score: HeldOutScore
    psnr: float | None
    behind: float
    behind_error: float
    seconds: float
    map: NDArray[np.float32]

    @property
    def removed(self) -> float:
        """Share of the region where the map is above 4: something real was removed."""
        return float(np.mean(self.map > FOLLOWS))

    @property
    def as_good_as_the_best(self) -> bool:
        """Whether it is behind by less than can be told from chance."""
        return self.behind <= _SURE * self.behind_error

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "mse": self.score.mse,
            "standard_error": self.score.standard_error,
            "psnr": self.psnr,
            "behind": self.behind,
            "behind_error": self.behind_error,
            "as_good_as_the_best": self.as_good_as_the_best,
            "removed": self.removed,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class Ranking:
    """Ways to denoise an image, the best first.

    Attributes
    ----------
    rows : tuple of Ranked
        By estimated error.
    failed : mapping of str to str
        What could not be scored, and why.
    whiteness : Whiteness
        Of the channel whose noise is least independent.
    region : tuple of slice
        The part of the image that was scored.
    draws : int
        Splits that were averaged.
    tau : float
        See `analysis.heldout.split`.
    """

    rows: tuple[Ranked, ...]
    failed: Mapping[str, str]
    whiteness: Whiteness
    region: tuple[slice, ...]
    draws: int
    tau: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "failed": dict(self.failed),
            "whiteness": self.whiteness.to_json(),
            "region": [[part.start, part.stop] for part in self.region],
            "draws": self.draws,
            "tau": self.tau,
        }


def rank(
    image: Image,
    candidates: Mapping[str, Denoise],
    context: Context,
    *,
    region: Sequence[slice] | None = None,
    draws: int = 2,
    tau: float = TAU,
    kind: Kind = "auto",
    models: Sequence[NoiseModel] = (),
) -> Run[Ranking]:
    """Rank ways to denoise an image by how well they predict noise they have not seen.

    Each denoises the noisier part of the same splits of the image, and is scored against the
    other part (`heldout_score`). What cannot be scored is left out with a note; after a stop,
    those that were scored are ranked.

    Parameters
    ----------
    image : Image
        The noisy image; not modified.
    candidates : mapping of str to callable
        Name -> what starts a run that denoises an image; for a method with settings see
        `engine.candidate.candidate`.
    context : Context
        Device, precision, seed, time budget of each candidate, and stop.
    region : sequence of slice, optional
        The part that is scored, one slice per axis; the middle, at most 256 x 256 and 8
        planes along T and Z, if omitted. The noise is measured on the whole image.
    draws : int
        Splits to average over; two or more correct for the noise that they add.
    tau, kind
        As in `analysis.heldout.split`.
    models : sequence of NoiseModel
        Known noise of each channel and in it each colour, or one for all; fitted if omitted.

    Raises
    ------
    ImageError
        If the noise is correlated between pixels, so that the order would be wrong, or if it
        cannot be measured.
    UsageError
        If there is no candidate, or a value out of bounds.
    """
    if not candidates:
        raise UsageError("There is nothing to rank; name at least one method.")
    if draws < 1:
        raise UsageError(f"draws is {draws}; at least one split is needed.")
    image = check_image(image, fill_nan=context.fill_nan).image
    stacks = sample_planes([image])
    worst = yield from check_white(stacks)
    models = tuple(models) or tuple(map(fit_noise_model, stacks))
    if len(models) not in (1, len(stacks)):
        raise UsageError(
            f"There are {len(models)} noise models for {len(stacks)} channels and colours; "
            "give one for each, or one for all."
        )
    where = middle(image) if region is None else _whole(image, region)
    part = image.crop(where)
    splits = [
        split_image(
            part, models, np.random.default_rng((_STREAM, context.seed, draw)), tau, kind
        )
        for draw in range(draws)
    ]
    found: dict[str, Ranked] = {}
    failed: dict[str, str] = {}
    span = float(np.ptp(part.read()))
    for number, (name, denoise) in enumerate(candidates.items()):
        try:
            scored = yield from _scored(
                name, denoise, part, splits, models, context, (number, len(candidates), span)
            )
        except SelfDenoiseError as error:
            failed[name] = str(error)
            yield Note(f"{name} was not scored: {error}", "warning")
            continue
        if scored is None:
            context.honour_stop()
            break
        found[name] = scored
    if not found:
        reasons = " ".join(failed.values()) or "The run was stopped before any was."
        raise ImageError(f"Nothing could be scored. {reasons}")
    return Ranking(_in_order(found.values()), failed, worst, where, draws, tau)


def _scored(
    name: str,
    denoise: Denoise,
    part: Image,
    splits: Sequence[Split],
    models: Sequence[NoiseModel],
    context: Context,
    place: tuple[int, int, float],
) -> Run[Ranked | None]:
    """Score one candidate; ``None`` when a stop is asked for."""
    number, count, span = place
    results, begun = [], time.monotonic()
    for draw, halves in enumerate(splits):
        step = number * len(splits) + draw
        yield Progress(step, count * len(splits), f"scoring {name}")
        run = denoise(part.like(halves.denoise), context.alone(context.seed + draw))
        result = yield from until_stop(run, context, _warning)
        if result is None:
            return None
        results.append(result["denoised"])
    seconds = (time.monotonic() - begun) / len(splits)
    parts = [Split(*(planes_last(each, part.axes) for each in halves)) for halves in splits]
    arrays = [planes_last(each.read(), part.axes) for each in results]
    score = heldout_score(arrays, parts)
    even = planes_last(stabilised(results[0], models).read(), part.axes)
    removed = heldout_map(arrays[0], parts[0], even)
    psnr = score.psnr(span) if span > 0 else None
    return Ranked(name, score, psnr, 0.0, 0.0, seconds, removed)


def check_white(stacks: Sequence[Array]) -> Run[Whiteness]:
    """Measure whether the noise is independent; warn where that is doubtful.

    Returns
    -------
    Whiteness
        Of the stack, (planes, Y, X), that is worst.

    Raises
    ------
    ImageError
        If the noise of one of them is correlated.
    """
    order = ("white", "fine structure", "doubtful", "correlated")
    worst = max(
        map(whiteness, stacks), key=lambda each: (order.index(each.verdict), each.ratio)
    )
    if worst.verdict == "correlated":
        raise ImageError(str(worst))
    if worst.verdict != "white":
        yield Note(str(worst), "warning")
    return worst


def _whole(image: Image, region: Sequence[slice]) -> tuple[slice, ...]:
    """Return the region with a start and an end along each axis."""
    if len(region) != len(image.shape):
        raise UsageError(
            f"The region has {len(region)} slices, but {image.name} has the axes {image.axes}."
        )
    return tuple(
        slice(*part.indices(side)[:2]) for part, side in zip(region, image.shape, strict=True)
    )


def _warning(event: Event) -> Event | None:
    """Pass warnings on; other notes come for each split."""
    return event if isinstance(event, Note) and event.level == "warning" else None


def _in_order(found: Iterable[Ranked]) -> tuple[Ranked, ...]:
    """Return the best first, each with how far it is behind."""
    rows = sorted(found, key=lambda row: row.score.mse)
    behind = [row.score.behind(rows[0].score) for row in rows]
    return tuple(
        replace(row, behind=difference, behind_error=error)
        for row, (difference, error) in zip(rows, behind, strict=True)
    )
