"""Prediction of a whole image with a model: which network denoises which planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.data.planes import Planes, channel_planes
from napari_selfdenoise.engine.device import Compute, place
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.planewise import unfinished
from napari_selfdenoise.engine.predict import Denoiser, Restore, predict


def denoiser_of(
    method: LearnedMethod[Any],
    config: Any,
    member: Member,
    compute: Compute,
    restore: Restore | None = None,
) -> Denoiser:
    """Return what denoises with one network of a model, by default as its method does."""
    return Denoiser(
        place(member.network, compute.device),
        restore or method.restore,
        member.normalization,
        member.brightness,
        compute,
        method.halo(config),
        method.tile_size(config),
        beside=method.beside(config),
    )


def predict_image(
    model: Model,
    image: Image,
    context: Context,
    restore: Restore | None = None,
    out: WritableArray | None = None,
) -> Run[WritableArray]:
    """Denoise an image with a model; planes that a stop left out are NaN.

    Parameters
    ----------
    model : Model
        Trained.
    image : Image
        Not modified.
    context : Context
        A stop ends it after the plane at hand.
    restore : callable, optional
        What denoises a batch, if not the model's method; see `Denoiser`.
    out : array, optional
        Of the image's shape and all NaN, to write to; a new one in memory if omitted.
    """
    parts = parts_of(model, image, partial=context.stopped)
    if out is None:
        out = np.full(image.shape, np.nan, np.float32)
    total = sum(len(planes) for planes in channel_planes(image))
    compute = Compute.of(context)
    done = 0
    for member, planes in parts:
        done += yield from predict(
            denoiser_of(model.method, model.config, member, compute, restore),
            planes,
            out,
            context,
            label=f", {planes.name}" if len(parts) > 1 else "",
        )
        if context.stopping:
            context.honour_stop()
            break
    if done < total:
        yield Note(unfinished(done, total), "warning")
    return out


def parts_of(model: Model, image: Image, *, partial: bool) -> list[tuple[Member, Planes]]:
    """Return which network denoises which planes.

    Raises
    ------
    ModelError
        If the model was trained on other channels or colour samples; unless `partial`, also
        if it lacks networks, because training was stopped.
    """
    if model.channels != image.size("S"):
        raise ModelError(
            f"The model was trained on images of {model.channels} colour sample(s) per pixel, "
            f"but {image.name} has {image.size('S')} ({image.axes}). Train one on such images."
        )
    groups = channel_planes(image)
    if model.config.network_per == "plane":
        groups = [alone for planes in groups for alone in planes.each_alone()]
    if len(model.members) == 1 and not partial:
        return [(model.members[0], planes) for planes in groups]
    if len(model.members) != len(groups) and not partial:
        raise ModelError(
            f"The model has {len(model.members)} networks, one for each "
            f"{'plane' if model.config.network_per == 'plane' else 'channel'} it was trained "
            f"on, but {image.name} has {len(groups)}."
        )
    return list(zip(model.members, groups, strict=False))
