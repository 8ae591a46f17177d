"""Seeded synthetic fluorescence with its clean image: the sample data.

A phantom of cells is turned into what a camera records,

    counts = offset + gain * Poisson(photons) + read noise,

so that gain, offset and read noise are known exactly, and with them what a perfect
denoiser would return: ``clean = offset + gain * photons``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.names import did_you_mean
from napari_selfdenoise.data.phantom import Optics, background, chromatin, draw, grow_cells

SAMPLES = {
    "cells": "Cells, photon and read noise",
    "cells_striped": "Cells, noise correlated along the rows",
    "cells_timelapse": "Cells moving, time-lapse",
}
"""Name of each sample -> its title."""


@dataclass(frozen=True)
class Camera:
    """How photons become counts.

    Attributes
    ----------
    gain : float
        Counts per detected photon.
    offset : float
        Counts without light.
    read_noise : float
        Standard deviation of the noise that is there without light, in counts.
    correlation : float
        Width in pixels over which the read noise is blurred along x (standard deviation
        of a Gaussian); 0 leaves it independent between pixels.
    """

    gain: float
    offset: float
    read_noise: float
    correlation: float = 0.0

    def expose(
        self, photons: NDArray[np.floating], rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        """Return the counts that a camera records of `photons` (expected, per pixel)."""
        noise = rng.normal(size=photons.shape)
        if self.correlation:
            noise = gaussian_filter1d(noise, self.correlation, axis=-1, mode="wrap")
            noise /= noise.std()
        counts = self.offset + self.gain * rng.poisson(photons) + self.read_noise * noise
        limits = np.iinfo(np.uint16)
        return np.clip(np.rint(counts), limits.min, limits.max).astype(np.uint16)

    def expected(self, photons: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the mean over endless exposures: the clean image, in counts."""
        return (self.offset + self.gain * photons).astype(np.float32)


@dataclass(frozen=True)
class Sample:
    """A noisy image, its clean image and the camera between them.

    Attributes
    ----------
    noisy : Image
        Counts, unsigned 16-bit.
    clean : Image
        The counts expected at each pixel, float32; not rounded, without noise.
    camera : Camera
        Gain, offset and read noise of `noisy`.
    """

    noisy: Image
    clean: Image
    camera: Camera


@dataclass(frozen=True)
class _Recipe:
    shape: tuple[int, ...]
    optics: Optics
    camera: Camera
    peak: float
    """Photons of the brightest spot above the background."""
    background: float
    """Photons of the background."""
    interval: float = 1.0
    """Seconds between two frames."""


_WHITE = Camera(gain=4.0, offset=100.0, read_noise=5.0)
_STRIPED = Camera(gain=4.0, offset=100.0, read_noise=16.0, correlation=1.5)
_LENS_60X = Optics(pixel=0.108, blur=0.12)
_LENS_30X = Optics(pixel=0.216, blur=0.2)

_RECIPES = {
    "cells": _Recipe((512, 512), _LENS_60X, _WHITE, peak=40.0, background=2.0),
    "cells_striped": _Recipe((512, 512), _LENS_60X, _STRIPED, peak=65.0, background=3.0),
    "cells_timelapse": _Recipe(
        (8, 256, 256), _LENS_30X, _WHITE, peak=40.0, background=2.0, interval=30.0
    ),
}


def make_sample(name: str, seed: int = 0, shape: Sequence[int] | None = None) -> Sample:
    """Make one of the samples; the same seed and shape give the same pixels.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.
    seed : int
        Every random number comes from it: other seeds give other cells and other noise.
    shape : sequence of int, optional
        (Y, X), or (T, Y, X) for the time-lapse, in pixels; the sample's own if omitted.

    Returns
    -------
    Sample
        Images named ``"<name> noisy"`` and ``"<name> clean"`` with their scale in
        micrometres (and seconds).

    Raises
    ------
    UsageError
        If there is no such sample; the message offers the nearest names.
    ImageError
        If `shape` does not fit the sample.
    """
    if name not in SAMPLES:
        raise UsageError(f"No sample {name!r}. {did_you_mean(name, SAMPLES)}")
    recipe = _RECIPES[name]
    sides = recipe.shape if shape is None else tuple(shape)
    if len(sides) != len(recipe.shape) or min(sides) < 1:
        raise ImageError(
            f"The sample {name!r} cannot have the shape {sides}; it needs "
            f"{len(recipe.shape)} sides of at least 1, for example {recipe.shape}."
        )
    rng = np.random.default_rng(seed)
    photons = _photons(recipe, sides, rng)
    pixel = recipe.optics.pixel
    noisy = Image(
        recipe.camera.expose(photons, rng),
        axes="TYX"[-len(sides) :],
        scale=(recipe.interval, pixel, pixel)[-len(sides) :],
        units=("second", "micrometer", "micrometer")[-len(sides) :],
        name=f"{name} noisy",
    )
    clean = noisy.like(recipe.camera.expected(photons), f"{name} clean")
    return Sample(noisy, clean, recipe.camera)


def _photons(
    recipe: _Recipe, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.floating]:
    """Return the expected photons at each pixel of every frame."""
    plane = (shape[-2], shape[-1])
    pixel = recipe.optics.pixel
    cells = grow_cells((plane[0] * pixel, plane[1] * pixel), rng)
    texture = chromatin(rng)
    frames = []
    for _ in range(shape[0] if len(shape) == 3 else 1):
        frames.append(draw(cells, plane, recipe.optics, texture))
        cells = [cell.moved(rng) for cell in cells]
    light = np.stack(frames)
    light *= recipe.peak / max(light.max(), 1e-9)
    light += recipe.background * background(plane, rng)
    return light.reshape(shape)
