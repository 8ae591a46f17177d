"""Tiny real runs of any method, shared by the tests."""

import numpy as np

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.methods import get

SMALL = {"steps": 6, "batch_size": 2, "patch_size": 32}
NARROW = {
    "cosdd": {"features": 4, "levels": 3, "noise_filters": 4},
    "hdn": {"features": 8, "levels": 3},
    "noise2void": {"width": 8},
    "noise2self": {"width": 8},
    "recorrupted2recorrupted": {"width": 8, "recorruptions": 2},
    "noisy_as_clean": {"width": 8},
    "blind2unblind": {"width": 8, "lattices": 1},
    "deep_image_prior": {"steps": 6, "width": 4, "levels": 3},
    "self2self": {"width": 4, "predictions": 3},
    "cvf_sid": {"width": 4, "layers": 5},
    "ap_bsn": {"width": 8, "blocks": 1, "passes": 2},
    "self2noise": {"halvings": 2, "coarse_outputs": False},
}
"""Method -> what makes its network small, where the tests were slow otherwise."""
SAMPLING = Sampling(samples=4, keep_samples=2, tolerance=0.0)


def tiny(name):
    """The settings of a method with which it runs in a fraction of a second."""
    config_class = get(name).Config
    small = dict(SMALL) if issubclass(config_class, TrainingConfig) else {}
    return config_class.from_json({**small, **NARROW.get(name, {})})


def context(name, image, **options):
    """The context of a run on an image; a method that needs a target gets the image."""
    targets = (image,) if get(name).target else ()
    return Context(**{"sampling": SAMPLING, "targets": targets} | options)


def denoise(name, image, config=None, **options):
    if not isinstance(image, Image):
        image = Image(image)
    run = get(name).denoise(image, config or tiny(name), context(name, image, **options))
    return finish(run)


def noisy(shape=(40, 36), seed=0, dtype=np.uint16):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[-2], : shape[-1]]
    clean = 100 + 50 * np.sin(rows / 6) * np.cos(columns / 7)
    return rng.poisson(np.broadcast_to(clean, shape)).astype(dtype)
