"""The resolution of a single image, by decorrelation analysis.

Descloux, Grussmayer and Radenovic, "Parameter-free image resolution estimation based on
decorrelation analysis", Nature Methods 16, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import channel_planes

Array = NDArray[Any]

_RADII, _FILTERS, _PASSES = 50, 10, 2
"""Radii, high-pass filters and passes, as in the paper."""
_EDGE = 20
"""Pixels over which the image fades out at its edges."""
_DIP = 5e-4
"""A maximum counts if the curve falls by so much behind it."""
_WEAKEST = 0.05
"""Maxima that are lower are of noise."""
_COARSEST = 0.1
"""Maxima at lower frequencies are of brightness that changes over the image: in an image of
few photons the curve has them where it has none of structure."""
_SMALLEST = 64
"""Side of an image, in pixels."""


@dataclass(frozen=True, eq=False)
class Resolution:
    """The finest period that an image holds above its noise.

    Attributes
    ----------
    value : float
        Resolution: the period of the cut-off frequency, in `unit`. Infinite if too little
        stands out from the noise.
    unit : str
        Unit of the image's pixel size; ``"pixel"`` without one.
    cutoff : float
        Cut-off frequency, in units of the highest that pixels can hold (half a cycle per
        pixel), 0.1 to 1; 0 if there is none.
    contrast : float
        Height of the maximum of the unfiltered image, 0 to 1: near 1 without noise.
    radii, curve : ndarray (50,)
        Decorrelation of the unfiltered image over frequency: what is plotted.
    """

    value: float
    unit: str
    cutoff: float
    contrast: float
    radii: Array
    curve: Array

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "Too little stands out from the noise: there is no resolution to tell."
        at_limit = ", the finest that its pixels can hold" if self.cutoff > 0.97 else ""
        return f"The resolution is {self.value:.3g} {self.unit}{at_limit}."


def resolution(image: Image) -> tuple[Resolution, ...]:
    """Estimate the resolution of an image, in the unit of its pixel size.

    The Fourier transform of the image is compared with itself, of equal amplitude at all
    frequencies inside a circle of radius r: the correlation d(r) rises as long as there is
    signal in the circle and falls where there is only noise. High-pass filters of growing
    strength move the maximum outwards; the largest radius is the cut-off frequency.

    It is the frequency up to which signal stands out from the noise: less noise gives a
    finer resolution of the same microscope, and an image of few photons none at all, because
    its curve has no maximum. It misleads for denoised images: a method that
    leaves no noise gives correlations at frequencies that it made up, and one that blurs
    seldom gives a cut-off. Compare it before and after: a coarser value says that detail was
    lost, a finer one does not say that detail was found. Sharp edges of masks, saturated
    places, interpolation and grids of pixels have a resolution of their own.

    Parameters
    ----------
    image : Image
        At least 64 x 64 pixels, with pixels as high as wide.

    Returns
    -------
    tuple of Resolution
        One for each channel (axis C), of its middle plane; of colours their mean.

    Raises
    ------
    ImageError
        If planes are too small, not finite, or pixels are not square.
    """
    size = dict(zip(image.axes, image.scale, strict=True))
    units = dict(zip(image.axes, image.units, strict=True))
    if units["Y"] != units["X"] or abs(size["Y"] / size["X"] - 1) > 0.01:
        raise ImageError(
            f"Pixels of {image.name} are {size['Y']:g} {units['Y']} high and {size['X']:g} "
            f"{units['X']} wide; the resolution is told of square pixels. Resample it first."
        )
    if min(image.size("Y"), image.size("X")) < _SMALLEST:
        raise ImageError(
            f"{image.name} has planes of {image.size('Y')} x {image.size('X')} pixels; the "
            f"resolution needs {_SMALLEST} x {_SMALLEST} at least."
        )
    found = []
    for planes in channel_planes(image):
        plane = planes.read(len(planes) // 2).mean(axis=0, dtype=np.float64)
        if not np.isfinite(plane).all():
            raise ImageError(f"{planes.name} has pixels that are NaN or infinite.")
        spectrum = _Spectrum(plane)
        cutoff, contrast = _cutoff(spectrum)
        value = 2 * size["X"] / cutoff if cutoff else float("inf")
        radii = np.linspace(0, 1, _RADII)
        curve = spectrum.decorrelation(radii)
        found.append(Resolution(value, units["X"], cutoff, contrast, radii, curve))
    return tuple(found)


class _Spectrum:
    """Amplitudes of a plane over the distance from frequency 0.

    A correlation with an image of equal amplitudes and the same phases is a sum of
    amplitudes, so these are all that is needed, in the order of their distance.
    """

    def __init__(self, plane: Array) -> None:
        height, width = plane.shape
        faded = (plane - plane.mean()) * _window(height, width)
        amplitudes = np.abs(np.fft.rfft2(faded - faded.mean()))
        rows, columns = np.fft.fftfreq(height)[:, None] * 2, np.fft.rfftfreq(width) * 2
        distances = np.hypot(rows, columns)
        inside = distances <= 1
        order = np.argsort(distances[inside])
        self.distances, self.amplitudes = distances[inside][order], amplitudes[inside][order]

    def decorrelation(self, radii: Array, highpass: float = 0.0) -> Array:
        """Return d(r), of the image after a high-pass filter if one is given.

        The filter is ``1 - exp(-2 g² R²)`` at the frequency R, as in the authors' code.
        """
        amplitudes = self.amplitudes
        if highpass:
            amplitudes = amplitudes * -np.expm1(-2 * (highpass * self.distances) ** 2)
        power = float(np.sum(amplitudes**2))
        counts = np.searchsorted(self.distances, radii, side="right")
        sums = np.concatenate([[0.0], np.cumsum(amplitudes)])[counts]
        curve: Array = sums / np.sqrt(np.maximum(counts, 1) * (power or 1.0))
        return curve


def _cutoff(spectrum: _Spectrum) -> tuple[float, float]:
    """Return the cut-off frequency and the height of the unfiltered maximum."""
    radii = np.linspace(0, 1, _RADII)
    first, contrast = _maximum(radii, spectrum.decorrelation(radii))
    weakest = 2 / first if first else float(len(spectrum.distances)) ** 0.5
    filters = np.exp(np.linspace(np.log(weakest), np.log(0.15), _FILTERS))
    peaks = [(first, contrast, 0.0)]
    for _ in range(_PASSES):
        for each in filters:
            peaks.append((*_maximum(radii, spectrum.decorrelation(radii, each)), float(each)))
        # Again with finer steps of both around the largest radius.
        best, _, strength = max(_clear(peaks))
        if not best:
            break
        step = radii[1] - radii[0]
        radii = np.linspace(max(best - step, 0.0), min(best + 0.4, 1.0), _RADII)
        near = int(np.argmin(np.abs(filters - strength))) if strength else 0
        bounds = filters[max(near - 1, 0)], filters[min(near + 1, len(filters) - 1)]
        filters = np.exp(np.linspace(np.log(bounds[0]), np.log(bounds[1]), _FILTERS))
    cutoff = float(max(_clear(peaks))[0])
    return cutoff if cutoff >= _COARSEST else 0.0, float(contrast)


def _clear(peaks: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    return [each for each in peaks if each[1] >= _WEAKEST] or [(0.0, 0.0, 0.0)]


def _maximum(radii: Array, curve: Array) -> tuple[float, float]:
    """Return place and height of the maximum behind which the curve falls; (0, 0) if none."""
    end = len(curve)
    while end > 1:
        at = int(np.argmax(curve[:end]))
        if at == 0:
            break
        if at < end - 1 and curve[at] - curve[at:end].min() >= _DIP:
            return float(radii[at]), float(curve[at])
        end -= 1
    return 0.0, 0.0


def _window(height: int, width: int) -> Array:
    """Return weights that fade out at the edges, so that these are no structure."""
    return np.outer(*(_fading(length) for length in (height, width)))


def _fading(length: int) -> Array:
    edge = min(_EDGE, length // 4)
    weights = np.ones(length)
    slope = np.sin(np.linspace(0, np.pi / 2, edge)) ** 2
    weights[:edge], weights[-edge:] = slope, slope[::-1]
    return weights
