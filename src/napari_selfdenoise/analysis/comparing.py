"""Denoising an image in several ways, one after the other, and scoring each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_selfdenoise.analysis.advice import diagnose, slices_of
from napari_selfdenoise.analysis.compared_planes import compared_planes
from napari_selfdenoise.analysis.comparison import Compared, Comparison
from napari_selfdenoise.analysis.heldout import TAU
from napari_selfdenoise.analysis.ranking import Denoise, Ranking, rank
from napari_selfdenoise.analysis.reference_scores import check_reference, score
from napari_selfdenoise.analysis.residual import check_residual
from napari_selfdenoise.analysis.split_image import middle
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Event, Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.one_of_many import until_stop
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import check_image
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.planes import sample_planes

DRAWS = 2
"""Splits over which held-out scores are averaged."""


@dataclass(frozen=True)
class Way:
    """One of the ways to compare.

    Attributes
    ----------
    method : Method
        What it is.
    candidate : callable
        Takes tau and returns what denoises an image, 0, or the noisier part of its split
        (`engine.candidate.candidate`).
    """

    method: Method[Any]
    candidate: Callable[[float], Denoise]


def compare(
    image: Image,
    ways: Mapping[str, Way],
    methods: Iterable[Method[Any]],
    context: Context,
    *,
    region: Mapping[str, tuple[int, int]] | None = None,
    reference: Image | None = None,
    draws: int = DRAWS,
) -> Run[Comparison]:
    """Denoise an image, or a region of it, in several ways one after the other.

    What fails is noted and left out; after a stop, those that were done are compared, without
    held-out scores. The held-out scores denoise each way `draws` times more, with noise that
    is measured on the whole image.

    Parameters
    ----------
    image : Image
        The noisy image; not modified.
    ways : mapping of str to Way
        What to compare, by name.
    methods : iterable of Method
        All that are advised on, in the order shown to users.
    context : Context
        Device, precision, seed, and the time budget of each run.
    region : mapping of str to (int, int), optional
        First pixel and the one after the last along some axes; the whole image if omitted.
    reference : Image, optional
        Clean image of the shape of `image`.
    draws : int
        Splits to average held-out scores over; 0 for none.

    Raises
    ------
    UsageError
        If there is nothing to compare, or the region is not inside the image.
    ImageError
        If the image or the reference cannot be used, or no way could denoise it.
    """
    if not ways:
        raise UsageError("There is nothing to compare; name at least one method.")
    if draws < 0:
        raise UsageError(f"draws is {draws}; it must be 0, for no held-out score, or more.")
    if reference is not None:
        check_reference(reference, image)
    whole = check_image(image, fill_nan=context.fill_nan).image
    where = slices_of(region or {}, whole)
    part = check_image(whole.crop(where)).image
    clean = None if reference is None else reference.crop(where)
    models = _models(whole)
    diagnosis = diagnose(part, methods, {})
    found: dict[str, Compared] = {}
    failed: dict[str, str] = {}
    for name, way in ways.items():
        try:
            result = yield from _denoised(name, way, part, context)
        except SelfDenoiseError as error:
            failed[name] = str(error)
            yield Note(f"{name} failed: {error}", "warning")
            continue
        if result is None:
            break
        found[name] = _judged(name, way, part, result, clean, models)
    if not found:
        reasons = " ".join(failed.values()) or "The run was stopped before any was done."
        raise ImageError(f"Nothing could be compared. {reasons}")
    if context.stopping:
        context.honour_stop()
        ranking, refused = None, "The run was stopped before the held-out scores."
    elif not draws:
        ranking, refused = None, "No held-out scores were asked for."
    else:
        scored = {name: ways[name].candidate(TAU) for name in found}
        shifted = _within(where, middle(part))
        ranking, refused = yield from _ranked(whole, scored, context, shifted, draws, models)
    rows, order = _in_order(found.values(), ranking)
    results = {row.name: row.denoised for row in rows}
    maps = {} if ranking is None else {row.name: row.map for row in ranking.rows}
    return Comparison(
        image=image.name,
        noisy=part,
        reference=clean,
        region=where,
        diagnosis=diagnosis,
        rows=rows,
        order=order,
        failed=failed,
        refused=refused,
        doubts={} if ranking is None else ranking.failed,
        ranking=ranking,
        planes=compared_planes(part, clean, results, models, maps),
        whole=part.shape == whole.shape,
        time_budget=context.time_budget,
    )


def _models(image: Image) -> tuple[NoiseModel, ...]:
    """Return the noise of each channel and colour; nothing if that of one is not known."""
    try:
        return tuple(map(fit_noise_model, sample_planes([image])))
    except ImageError:
        return ()


def _denoised(name: str, way: Way, part: Image, context: Context) -> Run[Result | None]:
    """Denoise in one way, under a budget of its own; ``None`` when a stop is asked for."""

    def shown(event: Event) -> Event | None:
        if isinstance(event, Progress):
            return replace(event, stage=f"{name}: {event.stage}")
        return replace(event, text=f"{name}: {event.text}") if isinstance(event, Note) else None

    return (yield from until_stop(way.candidate(0.0)(part, context.alone()), context, shown))


def _judged(
    name: str,
    way: Way,
    part: Image,
    result: Result,
    clean: Image | None,
    models: Sequence[NoiseModel],
) -> Compared:
    denoised = result["denoised"]
    stacks = zip(sample_planes([part]), sample_planes([denoised]), strict=True)
    try:
        checks = tuple(
            check_residual(before, after, models[number] if models else None)
            for number, (before, after) in enumerate(stacks)
        )
    except ImageError:  # too small
        checks = ()
    return Compared(
        name=name,
        title=way.method.title,
        denoised=denoised,
        provenance=result.provenance,
        defaults=way.method.Config().to_json(),
        residuals=checks,
        scores=None if clean is None else score(part, denoised, clean),
    )


def _within(outer: Sequence[slice], inner: Sequence[slice]) -> tuple[slice, ...]:
    """Return a part of a region as a region of the whole image."""
    return tuple(
        slice(out.start + own.start, out.start + own.stop)
        for out, own in zip(outer, inner, strict=True)
    )


def _ranked(
    whole: Image,
    scored: Mapping[str, Denoise],
    context: Context,
    region: Sequence[slice],
    draws: int,
    models: Sequence[NoiseModel],
) -> Run[tuple[Ranking | None, str]]:
    """Return the held-out scores, or ``None`` and why they are refused."""
    try:
        found = yield from rank(
            whole, scored, context, region=region, draws=draws, models=models
        )
    except ImageError as error:
        return None, str(error)
    return found, ""


def _in_order(
    found: Iterable[Compared], ranking: Ranking | None
) -> tuple[tuple[Compared, ...], str]:
    """Return the rows with their held-out scores, the best first, and what orders them."""
    scores = {} if ranking is None else {row.name: row for row in ranking.rows}
    rows = [replace(row, heldout=scores.get(row.name)) for row in found]
    if any(row.scores is not None and row.scores.psnr is not None for row in rows):
        return tuple(sorted(rows, key=_psnr, reverse=True)), "PSNR"
    if scores:
        return tuple(sorted(rows, key=_error)), "held-out score"
    return tuple(rows), "none"


def _psnr(row: Compared) -> float:
    value = None if row.scores is None else row.scores.psnr
    return float("-inf") if value is None else value


def _error(row: Compared) -> float:
    return float("inf") if row.heldout is None else row.heldout.score.mse
