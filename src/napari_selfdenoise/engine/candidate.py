"""A method with its settings, as one of several ways to denoise an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.engine.prepare import denoise


def candidate(
    method: Method[Any], config: Config, preparation: Preparation, tau: float = 0.0
) -> Callable[[Image, Context], Run[Result]]:
    """Return what starts a run that denoises an image with a method, prepared for it.

    Parameters
    ----------
    method, config, preparation
        As in `engine.prepare.denoise`.
    tau : float
        The image that will be denoised is a part of a split (`analysis.heldout.split`) with
        ``sqrt(1 + tau ** 2)`` times the noise that the settings are meant for: a strength of
        the noise that they name in the image's intensities is raised as much.
    """
    if tau and method.with_sigma(config, 1.0) is None:  # the settings name a sigma
        named: Any = config
        config = replace(named, sigma=named.sigma * math.sqrt(1 + tau**2))

    def start(image: Image, context: Context) -> Run[Result]:
        return denoise(method, image, config, context, preparation)

    return start
