"""A score without a clean image: the noise of a measurement is split in two.

One part is denoised, the other one is what the result is scored against. The noises of the
two are uncorrelated, so a method cannot gain by keeping the noise of its own part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.analysis.residual_map import follows_signal
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.data.noise_model import NoiseModel

Array = NDArray[Any]
Kind = Literal["auto", "gaussian", "binomial"]

TAU = 0.7
"""How much noise is added to the part that is denoised: chosen on captures 1 and 3 of FMD."""
TILE = 16
"""Side of the tiles over which squared errors are averaged, in pixels: what is left of the
noise in a denoised image reaches over a few pixels, from tile to tile it is independent."""
_SMOOTH = 1.0
"""Width of the Gaussian filter behind the variance of each pixel, in pixels."""
_WHOLE = 1e-3
"""So far from whole may numbers of photons be, with an exact gain and offset."""


class Split(NamedTuple):
    """A measurement in two parts of independent noise.

    Attributes
    ----------
    denoise : ndarray (..., Y, X) of float32
        What is denoised: the image with ``1 + tau ** 2`` times its noise variance.
    score : ndarray (..., Y, X) of float64
        What the result is scored against.
    variance : ndarray (..., Y, X) of float64
        Variance of the noise of `score`, from the noise model.
    noise_power : ndarray (..., Y, X) of float64
        What is known of the square of the noise of `score`: its mean is that of `variance`,
        with less scatter about what it is.
    """

    denoise: NDArray[np.float32]
    score: NDArray[np.float64]
    variance: NDArray[np.float64]
    noise_power: NDArray[np.float64]


def split(
    image: ArrayLike,
    model: NoiseModel,
    rng: np.random.Generator,
    tau: float = TAU,
    kind: Kind = "auto",
) -> Split:
    """Split a measurement y into a part to denoise and a part to score against.

    *Gaussian* (Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021; data fission in
    statistics): with n' of the variance v that the noise model gives the pixel,
    ``y1 = y + tau n'`` and ``y2 = y - n' / tau``. The covariance of their noises is
    ``var(n) - v``, zero to first order. v is taken of the image smoothed over a pixel.

    *Binomial*, for pure photon noise of exactly known gain and offset (binomial thinning):
    each photon goes to the first part with probability ``p = 1 / (1 + tau ** 2)``, else to
    the second; both are divided by their share. They are independent Poisson numbers, with
    the same variances as above.

    Parameters
    ----------
    image : array_like (..., Y, X)
        Finite values of one channel.
    model : NoiseModel
        Of the image, in its grey levels; noise independent between pixels.
    rng : numpy.random.Generator
        Source of the split.
    tau : float
        How much noise goes to the part that is denoised. Small: that part is like the image,
        but what it is scored against is mostly noise. Large: the other way round.
    kind : {"auto", "gaussian", "binomial"}
        ``"auto"`` thins where the image is whole photons without read noise.

    Raises
    ------
    UsageError
        If `tau` is not positive, or `kind` unknown.
    ImageError
        If pixels are not finite, or thinning is asked of what is not whole photons.
    """
    values = np.asarray(image).astype(np.float64)
    if not (tau > 0 and math.isfinite(tau)):
        raise UsageError(f"tau is {tau:g}; it must be a positive number, for example 1.")
    if kind not in ("auto", "gaussian", "binomial"):
        raise UsageError(f"The split is {kind!r}; it must be auto, gaussian or binomial.")
    if not np.isfinite(values).all():
        raise ImageError("The image has pixels that are NaN or infinite; fill them first.")
    widths = (0.0,) * (values.ndim - 2) + (_SMOOTH,) * 2
    variance = np.asarray(model.variance(gaussian_filter(values, widths)), np.float64)
    photons = _photons(values, model) if kind != "gaussian" else None
    if photons is not None:
        share = 1 / (1 + tau**2)
        counted = rng.binomial(photons, share)
        parts = counted / share, (photons - counted) / (1 - share)
        one, other = (part * model.gain + model.offset for part in parts)
        # The number of photons is, on average, its own variance.
        power = np.asarray(model.gain**2 * photons / (1 - share), np.float64)
        return Split(one.astype(np.float32), other, variance / (1 - share), power)
    if kind == "binomial":
        raise ImageError(
            "Binomial thinning needs whole photons: a read noise of 0 and gain and offset "
            f"that make every pixel one, which gain {model.gain:g}, offset {model.offset:g} "
            f"and read noise {model.read_noise:g} do not. Use kind='gaussian'."
        )
    extra = rng.standard_normal(values.shape) * np.sqrt(variance)
    first = (values + tau * extra).astype(np.float32)
    # Of the noise that was added the square is known, not only its expectation.
    power = np.asarray(variance + (extra / tau) ** 2, np.float64)
    return Split(first, values - extra / tau, variance * (1 + 1 / tau**2), power)


def _photons(values: Array, model: NoiseModel) -> NDArray[np.int64] | None:
    """Return the photons of each pixel, if that is what the image holds."""
    if model.gain <= 0 or model.read_noise > 0:
        return None
    photons = (values - model.offset) / model.gain
    whole = np.rint(photons)
    if whole.min() < 0 or np.abs(photons - whole).max() > _WHOLE:
        return None
    return whole.astype(np.int64)


@dataclass(frozen=True, eq=False)
class HeldOutScore:
    """Estimated error of a denoised image; for ranking.

    Attributes
    ----------
    mse : float
        Estimated mean squared error, in squared grey levels. Its order among methods is what
        it tells, as an absolute error it is biased. Near 0 it may be negative.
    standard_error : float
        Of `mse`, from the scatter of tiles; structure scatters alike for all methods, so
        compare two methods by `behind`.
    tiles : ndarray (planes, rows, columns)
        Estimated squared error of each tile of 16 x 16 pixels.
    """

    mse: float
    standard_error: float
    tiles: Array

    def psnr(self, data_range: float) -> float | None:
        """Return the estimated PSNR in dB; ``None`` if the estimated error is not positive."""
        return 10 * math.log10(data_range**2 / self.mse) if self.mse > 0 else None

    def behind(self, best: HeldOutScore) -> tuple[float, float]:
        """Return how much larger the error is than that of another, and its standard error.

        Of the differences tile by tile, in which structure and the noise that both were
        scored against cancel.
        """
        difference = self.tiles - best.tiles
        return float(difference.mean()), _standard_error(difference)


def heldout_score(denoised: Sequence[ArrayLike], parts: Sequence[Split]) -> HeldOutScore:
    """Estimate the error of a way to denoise with the part of the noise it has not seen.

    ``mean((f(y1) - y2) ** 2)`` minus the mean noise variance of y2. As the noises of y1 and
    y2 are uncorrelated this is, on average, the squared error of ``f(y1)``: of f at noise
    ``sqrt(1 + tau ** 2)`` times as strong as in the image. Of several splits, the variance
    between the results, which is what the noise added by the splits contributes, is taken
    off: what is left is the error of the mean of f(y1) over all splits, near that of f on
    the image. For a linear filter it is exactly that, so that a narrow filter is no longer
    judged at the stronger noise for which it is too narrow.

    It misleads as an absolute error (the results at stronger noise are smoother than the
    one on the image, and the fitted noise model enters as it is), and where noise is
    correlated between pixels (`whiteness`): then whatever keeps noise is preferred.

    Parameters
    ----------
    denoised : sequence of array_like (..., Y, X)
        ``f(part.denoise)`` of each split of one image; two or more for the correction.
    parts : sequence of Split
        The splits.

    Raises
    ------
    UsageError
        If there are not as many results as splits.
    ImageError
        If the shapes differ, or a pixel of a result is not finite.
    """
    if len(denoised) != len(parts) or not parts:
        raise UsageError(
            f"There are {len(denoised)} denoised parts of {len(parts)} splits; there must be "
            "one of each, and at least one."
        )
    results = [_checked(each, part) for each, part in zip(denoised, parts, strict=True)]
    errors = [
        (found - part.score) ** 2 - part.noise_power
        for found, part in zip(results, parts, strict=True)
    ]
    error = np.mean(errors, axis=0)
    if len(results) > 1:
        error = error - np.var(results, axis=0, ddof=1)
    tiles = _tile_means(error)
    return HeldOutScore(float(tiles.mean()), _standard_error(tiles), tiles)


def _checked(denoised: ArrayLike, part: Split) -> Array:
    found = np.asarray(denoised).astype(np.float64)
    if found.shape != part.score.shape:
        raise ImageError(
            f"The denoised part has the shape {found.shape} and the part to score against "
            f"{part.score.shape}; they must show the same pixels."
        )
    if not np.isfinite(found).all():
        raise ImageError("The denoised part has pixels that are NaN or infinite.")
    return found


def heldout_map(denoised: ArrayLike, parts: Split, stabilised: Array) -> NDArray[np.float32]:
    """Return where the part that was held out follows the denoised one: what was removed.

    As `residual_map.follows_signal`, but without its blind spots: the noise of the residual
    ``y2 - f(y1)`` is independent of what noise was left in ``f(y1)``. Above 4 something real
    was removed; below -4 noise was left, or contrast invented. It misleads where noise is
    correlated between pixels, and tells of denoising at stronger noise than the image's.

    Parameters
    ----------
    denoised : array_like (..., Y, X)
        ``f(parts.denoise)``.
    parts : Split
        As `split` returned it.
    stabilised : ndarray (..., Y, X)
        The denoised part on the scale of even noise (`NoiseModel.stabilise`).
    """
    variance = np.maximum(parts.variance, 1e-3 * float(parts.variance.mean()) or 1.0)
    residual = (parts.score - np.asarray(denoised)) / np.sqrt(variance)
    found = follows_signal(residual, stabilised.astype(np.float64), independent=True)
    return found.astype(np.float32)


def _standard_error(tiles: Array) -> float:
    """Return the standard error of the mean of tiles; infinite if there is one alone."""
    return float(tiles.std(ddof=1) / math.sqrt(tiles.size)) if tiles.size > 1 else math.inf


def _tile_means(values: Array) -> Array:
    """Return the means of whole tiles, (planes, rows, columns)."""
    height, width = (min(TILE, side) for side in values.shape[-2:])
    rows, columns = values.shape[-2] // height, values.shape[-1] // width
    whole = values[..., : rows * height, : columns * width]
    tiles: Array = whole.reshape(-1, rows, height, columns, width).mean((2, 4))
    return tiles
