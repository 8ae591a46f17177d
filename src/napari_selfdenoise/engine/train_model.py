"""Training the networks of a model: one for all planes, or one for each channel or plane."""

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
from napari_selfdenoise.core.events import Note, Preview, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.checks import Checked, check_image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import Planes, channel_planes
from napari_selfdenoise.engine.checkpoint import Checkpoint
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.engine.learner import Learner
from napari_selfdenoise.engine.memory import reused_memory
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.predict import Denoiser, predict_plane
from napari_selfdenoise.engine.predict_image import denoiser_of
from napari_selfdenoise.engine.preparation import Prepared
from napari_selfdenoise.engine.provenance import record, with_notes
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.engine.train import MakePreview, Trainer

_global_random_numbers = threading.Lock()


def train_model(
    method: LearnedMethod[Any],
    checked: Sequence[Checked],
    config: TrainingConfig,
    context: Context,
    prepared: Prepared,
) -> Run[Model]:
    """Train the networks of a model on images that were checked and prepared.

    Parameters
    ----------
    method, config, context
        As for `engine.runs.train`.
    checked : sequence of Checked
        The images as the method gets them.
    prepared : Prepared
        How they were prepared; the model repeats it.
    """
    images = [each.image for each in checked]
    config, chosen = yield from with_notes(method.settle(config, images))
    given = [check_image(each, fill_nan=context.fill_nan) for each in context.targets]
    (sources, targets), paired = yield from with_notes(
        method.pairs(images, [each.image for each in given])
    )
    groups = _groups(sources, config)
    taught = _groups(targets, config) if targets else [[] for _ in groups]
    compute = Compute.of(context)
    digest = hashlib.sha256("".join(each.digest for each in checked).encode()).hexdigest()[:16]
    together = replace(checked[0], digest=checked[0].digest if len(checked) == 1 else digest)
    taught_by = [each.digest for each in given]
    session = _Session(method, config, context, compute, f"{digest} {prepared} {taught_by}")
    with reused_memory():
        members, notes = yield from with_notes(_train_members(session, groups, taught))
    if not context.stopped:
        for number in range(len(groups)):
            if (checkpoint := session.checkpoint(number)) is not None:
                checkpoint.remove()
    provenance = record(
        method,
        config,
        context,
        together,
        notes=chosen + paired + notes,
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

    def denoiser(self, member: Member) -> Denoiser:
        """Return what denoises with a network."""
        return denoiser_of(self.method, self.config, member, self.compute)

    def checkpoint(self, number: int) -> Checkpoint | None:
        """Return the checkpoint of one network, if the context wants any."""
        path = self.context.checkpoint
        if path is None:
            return None
        fingerprint = f"{self.method.name} {self.config} {self.context.seed} {self.digest}"
        name = path.name if number == 0 else f"{path.name}.{number}"
        return Checkpoint(path.with_name(name), f"{fingerprint} {number}")


def _train_members(
    session: _Session, groups: list[list[Planes]], taught: list[list[Planes]]
) -> Run[tuple[Member, ...]]:
    """Train one network after the other; `taught` are the targets of each group's planes."""
    members: list[Member] = []
    context = session.context
    for number, (sources, targets) in enumerate(zip(groups, taught, strict=True)):
        label = (
            f", {sources[0].name} ({number + 1} of {len(groups)})" if len(groups) > 1 else ""
        )
        left = context.time_budget - context.seconds
        seconds = max(left, 0.1) / (len(groups) - number) if context.time_budget else np.inf
        member = yield from _train_member(session, sources, targets, number, label, seconds)
        members.append(member)
        if context.stopped:
            break
    return tuple(members)


def _train_member(
    session: _Session,
    sources: list[Planes],
    targets: list[Planes],
    number: int,
    label: str,
    seconds: float,
) -> Run[Member]:
    method, config, context = session.method, session.config, session.context
    if len(sources) > 1:
        yield Progress(0, config.steps, "measuring intensities" + label)
    normalization = Normalization.fit(sources, method.normalization)
    patches = Patches(
        sources,
        normalization,
        patch_size=config.patch_size,
        validation_fraction=config.validation_fraction,
        rng=np.random.default_rng([context.seed, number]),
        multiple=method.multiple,
        targets=targets,
        planned=config.steps * config.accumulate * config.batch_size,
        beside=method.beside(config),
        quarter_turns=not method.directed(config),
    )
    if 0 < patches.mirrored < len(sources):
        yield Note(
            f"{patches.mirrored} of {len(sources)} images are smaller than the patches of "
            f"{patches.shape[0]} x {patches.shape[1]} pixels, and are mirrored up to them."
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
        learner.network,
        patches,
        context,
        _restored(session, learner, normalization, sources),
        lambda: trainer.share,
    )
    yield from trainer.run(method.stages(training, config))
    unshifted = Member(learner.network.eval(), normalization, (0.0,) * sources[0].channels)
    if not method.keeps_brightness:
        return unshifted
    brightness = session.denoiser(unshifted).lost_brightness(
        sources, lambda noise: method.centre(noise, config)
    )
    return replace(unshifted, brightness=brightness)


def _restored(
    session: _Session, learner: Learner, normalization: Normalization, sources: list[Planes]
) -> Callable[[int, int], NDArray[np.float32]]:
    """Return what denoises a whole plane, normalised, with what has been learned so far."""
    unshifted = Member(learner.predictor, normalization, (0.0,) * sources[0].channels)

    def restored(source: int, plane: int) -> NDArray[np.float32]:
        denoised = predict_plane(session.denoiser(unshifted), sources[source], plane)
        return normalization.apply(denoised)

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
    per_image = [channel_planes(image) for image in images]
    groups = [list(sources) for sources in zip(*per_image, strict=True)]
    if config.network_per == "plane":
        return [
            list(alike)
            for group in groups
            for alike in zip(*(planes.each_alone() for planes in group), strict=True)
        ]
    return groups


def _preview(
    session: _Session, normalization: Normalization, sources: list[Planes]
) -> MakePreview:
    """Return what denoises the region a user looks at, if these planes show it."""
    context = session.context

    def preview(network: nn.Module, step: int) -> Preview | None:
        region, image = context.preview_region, sources[0].image
        if region is None or not _shows(region, sources[0]):
            return None
        shown = image.part(region)
        out = np.full(shown.shape, np.nan, np.float32)
        unshifted = Member(network, normalization, (0.0,) * sources[0].channels)
        denoiser = session.denoiser(unshifted)
        places = dict(zip(image.axes, region, strict=True))
        # Planes beside the region are seen, too.
        stack = image.part([places[axis] if axis in "YX" else slice(None) for axis in places])
        for planes in channel_planes(shown):
            for at in range(len(planes)):
                fixed = {
                    axis: range(image.size(axis))[places[axis]][inside]
                    for axis, inside in planes.places(at).items()
                }
                planes.write(out, at, predict_plane(denoiser, Planes(stack, fixed), 0))
        return Preview(step, shown.like(out, f"{image.name} preview"), region)

    return preview


def _shows(region: tuple[slice, ...], planes: Planes) -> bool:
    """Whether a region of an image holds the channel (or plane) a network learns from."""
    places = dict(zip(planes.image.axes, region, strict=True))
    return all(
        at in range(planes.image.size(axis))[places[axis]] for axis, at in planes.fixed.items()
    )
