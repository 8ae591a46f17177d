"""What is known of the noise of an image, as numbers and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.noise_correlation import WHITE
from napari_selfdenoise.data.noise_direction import CORRELATED, NoiseDirection
from napari_selfdenoise.data.photon_transfer import PhotonTransfer

Array = NDArray[Any]

EVEN = 1.5
"""Noise that is not so many times as strong in bright parts as in dark ones is called even."""
_SURE = 1.35
"""A read noise is told as one number if its range is no wider than by this factor."""
_PILED, _GAPS = 1e-3, 0.02
"""Shares of pixels at a limit, and of missing grey levels, from which on they are told."""


@dataclass(frozen=True, eq=False)
class NoiseCheck:
    """The noise of one channel, or of one colour, of an image.

    Attributes
    ----------
    name : str
        Name of the image, with the channel or colour.
    transfer : PhotonTransfer or None
        Noise against brightness; ``None`` where it could not be measured.
    unmeasured : str
        Why not, in a sentence; empty where it was.
    direction : NoiseDirection
        Along which axis noise is correlated.
    stride : int
        Distance from which on pixels are independent, where neighbours are correlated along
        both axes; 1 where they are not, or too far.
    autocorrelation : dict of str to ndarray
        Correlation of the noise at distance 1, 2, ... along each axis of the image (T, Z, Y,
        X), in the flattest places. Along T and Z structure counts, too.
    spectrum : ndarray (16, 16)
        Power of the noise over spatial frequency, frequency 0 in the middle, 1 on average.
    frequencies, radial : ndarray (8,)
        Spatial frequency, in cycles per pixel from 0 to 0.5, and mean power at it.
    dark, saturated : float
        Share of pixels at the lowest value 0, and at the highest, where these pile up.
    step, missing : float
        See `grey_step` and `missing_levels`.
    blocks : bool
        Whether the grid of JPEG shows.
    """

    name: str
    transfer: PhotonTransfer | None
    unmeasured: str
    direction: NoiseDirection
    stride: int
    autocorrelation: dict[str, Array]
    spectrum: Array
    frequencies: Array
    radial: Array
    dark: float
    saturated: float
    step: float
    missing: float
    blocks: bool

    @property
    def unevenness(self) -> float:
        """How many times as strong noise is in bright parts as in dark ones; 1 if unknown."""
        if self.transfer is None:
            return 1.0
        line = self.transfer.line
        return math.sqrt(float(line[-1]) / max(float(line[0]), 1e-4 * float(line[-1]), 1e-30))

    @property
    def correlated(self) -> str:
        """The axes along which noise is correlated: ``""``, ``"x"``, ``"y"`` or ``"xy"``."""
        if self.direction.both:
            return "xy"
        return "" if self.direction.axis == "none" else self.direction.axis

    @property
    def signs(self) -> tuple[str, ...]:
        """Sentences that say how the image is not as a camera records it; none if it is."""
        return tuple(_signs(self))

    def __str__(self) -> str:
        return f"{_strength(self)}; {_correlation(self)}."

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        transfer = self.transfer
        return {
            "name": self.name,
            "summary": str(self),
            "signs": list(self.signs),
            "photon_transfer": None if transfer is None else transfer.to_json(),
            "unmeasured": self.unmeasured,
            "unevenness": self.unevenness,
            "correlated": self.correlated,
            "along_x": self.direction.along_x,
            "along_y": self.direction.along_y,
            "stride": self.stride,
            "autocorrelation": {
                axis: [None if math.isnan(value) else value for value in map(float, along)]
                for axis, along in self.autocorrelation.items()
            },
            "spectrum": self.spectrum.tolist(),
            "frequencies": self.frequencies.tolist(),
            "radial": self.radial.tolist(),
            "dark": self.dark,
            "saturated": self.saturated,
            "step": self.step,
            "missing": self.missing,
            "blocks": self.blocks,
        }


def _strength(check: NoiseCheck) -> str:
    found = check.transfer
    if found is None:
        return "Noise of unknown strength"
    low, high = found.read_noise_range
    digits = f"{found.read_noise:.2g}"
    if found.gain == 0:
        return f"Even noise of strength {digits}"
    if high < 0.05 * found.gain:
        told = "no read noise"
    elif high > _SURE * low:
        told = f"read noise at most {high:.2g}"
        told = told if low < 0.5 * high else f"read noise {low:.2g} to {high:.2g}"
    else:
        told = f"read noise {digits}"
    even = ", nearly even here" if check.unevenness < EVEN else ""
    return f"Poisson-Gaussian noise, gain {found.gain:.2g}, {told}{even}"


def _correlation(check: NoiseCheck) -> str:
    axes = check.correlated
    if not axes:
        return "independent between pixels"
    reach = max(_distance(check.autocorrelation[axis.upper()], axes) for axis in axes)
    return f"correlated along {' and '.join(axes)} over {reach} px"


def _distance(along: Array, axes: str) -> int:
    """Return up to which distance noise is correlated."""
    near = along < (WHITE if axes == "xy" else CORRELATED)
    return int(np.argmax(near)) or 1 if near.any() else len(along)


def _signs(check: NoiseCheck) -> list[str]:
    told = []
    if check.direction.both:
        told.append(
            "Noise is correlated along rows and columns: the image was filtered, demosaiced, "
            "registered or resampled."
        )
    if check.blocks:
        told.append("A grid of 8 x 8 pixels shows: the image was compressed as JPEG.")
    if check.step > 1 or (0 < check.step < 1):
        told.append(
            f"Grey levels are {check.step:.3g} apart, not 1: the image was rescaled, or its "
            "detector has fewer bits."
        )
    if check.missing > _GAPS:
        told.append(
            f"{check.missing:.0%} of the grey levels in use are missing: the contrast was "
            "stretched after rounding, or few photons make many levels."
        )
    if check.saturated > _PILED:
        told.append(f"{check.saturated:.2%} of the pixels are saturated.")
    if check.dark > _PILED:
        told.append(f"{check.dark:.2%} of the pixels are 0: darker ones may have been cut off.")
    return told
