"""Runs that train one model on several images; torch is imported when they start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.gui.training_set import TrainingSet, usable
from napari_selfdenoise.gui.written_results import written


@dataclass(frozen=True, eq=False)
class Trained:
    """A model, and what it makes of the image it was wanted for.

    Attributes
    ----------
    model : Model
        The model.
    images : int
        How many it was trained on.
    result : Result or None
        ``None`` if there is no such image, or the model does not fit it.
    """

    model: Any
    images: int
    result: Result | None


def training(
    method: Any,
    given: TrainingSet,
    image: Image | None,
    config: Any,
    context: Context,
    preparation: Preparation,
) -> Run[Trained | None]:
    """Train on several images, then denoise `image` with the model if it fits.

    Images that cannot be used are named and left out. The model is returned whatever
    becomes of `image`; ``None`` if a stop was asked for before training began.
    """
    yield Progress(0, len(given.images), "reading")
    from napari_selfdenoise.engine import runs

    found = yield from usable(given, context)
    if found is None:
        return None
    context.targets = found.targets
    model = yield from runs.train(method, found.images, config, context, preparation)
    result = None
    if image is not None:
        try:
            result = yield from written(runs.apply(model, image, context), context)
        except SelfDenoiseError as error:
            yield Note(f"The model is trained, but {image.name} was not denoised: {error}")
    return Trained(model, len(found.images), result)
