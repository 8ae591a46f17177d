"""The verbs of learned methods: train, apply, and both on one image."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, Preview, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.checks import Checked, check_image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import Planes, channel_planes
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.engine.checkpoint import Checkpoint
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learned import LearnedMethod, Training, TrainingConfig
from napari_selfdenoise.engine.learner import Learner
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.planewise import with_residual
from napari_selfdenoise.engine.predict import (
    Denoiser,
    denoiser_of,
    predict_image,
    predict_plane,
)
from napari_selfdenoise.engine.preparation import UNPREPARED, Preparation, Prepared
from napari_selfdenoise.engine.prepare import around, choose_preparation, told
from napari_selfdenoise.engine.provenance import record, with_notes
from napari_selfdenoise.engine.train import MakePreview, Trainer

_global_random_numbers = threading.Lock()


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
    """
    checked = [check_image(image, fill_nan=context.fill_nan) for image in images]
    (prepared, _), notes = yield from with_notes(
        choose_preparation(method, [each.image for each in checked], config, preparation)
    )
    inner = [replace(each, image=prepared.apply(each.image)) for each in checked]
    model = yield from prepared.undo_events(
        _train(method, inner, config, context, prepared), checked[0].image, context
    )
    provenance = told(model.provenance, prepared, preparation, config, notes)
    return replace(model, provenance=provenance)


def apply(model: Model, image: Image, context: Context) -> Run[Result]:
    """Denoise an image with a trained model, without training.

    Raises
    ------
    ModelError
        If the model was trained on another number of channels or colour samples.
    ImageError
        If the image cannot be denoised.
    """
    checked = check_image(image, fill_nan=context.fill_nan)
    prepared = model.preparation
    if not prepared:
        return (yield from _apply(model, checked, context))

    def start(inner: Image) -> Run[Result]:
        return _apply(model, replace(checked, image=inner), context)

    result = yield from around(prepared, checked, context, start)
    provenance = replace(result.provenance, preparation=model.provenance.preparation)
    return replace(result, provenance=provenance)


def train_and_apply(
    method: LearnedMethod[Any], image: Image, config: TrainingConfig, context: Context
) -> Run[Result]:
    """Train a method on an image and denoise this image with it."""
    checked = check_image(image, fill_nan=context.fill_nan)
    model = yield from _train(method, [checked], config, context, Prepared())
    result = yield from _apply(model, checked, context)
    notes = tuple(dict.fromkeys(model.provenance.notes + result.provenance.notes))
    if not (result.stopped or context.time_budget):  # else it says nothing about the machine
        forecast.remember(method, image, config, context.seconds)
    return replace(
        result,
        provenance=replace(result.provenance, notes=notes),
    )


def _train(
    method: LearnedMethod[Any],
    checked: Sequence[Checked],
    config: TrainingConfig,
    context: Context,
    prepared: Prepared,
) -> Run[Model]:
    groups = _groups([each.image for each in checked], config)
    compute = Compute.of(context)
    digest = hashlib.sha256("".join(each.digest for each in checked).encode()).hexdigest()[:16]
    together = replace(checked[0], digest=checked[0].digest if len(checked) == 1 else digest)
    session = _Session(method, config, context, compute, f"{digest} {prepared}")
    members, notes = yield from with_notes(_train_members(session, groups))
    if not context.stopped:
        for number in range(len(groups)):
            if (checkpoint := session.checkpoint(number)) is not None:
                checkpoint.remove()
    provenance = record(
        method,
        config,
        context,
        together,
        notes=notes,
        device=str(compute.device),
        precision=compute.precision,
    )
    return Model(method, config, groups[0][0].channels, members, provenance, prepared)


@dataclass(frozen=True)
class _Session:
    """What all networks of one training share."""

    method: LearnedMethod[Any]
    config: TrainingConfig
    context: Context
    compute: Compute
    digest: str

    def checkpoint(self, number: int) -> Checkpoint | None:
        """Return the checkpoint of one network, if the context wants any."""
        path = self.context.checkpoint
        if path is None:
            return None
        fingerprint = f"{self.method.name} {self.config} {self.context.seed} {self.digest}"
        name = path.name if number == 0 else f"{path.name}.{number}"
        return Checkpoint(path.with_name(name), f"{fingerprint} {number}")


def _train_members(session: _Session, groups: list[list[Planes]]) -> Run[tuple[Member, ...]]:
    members: list[Member] = []
    context = session.context
    for number, sources in enumerate(groups):
        label = (
            f", {sources[0].name} ({number + 1} of {len(groups)})" if len(groups) > 1 else ""
        )
        left = context.time_budget - context.seconds
        seconds = max(left, 0.1) / (len(groups) - number) if context.time_budget else np.inf
        member = yield from _train_member(session, sources, number, label, seconds)
        members.append(member)
        if context.stopped:
            break
    return tuple(members)


def _train_member(
    session: _Session, sources: list[Planes], number: int, label: str, seconds: float
) -> Run[Member]:
    method, config, context = session.method, session.config, session.context
    normalization = Normalization.fit(sources, method.normalization)
    patches = Patches(
        sources,
        normalization,
        patch_size=config.patch_size,
        validation_fraction=config.validation_fraction,
        rng=np.random.default_rng([context.seed, number]),
        multiple=method.multiple,
    )
    if config.validation_fraction > 0 and not patches.validates:
        yield Note("The image is too small to hold out a place for validation.")
    network = _initialised(method, config, sources[0].channels, [context.seed, number])
    learner = Learner(network, method.parts(network), config, session.compute)
    trainer = Trainer(
        learner,
        patches,
        config,
        context,
        label=label,
        seconds=seconds,
        preview=_preview(session, normalization, sources),
        checkpoint=session.checkpoint(number),
    )
    training = Training(
        learner.network, patches, context, _restored(session, learner, normalization, sources)
    )
    yield from trainer.run(method.stages(training, config))
    unshifted = Member(learner.network.eval(), normalization, (0.0,) * sources[0].channels)
    if not method.keeps_brightness:
        return unshifted
    brightness = denoiser_of(method, unshifted, session.compute).lost_brightness(sources)
    return replace(unshifted, brightness=brightness)


def _restored(
    session: _Session, learner: Learner, normalization: Normalization, sources: list[Planes]
) -> Callable[[int, int], NDArray[np.float32]]:
    """Return what denoises a whole plane, normalised, with what has been learned so far."""

    def restored(source: int, plane: int) -> NDArray[np.float32]:
        unshifted = (0.0,) * sources[source].channels
        denoiser = Denoiser(
            learner.predictor, session.method.restore, normalization, unshifted, session.compute
        )
        halo = session.method.halo(session.config)
        return normalization.apply(predict_plane(denoiser, sources[source], plane, halo=halo))

    return restored


def _initialised(
    method: LearnedMethod[Any], config: TrainingConfig, channels: int, seed: list[int]
) -> nn.Module:
    """Make the network from its own seed, leaving torch's global random numbers alone."""
    with _global_random_numbers, torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        return method.network(config, channels)


def _groups(images: Sequence[Image], config: TrainingConfig) -> list[list[Planes]]:
    """Return, for each network, the planes it learns from."""
    first = images[0]
    for image in images[1:]:
        for axis, what in (("C", "channels"), ("S", "colour samples")):
            if image.size(axis) != first.size(axis):
                raise ImageError(
                    f"{image.name} has {image.size(axis)} {what}, but {first.name} has "
                    f"{first.size(axis)}; images that train one model need the same."
                )
    per_image = [channel_planes(image) for image in images]
    groups = [list(sources) for sources in zip(*per_image, strict=True)]
    if config.network_per == "plane":
        return [
            [alone] for group in groups for planes in group for alone in planes.each_alone()
        ]
    return groups


def _preview(
    session: _Session, normalization: Normalization, sources: list[Planes]
) -> MakePreview:
    """Return what denoises the region a user looks at, if these planes show it."""
    restore, context, compute = session.method.restore, session.context, session.compute

    def preview(network: nn.Module, step: int) -> Preview | None:
        region, image = context.preview_region, sources[0].image
        if region is None or not _shows(region, sources[0]):
            return None
        shown = image.crop(region)
        out = np.full(shown.shape, np.nan, np.float32)
        shift = (0.0,) * sources[0].channels
        denoiser = Denoiser(network, restore, normalization, shift, compute)
        for planes in channel_planes(shown):
            for at in range(len(planes)):
                planes.write(out, at, denoiser.denoise(planes, at))
        return Preview(step, shown.like(out, f"{image.name} preview"), region)

    return preview


def _shows(region: tuple[slice, ...], planes: Planes) -> bool:
    """Whether a region of an image holds the channel (or plane) a network learns from."""
    places = dict(zip(planes.image.axes, region, strict=True))
    return all(
        at in range(planes.image.size(axis))[places[axis]] for axis, at in planes.fixed.items()
    )


def _apply(model: Model, checked: Checked, context: Context) -> Run[Result]:
    compute = Compute.of(context)
    denoised, notes = yield from with_notes(predict_image(model, checked.image, context))
    provenance = record(
        model.method,
        model.config,
        context,
        checked,
        notes=notes,
        device=str(compute.device),
        precision=compute.precision,
    )
    return Result(with_residual(checked.image, denoised), provenance, model, context.stopped)
