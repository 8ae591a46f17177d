"""Models of the noise of the images that a network learns from, made before it learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.data.noise_direction import crossed_autocorrelation, white_distance
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

Stack = NDArray[np.float32]


def measure_noise(
    noise: NoiseMixture, sources: Sequence[Planes], normalization: Normalization
) -> Iterator[Note]:
    """Give `noise` the photon-transfer line of the images, and tell it for each colour.

    The number of photons is whole: a variance of a twelfth of the gain squared, that of
    rounding to whole photons, is added, without which dark pixels have no noise at all.
    Of noise that is correlated along both axes, pixels are taken as far apart as is needed.

    Raises
    ------
    ImageError
        If the images are too small, or saturated nearly everywhere.
    """
    for colour, stack in enumerate(_stacks(sources)):
        model = fit_noise_model(stack, white_distance(stack))
        offset, scale = normalization.offset[colour], normalization.scale[colour]
        dark, brightest = ((each - offset) / scale for each in (model.offset, stack.max()))
        gain, read_noise = model.gain / scale, model.read_noise / scale
        constant = max(read_noise**2 + gain**2 / 12, 1e-8)
        noise.set_line(colour, constant, gain, dark, float(brightest))
        yield Note(
            f"The noise of {sources[0].name} is modelled with gain {model.gain:.3g}, "
            f"offset {model.offset:.4g} and read noise {model.read_noise:.3g}."
        )


def measure_linear_noise(
    noise: LinearNoise, sources: Sequence[Planes], normalization: Normalization
) -> Iterator[Note]:
    """Give `noise` how strong and how correlated that of the images is, and tell it.

    Raises
    ------
    ImageError
        As `measure_noise`.
    """
    yield from measure_noise(noise.own, sources, normalization)
    for colour, stack in enumerate(_stacks(sources)):
        noise.set_correlation(colour, crossed_autocorrelation(stack, TAPS)[noise.axis].tolist())


def bootstrap_noise(
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
