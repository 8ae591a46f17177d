"""Measuring the noise of an image on the image alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.filtered_signs import block_grid, grey_step, missing_levels
from napari_selfdenoise.analysis.noise_report import NoiseCheck
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_correlation import (
    flat_residuals,
    noise_autocorrelation,
)
from napari_selfdenoise.data.noise_direction import crossed_autocorrelation, noise_direction
from napari_selfdenoise.data.noise_tiles import saturation
from napari_selfdenoise.data.photon_transfer import PhotonTransfer, photon_transfer
from napari_selfdenoise.data.planes import Planes, channel_planes

Array = NDArray[Any]

REACH = 8
"""Largest distance of the autocorrelation, in pixels."""
_PIXELS, _SIDE, _FRAMES = 2048**2, 1024, 5
"""Pixels measured at most, side of the part whose correlation is, frames along T and Z."""


def check_noise(image: Image) -> tuple[NoiseCheck, ...]:
    """Measure the noise of an image, or of a region of it (`Image.crop`).

    Large planes and stacks are measured in their middle.

    Parameters
    ----------
    image : Image
        Finite values, not constant.

    Returns
    -------
    tuple of NoiseCheck
        One for each channel (axis C) and in it each colour sample (axis S).

    Raises
    ------
    ImageError
        If pixels are not finite, or all are equal.
    """
    found = []
    for planes in channel_planes(image):
        stack, axes = _middle(planes)
        if stack.dtype.kind == "f" and not np.isfinite(stack).all():
            raise ImageError(
                f"{planes.name} has pixels that are NaN or infinite; fill or crop them first."
            )
        if stack.min() == stack.max():
            raise ImageError(f"{planes.name} is constant: it holds no noise to measure.")
        for colour, values in enumerate(stack):
            suffix = f", colour {colour}" if len(stack) > 1 else ""
            found.append(_check(values, axes, planes.name + suffix))
    return tuple(found)


def _middle(planes: Planes) -> tuple[Array, str]:
    """Return the middle of a channel, (colours, ..., Y, X), and its axes but the colours."""
    image = planes.image
    frames = {a: min(image.size(a), _FRAMES) for a in image.axes if a not in "YXSC"}
    side = math.isqrt(_PIXELS // max(1, math.prod(frames.values())))
    lengths = {"Y": side, "X": side, **frames}
    region: list[Any] = []
    for axis in image.axes:
        whole = image.size(axis)
        part = min(whole, lengths.get(axis, whole))
        first = (whole - part) // 2
        fixed = planes.fixed.get(axis)
        region.append(slice(first, first + part) if fixed is None else fixed)
    values = image.read(tuple(region))
    kept = [axis for axis in image.axes if axis not in planes.fixed]
    if "S" not in kept:
        values, kept = values[np.newaxis], ["S", *kept]
    others = [axis for axis in kept if axis not in "SYX"]
    order = ["S", *others, "Y", "X"]
    return values.transpose([kept.index(axis) for axis in order]), "".join(order[1:])


def _check(values: Array, axes: str, name: str) -> NoiseCheck:
    """Measure one channel, (..., Y, X)."""
    height, width = values.shape[-2:]
    small = values[..., _inner(height), _inner(width)]
    stack = small.reshape(-1, *small.shape[-2:])
    direction = noise_direction([stack])
    plain = noise_autocorrelation(small, REACH)
    stride = direction.white_distance(plain)
    lags = dict(zip(axes, plain, strict=True))
    if not direction.both:  # the other measure is not misled by structure
        lags |= dict(zip("YX", crossed_autocorrelation(stack, REACH), strict=True))
    transfer, unmeasured = _transfer(values, stride)
    spectrum, frequencies, radial = _spectrum(small)
    step = grey_step(values)
    return NoiseCheck(
        name=name,
        transfer=transfer,
        unmeasured=unmeasured,
        direction=direction,
        stride=stride,
        autocorrelation=lags,
        spectrum=spectrum,
        frequencies=frequencies,
        radial=radial,
        dark=float(np.mean(values == 0)),
        saturated=_saturated(values),
        step=step,
        missing=missing_levels(values, step),
        blocks=block_grid(values.reshape(-1, *values.shape[-2:])[0]),
    )


def _inner(length: int) -> slice:
    part = min(length, _SIDE)
    return slice((length - part) // 2, (length - part) // 2 + part)


def _transfer(values: Array, stride: int) -> tuple[PhotonTransfer | None, str]:
    """Return the photon transfer, or why there is none."""
    try:
        return photon_transfer(values, stride), ""
    except ImageError as error:
        return None, str(error)


def _spectrum(values: Array) -> tuple[Array, Array, Array]:
    """Return the power spectrum of flat tiles, frequencies, and the mean power at them."""
    tiles = flat_residuals(values)
    height, width = tiles.shape[-2:]
    transformed = np.fft.fft2(tiles.reshape(-1, height, width))
    power: Array = np.asarray(np.mean(np.abs(transformed) ** 2, axis=0))
    power = power / (float(power.mean()) or 1.0)
    distance = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    bounds = np.linspace(0, 0.5, 9)
    place = np.digitize(distance, bounds[1:-1])
    inside = distance <= 0.5
    sums = np.bincount(place[inside], weights=power[inside], minlength=8)
    radial = sums / np.maximum(np.bincount(place[inside], minlength=8), 1)
    return np.fft.fftshift(power), (bounds[1:] + bounds[:-1]) / 2, radial


def _saturated(values: Array) -> float:
    high = saturation(values)[1]
    return float(np.mean(values >= high)) if math.isfinite(high) else 0.0
