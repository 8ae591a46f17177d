"""Tiny real runs of any method, shared by the tests."""

import numpy as np

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.methods import get

SMALL = {"steps": 6, "batch_size": 2, "patch_size": 32}


def tiny(name):
    """The settings of a method with which it runs in a fraction of a second."""
    config_class = get(name).Config
    small = SMALL if issubclass(config_class, TrainingConfig) else {}
    return config_class.from_json(small)


def denoise(name, image, config=None, **options):
    method = get(name)
    if not isinstance(image, Image):
        image = Image(image)
    return finish(method.denoise(image, config or tiny(name), Context(**options)))


def noisy(shape=(40, 36), seed=0, dtype=np.uint16):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[-2], : shape[-1]]
    clean = 100 + 50 * np.sin(rows / 6) * np.cos(columns / 7)
    return rng.poisson(np.broadcast_to(clean, shape)).astype(dtype)
