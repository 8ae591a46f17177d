"""Gain and read noise from the comb that photon numbers make of pixel values.

Where the read noise is less than about half a photon, pixel values crowd at
``offset + gain * n`` with whole numbers n. How strongly, and at which distance, does not depend
on what the image shows: neither structure nor a background without a dark place matters.

The idea is that of the photon-counting histogram (Starkey and Fossum, IEEE Journal of the
Electron Devices Society 4, 2016), which is taken under even light and whose peaks are fitted.
Here the period of the values is measured instead, so that any image will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_NEAR, _AROUND = 0.2, 0.4
"""The gain is at most so far from that of the photon-transfer line, and no comb within the
second is much stronger."""
_MOST_PHOTONS, _LEAST_PHOTONS = 120.0, 4.0
"""Values so far above the dark are looked at: in brighter pixels the comb is lost in what
pixels differ by in sensitivity. Fewer photons make no comb."""
_SURE = 25.0
"""How many times as strong as chance makes it the comb must be: chance alone reaches that at
one of 10^11 frequencies."""
_BARE = 0.98
"""Power of a comb with nothing between its teeth."""
_LEAST_GAIN = 1.2
"""Grey levels: between integers nothing smaller can be told."""
_PADDING = 16
"""Frequencies are so many times as close as they need be."""


@dataclass(frozen=True)
class PhotonComb:
    """What the comb tells.

    Attributes
    ----------
    gain : float
        Grey levels for one photon.
    read_noise : float
        Standard deviation of the noise without light, in grey levels, rounding included.
    read_noise_range : tuple of float
        At two standard errors.
    bare : bool
        Whether there is nothing between the teeth. So it is without read noise, but also where
        values were stored in such steps, which tells nothing of photons.
    """

    gain: float
    read_noise: float
    read_noise_range: tuple[float, float]
    bare: bool


def photon_comb(image: Array, gain: float, dark: float) -> PhotonComb | None:
    """Look for the comb of photon numbers in the values of an image.

    Its strength is that of the values' characteristic function at ``1 / gain``:
    ``exp(-2 pi^2 (read_noise / gain)^2)``.

    Parameters
    ----------
    image : ndarray
        Finite values.
    gain : float
        Of the photon-transfer line, above 0.
    dark : float
        Grey level of the darkest places.

    Returns
    -------
    PhotonComb or None
        None where the values show none, or are whole numbers about a photon apart.
    """
    integers = _are_whole(image)
    if integers and gain < _LEAST_GAIN:
        return None
    width = 1.0 if integers else gain / 16
    bright = min(dark + _MOST_PHOTONS * gain, float(image.max()))
    count = int((bright - dark) / width)
    if count * width < _LEAST_PHOTONS * gain:
        return None
    inside = image[(image > dark) & (image < dark + count * width)]
    counts = np.bincount(((inside - dark) / width).astype(np.intp), minlength=count)[:count]
    # Fading in and out: an abrupt end would make waves of every length.
    weights = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    weighted = counts * weights
    if not weighted.any():
        return None
    chance = float((counts * weights**2).sum() / weighted.sum() ** 2)
    length = 1 << (_PADDING * count - 1).bit_length()
    waves = np.abs(np.fft.rfft(weighted, length) / weighted.sum()) ** 2
    frequency = length * width / gain
    low, high = (math.ceil(frequency / (1 + sign * _AROUND)) for sign in (1, -1))
    # Beyond half a wave for each value they come again, in reverse.
    numbers = np.arange(low, min(high + 1, length))
    power = waves[np.minimum(numbers, length - numbers)]
    near = np.abs(frequency / numbers - 1) < _NEAR
    strongest = np.flatnonzero(near & (power == power[near].max()))
    # Below 2 grey levels a wave and its reverse may both be near.
    best = int(strongest[np.abs(frequency / numbers[strongest] - 1).argmin()])
    others = power.max(), 8 * waves[numbers[best] // 2]  # of which it may be a flank, or half
    if power[best] < _SURE * chance or 2 * power[best] < max(others):
        return None
    found = length * width / float(numbers[best])
    strength = float(power[best]) - chance
    error = math.sqrt(chance / 2 / strength)
    squares = [
        max(-math.log(max(strength, 1e-12)) / 2 + sign * 2 * error, 0.0) / (2 * math.pi**2)
        for sign in (-1, 0, 1)
    ]
    least, read_noise, most = (found * math.sqrt(square) for square in squares)
    return PhotonComb(found, read_noise, (least, most), bare=strength > _BARE)


def _are_whole(image: Array) -> bool:
    """Whether values are whole numbers, whatever type they are stored in."""
    if np.issubdtype(image.dtype, np.integer):
        return True
    some = image.ravel()[:: max(1, image.size // 10_000)]
    return bool((some == np.rint(some)).all())
