"""Natural images with the stripe noise of COSDD's paper, and what a run is judged by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.io import imread

from benchmarks.harness import Record
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.image import Image

Array = np.ndarray[Any, Any]

TRAINED, TESTED = 380, 12
PHOTON, READ, STRUCTURED = 0.002, 0.02, 0.025
"""Inverse gain, and standard deviations of the white and of the structured noise."""


def clean_images(data: Path) -> list[Array]:
    """Return ``natural/train400`` in 0..1, by name: those to train on, then those to test."""
    files = sorted((data / "natural" / "train400").glob("*.png"))[: TRAINED + TESTED]
    return [imread(file).astype(float) / 255 for file in files]


def stripes(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> Array:
    """Return the structured part of the noise, which runs along the rows."""
    white = rng.normal(0, STRUCTURED, shape)
    found: Array = strength * gaussian_filter1d(white, 1, axis=1)
    return found


def noisy(clean: Array, strength: float, seed: int) -> Array:
    """Add noise as in the supplement of the paper, section 5."""
    rng = np.random.default_rng(seed)
    photons = PHOTON * rng.poisson(clean / PHOTON)
    values = photons + rng.normal(0, READ, clean.shape) + stripes(clean.shape, strength, rng)
    return values.astype(np.float32)


def sets(
    data: Path, strength: float, direction: str = "x"
) -> tuple[list[Image], list[Image], list[Array]]:
    """Return noisy images to train on, noisy images to test, and the latter's clean ones.

    With direction y the *noise* is transposed, the images are not.
    """
    clean = clean_images(data)
    found = []
    for number, image in enumerate(clean):
        if direction == "y":
            values = noisy(image.T, strength, number).T.copy()
        else:
            values = noisy(image, strength, number)
        found.append(Image(values, "YX", name=f"image {number}"))
    return found[:TRAINED], found[TRAINED:], clean[TRAINED:]


def scores(denoised: list[Array], tested: list[Image], clean: list[Array]) -> Record:
    """Return mean PSNR (range 1) and the autocorrelation of the residual along the rows."""
    residuals = [image.read() - each for image, each in zip(tested, denoised, strict=True)]
    return {
        "psnr": round(
            float(
                np.mean(
                    [
                        psnr(each.astype(float), truth, data_range=1)
                        for each, truth in zip(denoised, clean, strict=True)
                    ]
                )
            ),
            3,
        ),
        **autocorrelation(residuals),
    }


def autocorrelation(residuals: list[Array]) -> Record:
    """Return the correlation of values at distances 1 to 3 along rows and columns."""
    centred = [each - each.mean() for each in residuals]
    power = float(np.mean([np.square(each).mean() for each in centred]))
    if power == 0:  # the noisy images themselves
        return {"rows": [], "columns": []}
    found: Record = {}
    for name, axis in (("rows", 1), ("columns", 0)):
        turned = [np.moveaxis(each, axis, 1) for each in centred]
        found[name] = [
            round(
                float(np.mean([(each[:, :-k] * each[:, k:]).mean() for each in turned]))
                / power,
                3,
            )
            for k in (1, 2, 3)
        ]
    return found
