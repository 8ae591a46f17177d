"""Records what a model was trained on: intensities, noise, thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.beside import stacked_axis
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.planes import Planes, channel_planes, sample_planes
from napari_selfdenoise.engine.model import Model
from napari_selfdenoise.engine.model_facts import ModelFacts, SeenChannel, Thumbnail
from napari_selfdenoise.engine.predict_image import predict_image
from napari_selfdenoise.engine.preparation import Prepared

THUMBNAIL_SIDE = 128
_PERCENTILES = 0.1, 99.9
"""Of the intensities that are remembered."""


def with_facts(model: Model, images: Sequence[Image], context: Context) -> Model:
    """Return the model with what it was trained on.

    Measured on some planes, which takes a fraction of a second.

    Parameters
    ----------
    model : Model
        Trained; with a preparation, if `images` are not prepared.
    images : sequence of Image
        What it was trained on, in the intensities that it is to be applied to.
    context : Context
        Device and precision of the thumbnail.
    """
    first = images[0]
    facts = ModelFacts(
        axes=first.axes,
        shape=first.shape,
        scale=first.scale,
        units=first.units,
        images=len(images),
        normalization=model.method.normalization,
        seen=tuple(map(_seen, sample_planes(images))),
    )
    if model.members:  # none if training was stopped before it began
        before, after = _thumbnails(model, first, facts.seen, context)
        facts = replace(facts, before=before, after=after)
    return replace(model, facts=facts)


def _seen(stack: NDArray[np.float32]) -> SeenChannel:
    """Measure intensities and noise on planes of one channel, (planes, Y, X)."""
    low, high = np.percentile(stack, _PERCENTILES)
    camera: NoiseModel | None
    try:
        camera = fit_noise_model(stack)
    except ImageError:  # too small, or saturated
        camera = None
    return SeenChannel(float(low), float(high), estimate_sigma(stack[len(stack) // 2]), camera)


def _thumbnails(
    model: Model, image: Image, seen: Sequence[SeenChannel], context: Context
) -> tuple[Thumbnail, Thumbnail]:
    """Return the middle of a plane of the first channel, noisy and denoised.

    Cut out before it is denoised: what is missing beyond its border shows in a few pixels.
    """
    planes = channel_planes(image)[0]
    own = model.config.network_per == "plane"  # then the first network is of the first plane
    places = planes.places(0 if own else len(planes) // 2)
    region = dict(zip("YX", map(_middle, planes.shape[1:]), strict=True))
    region |= {axis: slice(at, at + 1) for axis, at in places.items()}
    beside, number = model.method.beside(model.config), 0
    if beside and (axis := stacked_axis(image)):
        region[axis] = slice(max(places[axis] - beside, 0), places[axis] + beside + 1)
        number = places[axis] - region[axis].start
    shown = image.part([region.get(axis, slice(None)) for axis in image.axes])
    noisy = Planes(shown, {}).read(number)
    colours = len(noisy)
    first = replace(model, members=model.members[:1], preparation=Prepared())
    prepared = Prepared(model.preparation.noise_models[:colours], model.preparation.stride)
    # A context of its own: a stop that was asked for is not for this.
    context = Context(device=context.device, precision=context.precision)
    out = finish(predict_image(first, prepared.apply(shown), context))
    if prepared:
        out = finish(prepared.undo(out, shown))
    denoised = Planes(shown.like(out), {}).read(number)
    return _uint8(noisy, seen[:colours]), _uint8(denoised, seen[:colours])


def _uint8(values: NDArray[Any], seen: Sequence[SeenChannel]) -> Thumbnail:
    """Return a plane, (channels, Y, X), as a picture: (Y, X), or (Y, X, 3) for RGB."""
    low, high = (
        np.array([getattr(each, name) for each in seen])[:, None, None]
        for name in ("low", "high")
    )
    shares = (values - low) / np.maximum(high - low, 1e-12)
    # A network that was hardly trained may return no number; its picture is black there.
    pixels = np.rint(255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0) if len(pixels) > 1 else pixels[0])


def _middle(length: int) -> slice:
    start = max(0, (length - THUMBNAIL_SIDE) // 2)
    return slice(start, start + min(length, THUMBNAIL_SIDE))
