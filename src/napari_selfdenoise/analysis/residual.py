"""What a residual, noisy minus denoised, says of a result: it should be noise and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.analysis.residual_map import FOLLOWS, follows_signal
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.data.noise_correlation import noise_autocorrelation
from napari_selfdenoise.data.noise_direction import crossed_autocorrelation, noise_direction
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model

Array = NDArray[Any]

REACH = 4
"""Largest distance of the autocorrelation, in pixels."""
_BINS, _FEWEST, _TILE = 12, 8, 8
"""Bins of intensity, tiles of a bin at least, and side of the tiles in pixels."""
_BIASED, _CLEAR = 0.1, 4.0
"""A mean is told if it is so large in multiples of the noise, and in standard errors."""
_UNLIKE = 0.1
"""Difference of the correlations of neighbours from which on it is told."""
_LESS, _MORE = 0.9, 1.1
"""Strength of the residual over that of the noise outside which it is told."""
_SMALLEST = 32
"""Side of a plane, in pixels."""
_SOME = 0.01
"""Share of the image that has to follow the signal for it to be told."""


@dataclass(frozen=True, eq=False)
class ResidualCheck:
    """A residual, looked at in four ways.

    Attributes
    ----------
    levels, means, errors : ndarray (bins,)
        Mean of the residual against the intensity of the result, with its standard error.
        Should be 0 everywhere. Misleads at the darkest and brightest: pixels that were cut
        off at the limits of the camera have noise of a mean that is not 0.
    strength : float
        Standard deviation of the residual over that of the noise: 1 if all noise was
        removed and nothing else. NaN without a noise model. Misleads where noise left in the
        result and structure removed from it make up for each other: see `map`.
    autocorrelation, noise_autocorrelation : ndarray (2, 4)
        Of the residual, and of the noise as measured in the noisy image alone, at distances 1
        to 4 along Y and X. The residual's is lower where the smooth part of the noise was left,
        higher where structure was removed. Misleads where noise is correlated along both axes:
        then structure is part of what is measured.
    map : ndarray (..., Y, X) of float32
        Local correlation of residual and result in multiples of chance (a z-score). Above 4,
        the residual follows the signal: something real was removed. Below -4 it goes against
        it: contrast was invented. Misleads where the noise model is wrong and near the edges.
    removed, invented : float
        Share of the image where it is above 4 and below -4.
    findings : tuple of str
        A sentence for each thing that is not as it should be; none if all is.
    """

    levels: Array
    means: Array
    errors: Array
    strength: float
    autocorrelation: Array
    noise_autocorrelation: Array
    map: NDArray[np.float32]
    removed: float
    invented: float
    findings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the map."""
        return {
            "levels": self.levels.tolist(),
            "means": self.means.tolist(),
            "errors": self.errors.tolist(),
            "strength": None if np.isnan(self.strength) else self.strength,
            "autocorrelation": self.autocorrelation.tolist(),
            "noise_autocorrelation": self.noise_autocorrelation.tolist(),
            "removed": self.removed,
            "invented": self.invented,
            "findings": list(self.findings),
        }


def check_residual(
    noisy: ArrayLike, denoised: ArrayLike, noise: NoiseModel | None = None
) -> ResidualCheck:
    """Check whether the residual of one channel is noise and no more.

    A residual that passes does not prove that the result is right: what is far below the
    noise can be lost without a trace.

    Parameters
    ----------
    noisy, denoised : array_like (..., Y, X)
        One channel, or one colour, before and after; planes of 32 x 32 pixels at least.
    noise : NoiseModel, optional
        Fitted to the noisy image if omitted; where it cannot be, the strength of the noise
        is taken to be that of the residual.

    Raises
    ------
    ImageError
        If the shapes differ, planes are too small, or a pixel is not finite.
    """
    before, after = (np.asarray(each).astype(np.float64) for each in (noisy, denoised))
    _check(before, after)
    residual = before - after
    known = noise or _fitted(before)
    model = known or NoiseModel(0.0, 0.0, float(residual.std()) or 1.0)
    sigma = noise_strength(model, after)
    scaled = residual / sigma
    levels, means, errors, biases = _against_signal(scaled, sigma, after)
    strength = float("nan") if known is None else float(np.sqrt(np.mean(scaled**2)))
    of_noise = _noise_autocorrelation(before)
    of_residual = _autocorrelation(scaled)
    signal = model.stabilise(after).astype(np.float64)
    found = follows_signal(scaled, signal).astype(np.float32)
    removed, invented = float(np.mean(found > FOLLOWS)), float(np.mean(found < -FOLLOWS))
    findings = (
        *_biased(levels, means, errors, biases),
        *_wrong_strength(strength),
        *_unlike_noise(of_residual, of_noise),
        *_structured(removed, invented),
    )
    return ResidualCheck(
        levels,
        means,
        errors,
        strength,
        of_residual,
        of_noise,
        found,
        removed,
        invented,
        findings,
    )


def noise_strength(model: NoiseModel, denoised: Array) -> Array:
    """Return the standard deviation of the noise at each pixel, never 0."""
    widths = (0.0,) * (denoised.ndim - 2) + (1.0, 1.0)
    variance = np.asarray(model.variance(gaussian_filter(denoised, widths)), np.float64)
    sigma: Array = np.sqrt(np.maximum(variance, 1e-3 * float(variance.mean()) or 1.0))
    return sigma


def _check(before: Array, after: Array) -> None:
    if before.shape != after.shape:
        raise ImageError(
            f"The noisy image has the shape {before.shape} and the denoised {after.shape}; "
            "they must show the same pixels."
        )
    if before.ndim < 2 or min(before.shape[-2:]) < _SMALLEST:
        raise ImageError(
            f"A residual is checked on planes of {_SMALLEST} x {_SMALLEST} pixels or more, "
            f"not on the shape {before.shape}."
        )
    for name, values in (("noisy", before), ("denoised", after)):
        wrong = values.size - int(np.isfinite(values).sum())
        if wrong:
            raise ImageError(f"The {name} image has {wrong} pixels that are NaN or infinite.")


def _fitted(noisy: Array) -> NoiseModel | None:
    try:
        return fit_noise_model(noisy)
    except ImageError:  # too small, or saturated
        return None


def _against_signal(
    scaled: Array, sigma: Array, denoised: Array
) -> tuple[Array, Array, Array, Array]:
    """Return levels, means of the residual, their errors, and means in multiples of the noise.

    Of whole tiles, because pixels chosen by their denoised value are chosen by what noise is
    left in it, and then their residual is not 0 on average.
    """
    level, mean, bias = map(_tiles, (denoised, scaled * sigma, scaled))
    bins = np.array_split(np.argsort(level), min(_BINS, len(level) // _FEWEST))
    return (
        np.array([level[each].mean() for each in bins]),
        np.array([mean[each].mean() for each in bins]),
        np.array([mean[each].std(ddof=1) / len(each) ** 0.5 for each in bins]),
        np.array([bias[each].mean() for each in bins]),
    )


def _tiles(values: Array) -> Array:
    rows, columns = (length // _TILE for length in values.shape[-2:])
    whole = values[..., : rows * _TILE, : columns * _TILE]
    means: Array = whole.reshape(-1, rows, _TILE, columns, _TILE).mean((2, 4))
    return means.reshape(-1)


def _noise_autocorrelation(noisy: Array) -> Array:
    """Return that of the noise, measured so that structure hardly counts (`noise_check`)."""
    planes = noisy.reshape(-1, *noisy.shape[-2:])
    if noise_direction([planes]).both:
        return noise_autocorrelation(noisy, REACH)[-2:]
    return crossed_autocorrelation(planes, REACH)


def _autocorrelation(values: Array) -> Array:
    """Return the correlation with the neighbour at distance 1, 2, ... along Y and X."""
    centred = values - values.mean()
    power = float(np.mean(centred**2)) or 1.0
    found = np.zeros((2, REACH))
    for row, axis in enumerate((-2, -1)):
        length = values.shape[axis]
        for lag in range(1, REACH + 1):
            here = centred.take(range(length - lag), axis=axis)
            there = centred.take(range(lag, length), axis=axis)
            found[row, lag - 1] = float(np.mean(here * there)) / power
    return found


def _biased(levels: Array, means: Array, errors: Array, biases: Array) -> list[str]:
    told = []
    sure = (np.abs(biases) > _BIASED) & (np.abs(means) > _CLEAR * errors)
    if sure.any():
        at = int(np.argmax(np.abs(biases) * sure))
        side = "darker" if means[at] > 0 else "brighter"
        told.append(
            f"Around the intensity {levels[at]:.4g} the result is {side} than the image by "
            f"{abs(means[at]):.3g} on average ({abs(biases[at]):.0%} of the noise); a residual "
            "of noise alone is 0 on average. Pixels that the camera cut off do this, too."
        )
    return told


def _wrong_strength(strength: float) -> list[str]:
    if strength < _LESS:
        return [
            f"The residual is {strength:.0%} as strong as the noise: some noise was left in "
            "the result. If noise is correlated, its strength is not known so well."
        ]
    if strength > _MORE:
        return [
            f"The residual is {strength:.0%} as strong as the noise: more than noise was "
            "removed, unless the noise is correlated along both axes: it is then stronger than "
            "it seems."
        ]
    return []


def _unlike_noise(of_residual: Array, of_noise: Array) -> list[str]:
    told = []
    difference = (of_residual - of_noise)[:, 0]
    axis = int(np.argmax(np.abs(difference)))
    found = float(difference[axis])
    if abs(found) > _UNLIKE:
        why = (
            "it is smoother than the noise, as structure is that was removed"
            if found > 0
            else "the smooth part of the noise was left in the result"
        )
        told.append(
            f"Neighbours along {'YX'[axis]} are correlated by {of_residual[axis, 0]:+.2f} in "
            f"the residual and by {of_noise[axis, 0]:+.2f} in the noise: {why}. If "
            "noise is correlated along both axes, its correlation is known only roughly."
        )
    return told


def _structured(removed: float, invented: float) -> list[str]:
    told = []
    if removed > _SOME:
        told.append(
            f"In {removed:.1%} of the image the residual follows the signal: something real "
            "was removed there (see the map). A method that leaves more noise in structures "
            "than elsewhere can look alike."
        )
    if invented > _SOME:
        told.append(
            f"In {invented:.1%} of the image the residual goes against the signal: contrast "
            "was added there (see the map), or noise was left."
        )
    return told
