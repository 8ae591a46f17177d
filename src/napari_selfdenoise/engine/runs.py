"""The verbs of learned methods: train, apply, and both on one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError, keeping
from napari_selfdenoise.core.events import Progress, Run, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.checks import (
    Checked,
    check_alike,
    check_image,
    check_takes_targets,
)
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.engine.memory import reused_memory
from napari_selfdenoise.engine.memory_forecast import check_results_fit
from napari_selfdenoise.engine.model import Model
from napari_selfdenoise.engine.planewise import with_residual
from napari_selfdenoise.engine.posterior import Posterior, sampled_images
from napari_selfdenoise.engine.predict_image import predict_image
from napari_selfdenoise.engine.preparation import UNPREPARED, Preparation, Prepared
from napari_selfdenoise.engine.prepare import around, choose_preparation, told
from napari_selfdenoise.engine.provenance import record, with_notes
from napari_selfdenoise.engine.record_facts import with_facts
from napari_selfdenoise.engine.train_model import train_model


def train(
    method: LearnedMethod[Any],
    images: Sequence[Image],
    config: TrainingConfig,
    context: Context,
    preparation: Preparation = UNPREPARED,
) -> Run[Model]:
    """Train a method on one image, a stack or many images.

    Each fluorescence channel (axis C) gets a network of its own. Stopped early, the model
    holds what was learned so far; channels that were not begun have no network.

    Parameters
    ----------
    method : LearnedMethod
        What to train.
    images : sequence of Image
        All with the same channels and colour samples; of any sizes.
    config : TrainingConfig
        The method's settings.
    context : Context
        Device, seed, stop flag, time budget, checkpoint.
    preparation : Preparation
        What is done to the images before; the model repeats it.

    Raises
    ------
    ImageError
        If an image cannot be used or the images do not fit together.
    UsageError
        If the method needs targets and there are none, or takes none and there are some.
    """
    # What does not fit is refused before the pixels are read, which may take long.
    check_takes_targets(method.title, method.target, context.targets)
    finish(method.pairs(images, context.targets))
    check_alike(images, planes=config.network_per == "plane")
    checked = []
    for number, image in enumerate(images, 1):
        checked.append(check_image(image, fill_nan=context.fill_nan))
        if len(images) > 1:
            yield Progress(number, len(images), "reading")
    (prepared, _), notes = yield from with_notes(
        choose_preparation(method, [each.image for each in checked], config, preparation)
    )
    inner = [replace(each, image=prepared.apply(each.image)) for each in checked]
    model = yield from prepared.undo_events(
        train_model(method, inner, config, context, prepared), checked[0].image, context
    )
    provenance = told(model.provenance, prepared, preparation, config, notes)
    model = replace(model, provenance=provenance)
    return with_facts(model, [each.image for each in checked], context)


def apply(model: Model, image: Image, context: Context) -> Run[Result]:
    """Denoise an image with a trained model, without training.

    Raises
    ------
    ModelError
        If the model was trained on another number of channels or colour samples.
    ImageError
        If the image cannot be denoised, or its result does not fit into the memory.
    UsageError
        If it does not go with the model's settings.
    """
    check_results_fit(model.method, image, context.sampling, context.outputs)
    checked = check_image(image, fill_nan=context.fill_nan)
    prepared = model.preparation
    model.method.check_images(model.config, [checked.image], prepared.stride)
    if not prepared:
        return (yield from _apply(model, checked, context))

    def start(inner: Image) -> Run[Result]:
        return _apply(model, replace(checked, image=inner), context)

    result = yield from around(prepared, checked, context, start)
    provenance = replace(result.provenance, preparation=model.provenance.preparation)
    return replace(result, provenance=provenance)


def sample(result: Result, count: int, context: Context) -> Run[Result]:
    """Draw `count` more posterior samples, and return a result of all of them.

    The mean and the spread go on from where they are, with the seed they were begun with.
    Settings of ``context.sampling`` hold, but for the number of samples and whether they are
    mirrored, which stays; with a tolerance, sampling may end before. The images that were
    made on demand are made again only if it asks for them.

    Raises
    ------
    UsageError
        If the result is of a method without a posterior.
    """
    posterior = result.posterior
    if not isinstance(posterior, Posterior):
        raise UsageError(
            f"{result.provenance.method} draws no posterior samples, so there are no more to "
            "add; a method such as COSDD does."
        )
    context.sampling = replace(context.sampling, samples=posterior.count + count)
    with reused_memory():
        images, notes = yield from with_notes(sampled_images(posterior, context))
    former = result.provenance
    provenance = replace(
        former,
        seconds=round(former.seconds + context.seconds, 3),
        sampling=posterior.facts(),
        notes=tuple(dict.fromkeys(former.notes + notes)),
    )
    kept = {name: image for name, image in result.images.items() if name not in images}
    return replace(
        result, images={**images, **kept}, provenance=provenance, stopped=context.stopped
    )


def train_and_apply(
    method: LearnedMethod[Any], image: Image, config: TrainingConfig, context: Context
) -> Run[Result]:
    """Train a method on an image and denoise this image with it.

    Raises
    ------
    UndenoisedError
        If only the latter fails; it holds the model.
    """
    checked = check_image(image, fill_nan=context.fill_nan)
    model = yield from train_model(method, [checked], config, context, Prepared())
    model = with_facts(model, [checked.image], context)
    with keeping(model):
        result = yield from _apply(model, checked, context)
    notes = tuple(dict.fromkeys(model.provenance.notes + result.provenance.notes))
    if not (result.stopped or context.time_budget):  # else it says nothing about the machine
        forecast.remember(method, image, config, context.seconds)
    provenance = replace(result.provenance, settings=config.to_json(), notes=notes)
    return replace(result, provenance=provenance)


def _apply(model: Model, checked: Checked, context: Context) -> Run[Result]:
    with reused_memory():
        return (yield from _predict(model, checked, context))


def _predict(model: Model, checked: Checked, context: Context) -> Run[Result]:
    if model.method.samples_posterior:
        posterior = Posterior(
            model,
            checked.image,
            context.seed,
            context.outputs.scratch(),
            context.sampling.mirrored,
        )
        return (yield from _sample(posterior, checked, context))
    out = context.outputs.new(checked.image)
    denoised, notes = yield from with_notes(
        predict_image(model, checked.image, context, out=out)
    )
    provenance = _recorded(model, checked, context, notes)
    return Result(
        with_residual(checked.image, denoised), provenance, model, stopped=context.stopped
    )


def _sample(posterior: Posterior, checked: Checked, context: Context) -> Run[Result]:
    images, notes = yield from with_notes(sampled_images(posterior, context))
    provenance = _recorded(posterior.model, checked, context, notes)
    return Result(
        images,
        replace(provenance, sampling=posterior.facts()),
        posterior.model,
        posterior,
        context.stopped,
    )


def _recorded(
    model: Model, checked: Checked, context: Context, notes: tuple[str, ...]
) -> Provenance:
    compute = Compute.of(context)
    return record(
        model.method,
        model.config,
        context,
        checked,
        notes=notes,
        device=str(compute.device),
        precision=compute.precision,
    )
