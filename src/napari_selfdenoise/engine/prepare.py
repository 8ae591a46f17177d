"""Choosing how an image is prepared for a method, and runs that do so."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, UndenoisedError, UsageError, keeping
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.checks import Checked, check_image, check_takes_targets
from napari_selfdenoise.data.noise_correlation import (
    CORRELATED,
    LARGEST_STRIDE,
    noise_autocorrelation,
    white_stride,
)
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.planes import sample_planes, typical
from napari_selfdenoise.data.sub_images import sub_images
from napari_selfdenoise.engine.memory_forecast import check_results_fit
from napari_selfdenoise.engine.planewise import with_residual
from napari_selfdenoise.engine.preparation import Preparation, Prepared
from napari_selfdenoise.engine.provenance import with_notes

Array = NDArray[Any]

UNEVEN = 1.5
"""Noise that is so many times as strong in bright parts as in dark ones is made even."""
_SMALLEST_SIDE = 64
"""Pixels; the noise of smaller images tells too little to decide on it."""


def denoise(
    method: Method[Any],
    image: Image,
    config: Config,
    context: Context,
    preparation: Preparation,
) -> Run[Result]:
    """Denoise `image`, prepared so that its noise is what the method assumes.

    Parameters
    ----------
    method : Method
        What denoises.
    image : Image
        Not modified.
    config : Config
        The method's settings.
    context : Context
        As for `Method.denoise`.
    preparation : Preparation
        What to do; ``"auto"`` measures on the image.

    Raises
    ------
    UndenoisedError
        If a network was trained and could not be applied; it holds the model.
    SelfDenoiseError
        If the image, the settings or the memory do not allow it.
    """
    check_takes_targets(method.title, method.target, context.targets)
    check_results_fit(method, image, context.sampling, context.outputs)
    checked = check_image(image, fill_nan=context.fill_nan)
    (prepared, inner), notes = yield from with_notes(
        choose_preparation(method, [checked.image], config, preparation)
    )

    def completed(model: Any) -> Any:
        trained = told(model.provenance, prepared, preparation, config, notes)
        trained = replace(trained, input_hash=checked.digest)
        model = replace(model, preparation=prepared, provenance=trained)
        if not prepared:
            return model  # it remembers the image already
        from napari_selfdenoise.engine.record_facts import with_facts  # loads torch

        return with_facts(model, [checked.image], context)

    try:
        if prepared:
            result = yield from around(
                prepared, checked, context, lambda image: method.denoise(image, inner, context)
            )
        else:
            result = yield from method.denoise(image, config, context)
    except UndenoisedError as error:
        raise UndenoisedError(error.why, completed(error.model)) from error
    provenance = told(result.provenance, prepared, preparation, config, notes)
    model = None if result.model is None else completed(result.model)
    return replace(result, provenance=provenance, model=model)


def around(
    prepared: Prepared,
    checked: Checked,
    context: Context,
    start: Callable[[Image], Run[Result]],
) -> Run[Result]:
    """Run on the prepared image, and return the result for the image itself."""
    image = checked.image
    outputs = context.outputs
    # The run may make an image of another shape, and makes one of other intensities.
    apart = prepared.stride > 1 or outputs.watched
    if apart:
        context.outputs = outputs.scratch()
    try:
        run = start(prepared.apply(image))
        result = yield from prepared.undo_events(run, image, context)
    finally:
        context.outputs = outputs
    made = result["denoised"].data
    result = replace(result, images={})  # a residual that is of no use would take memory
    out = outputs.new(image) if apart else cast(WritableArray, made)
    with keeping(result.model):
        denoised = yield from prepared.undo(made, image, out)
    provenance = replace(
        result.provenance, input_hash=checked.digest, seconds=round(context.seconds, 3)
    )
    return replace(result, images=with_residual(image, denoised), provenance=provenance)


def told(
    provenance: Provenance,
    prepared: Prepared,
    preparation: Preparation,
    config: Config,
    notes: tuple[str, ...],
) -> Provenance:
    """Return the provenance with the preparation in it, and the settings as they were given."""
    return replace(
        provenance,
        settings=config.to_json(),
        preparation={**preparation.to_json(), **prepared.to_json()},
        notes=tuple(dict.fromkeys(notes + provenance.notes)),
    )


def choose_preparation(
    method: Method[Any], images: Sequence[Image], config: Config, preparation: Preparation
) -> Run[tuple[Prepared, Config]]:
    """Choose how images are prepared, and return it with the method's settings for them."""
    method.check_images(config, images)  # before anything is measured, which may take long
    if method.learns_noise_as_it_is:
        return _unprepared(method, preparation), config
    known = method.with_sigma(config, 1.0)
    if known is None and preparation.stabilise == "on":
        raise UsageError(
            "sigma is given in the image's intensities, but with stabilise=on the noise is "
            "of strength 1 on another scale: leave sigma at 0, or use stabilise=off."
        )
    stride = yield from _stride(method, images, preparation)
    method.check_images(config, images, stride)
    models: tuple[NoiseModel, ...] = ()
    if known is not None:
        models = yield from _noise_models(method, images, preparation, stride)
    return Prepared(models, stride), known if models and known is not None else config


def _unprepared(method: Method[Any], preparation: Preparation) -> Prepared:
    """Leave the image of a method as it is that learns any noise."""
    for name, value in preparation.to_json().items():
        if value not in ("auto", "off"):
            raise UsageError(
                f"{name}={value} does not go with {method.title}, which learns the noise as "
                f"it is: leave {name} at auto or off."
            )
    return Prepared()


def _stride(method: Method[Any], images: Sequence[Image], preparation: Preparation) -> Run[int]:
    wanted = preparation.decorrelate
    if wanted == "off":
        return 1
    if wanted != "auto":
        return int(wanted)
    if not method.assumes_white_noise or _smallest_side(images) < _SMALLEST_SIDE:
        return 1
    correlations = [
        noise_autocorrelation(stack, LARGEST_STRIDE)[-2:] for stack in sample_planes(images)
    ]
    strides = [white_stride(correlation) for correlation in correlations]
    stride = max(strides)
    stride += method.extra_stride if stride > 1 else 0
    neighbours = max((each[:, 0] for each in correlations), key=min)
    about = f"correlated (by {neighbours[0]:.2f} along Y, {neighbours[1]:.2f} along X)"
    if stride > 1:
        yield Note(
            f"The noise of neighbouring pixels is {about}: each plane is denoised as "
            f"{stride**2} sub-images, each of one pixel in {stride} along Y and X "
            f"(decorrelate={wanted})."
        )
    elif min(neighbours) > CORRELATED:
        yield Note(
            f"Neighbouring pixels are {about} even in the flattest places, but so far that it "
            "is taken for structure. If it is noise, set decorrelate to 4 or 5."
        )
    return stride


def _noise_models(
    method: Method[Any], images: Sequence[Image], preparation: Preparation, stride: int
) -> Run[tuple[NoiseModel, ...]]:
    wanted = preparation.stabilise
    if wanted == "off" or (wanted == "auto" and not method.assumes_even_noise):
        return ()
    if wanted == "auto" and _smallest_side(images) < _SMALLEST_SIDE:
        return ()
    stacks = sample_planes(
        [sub_images(image, stride) if stride > 1 else image for image in images]
    )
    try:
        models = tuple(map(fit_noise_model, stacks))
    except ImageError as error:
        if wanted == "on":
            raise
        yield Note(f"The noise is not made even, because it could not be measured: {error}")
        return ()
    ratio = max(_unevenness(*pair) for pair in zip(models, stacks, strict=True))
    if wanted == "auto" and ratio < UNEVEN:
        return ()
    gains = ", ".join(f"{model.gain:.3g}" for model in models)
    yield Note(
        f"The noise is made even before denoising: it is {ratio:.1f} times as strong in bright "
        f"parts as in dark ones (stabilise={wanted}; gain {gains} grey levels per photon)."
    )
    return models


def _unevenness(model: NoiseModel, stack: Array) -> float:
    """Return how many times as strong the noise of bright parts is as that of dark ones."""
    height, width = (side // 8 * 8 for side in stack.shape[-2:])
    tiles = stack[..., :height, :width].reshape(-1, height // 8, 8, width // 8, 8)
    dark, bright = np.quantile(tiles.mean((2, 4)), (0.05, 0.95))
    # The darkest part may hold no noise at all.
    weakest = max(float(model.variance(dark)), float(model.variance(bright)) * 1e-4)
    return math.sqrt(float(model.variance(bright)) / weakest) if weakest > 0 else 1.0


def _smallest_side(images: Sequence[Image]) -> int:
    return min(image.size(axis) for image in typical(images) for axis in "YX")
