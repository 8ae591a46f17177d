"""Models of the noise of the images that a network learns from, made before it learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.data.noise_direction import noise_along, white_distance
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import Planes, sample_planes
from napari_selfdenoise.engine.device import choose
from napari_selfdenoise.nn.linear_noise import TAPS, LinearNoise
from napari_selfdenoise.nn.noise_mixture import NoiseMixture
from napari_selfdenoise.solvers.bm3d import bm3d

PSEUDO_CLEAN_PLANES, PSEUDO_CLEAN_SIDE = 4, 512
"""Planes, and pixels of each along a side, that are denoised to learn the noise from."""
PAIRS = 2**15
"""Pixels of which the noise is learned."""
SPREAD_PAIRS = PAIRS // 16
"""Of these, spread evenly over the intensities. Bright pixels are rare: of the image's own
signals alone they would hardly be fitted; with many more the dark ones, which most are, are
fitted worse."""
SMOOTHED = 2.0
"""Width in pixels of the Gaussian that tells how bright the image is."""
LEAST_READ_NOISE = 0.05
"""Of the gain: without any, pixels without photons would have no noise."""
KnownNoise = Literal["measured", "photons", "bootstrap"]
MIXTURES: dict[KnownNoise, tuple[int, int]] = {
    "measured": (1, 2),
    "photons": (4, 3),
    "bootstrap": (3, 2),
}
"""Components and coefficients of the `NoiseMixture` for each; bootstrap as published."""

Stack = NDArray[np.float32]


def fit_noise(
    noise: NoiseMixture,
    how: KnownNoise,
    sources: Sequence[Planes],
    normalization: Normalization,
    context: Context,
) -> Iterator[Note]:
    """Make `noise` that of the images.

    Parameters
    ----------
    noise : NoiseMixture
        Of the components and coefficients that `MIXTURES` has for `how`.
    how : {"measured", "photons", "bootstrap"}
        Normal distributions along the photon-transfer line, the noise of few photons along
        it, or what BM3D takes away.
    sources : sequence of Planes
        The images, of one channel.
    normalization : Normalization
        Of the images for the network.
    context : Context
        Says where to compute and when to stop.

    Raises
    ------
    ImageError
        If the noise cannot be measured: the images are too small, or saturated nearly
        everywhere.
    """
    if how == "bootstrap":
        _bootstrap(noise, sources, normalization, context)
        return
    make = {"measured": _line, "photons": _photons}[how]
    for colour, stack in enumerate(_stacks(sources)):
        model = fit_noise_model(stack, white_distance(stack))
        offset, scale = normalization.offset[colour], normalization.scale[colour]
        gain, dark, read_noise = model.gain, model.offset, model.read_noise
        seen = NoiseModel(gain / scale, (dark - offset) / scale, read_noise / scale)
        make(noise, colour, (stack - offset) / scale, seen)
        yield Note(
            f"The noise of {sources[0].name} is modelled with gain {model.gain:.3g}, "
            f"offset {model.offset:.4g} and read noise {model.read_noise:.3g}."
        )


def fit_correlation(
    noise: LinearNoise, sources: Sequence[Planes], normalization: Normalization
) -> None:
    """Make `noise` correlated as that of the images, whose strength it has."""
    axis: Literal["x", "y"] = "x" if noise.axis == -1 else "y"
    for colour, stack in enumerate(_stacks(sources)):
        found = noise_along(stack, axis, TAPS)
        offset, scale = normalization.offset[colour], normalization.scale[colour]
        signal = (found.intensity - offset) / scale
        noise.set_correlation(colour, found.correlation.tolist(), signal, found.growing)


def _line(noise: NoiseMixture, colour: int, stack: Stack, model: NoiseModel) -> None:
    """Set normal distributions whose variance is the photon-transfer line.

    The number of photons is whole: a variance of a twelfth of the gain squared, that of
    rounding to whole photons, is added, without which dark pixels have no noise at all.
    """
    constant = max(model.read_noise**2 + model.gain**2 / 12, 1e-8)
    noise.set_line(colour, constant, model.gain, model.offset, float(stack.max()))


def _photons(noise: NoiseMixture, colour: int, stack: Stack, model: NoiseModel) -> None:
    """Fit to the noise of few photons, drawn for signals like those of the image."""
    rng = np.random.default_rng(0)
    smooth = np.stack([gaussian_filter(plane, SMOOTHED) for plane in stack])
    alike = rng.choice(smooth.ravel(), PAIRS - SPREAD_PAIRS)
    brightest = max(model.offset, smooth.max())
    signal = np.concatenate([alike, rng.uniform(model.offset, brightest, SPREAD_PAIRS)])
    read_noise = max(model.read_noise, LEAST_READ_NOISE * model.gain)
    noisy = replace(model, read_noise=read_noise).multiplied(signal, rng)
    pairs = torch.from_numpy(np.stack([signal, noisy]).astype(np.float32))
    noise.fit(colour, *pairs.to(noise.low.device))


def _bootstrap(
    noise: NoiseMixture,
    sources: Sequence[Planes],
    normalization: Normalization,
    context: Context,
) -> None:
    """Fit `noise` to what BM3D takes away from the images.

    Where the photon-transfer line can be measured, the images are stabilised by it for BM3D,
    which assumes noise of the same strength everywhere.
    """
    for colour, stack in enumerate(_stacks(sources)):
        offset, scale = normalization.offset[colour], normalization.scale[colour]
        pairs = []
        for plane in stack[:: -(-len(stack) // PSEUDO_CLEAN_PLANES)]:
            noisy = plane[:PSEUDO_CLEAN_SIDE, :PSEUDO_CLEAN_SIDE]
            pairs.append(np.stack([_pseudo_clean(noisy, context), noisy]).reshape(2, -1))
        clean, values = (np.concatenate(pairs, axis=1) - offset) / scale
        finite = np.isfinite(clean)  # a stop leaves gaps
        if not finite.any():
            return
        step = -(-int(finite.sum()) // PAIRS)
        noise.fit(
            colour,
            *(
                torch.from_numpy(each[finite][::step].astype(np.float32)).to(noise.low.device)
                for each in (clean, values)
            ),
        )


def _pseudo_clean(noisy: Stack, context: Context) -> Stack:
    try:
        model = fit_noise_model(noisy)
    except ImageError:
        model = NoiseModel(0.0, 0.0, 1.0)
    even = model.stabilise(noisy)
    run = bm3d(
        torch.from_numpy(even).to(choose(context.device)),
        estimate_sigma(even),
        stopping=lambda: context.stopping,
    )
    return model.restore(finish(run).cpu().numpy())


def _stacks(sources: Sequence[Planes]) -> list[Stack]:
    """Return some planes of each colour of the channel that the sources belong to."""
    stacks = sample_planes([planes.image for planes in sources])
    colours = sources[0].channels
    first = sources[0].fixed.get("C", 0) * colours
    return stacks[first : first + colours]
