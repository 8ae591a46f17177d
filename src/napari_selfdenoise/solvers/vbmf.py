"""The rank of a noisy matrix by variational Bayesian matrix factorisation.

Nakajima, Sugiyama, Babacan and Tomioka, "Global Analytic Solution of Fully-observed
Variational Bayesian Matrix Factorization", JMLR 14 (2013). The matrix is taken for a
low-rank one plus white Gaussian noise; with Gaussian priors on both factors, whose widths
are fitted too (empirical Bayes), the global optimum has a closed form: singular values
below a cutoff vanish, those above are shrunk.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LowRankEstimate:
    """What is left of a matrix without its noise.

    Attributes
    ----------
    singular_values : ndarray (rank,)
        The shrunk singular values, largest first.
    noise_variance : float
        Variance of one entry's noise, as given or as estimated.
    """

    singular_values: Array
    noise_variance: float

    @property
    def rank(self) -> int:
        """Number of components that stand out of the noise; may be 0."""
        return len(self.singular_values)


def empirical_vbmf(matrix: Array, noise_variance: float | None = None) -> LowRankEstimate:
    """Estimate the rank and the shrunk singular values of `matrix`.

    Parameters
    ----------
    matrix : ndarray (rows, columns)
        Finite values; either side may be the longer one.
    noise_variance : float, optional
        Variance of the noise of one entry; estimated from the matrix if omitted.
    """
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"a matrix is needed, not an array of shape {matrix.shape}")
    short, long = sorted(matrix.shape)
    observed = np.linalg.svd(np.asarray(matrix, dtype=np.float64), compute_uv=False)
    # Rounding leaves singular values of a low-rank matrix that are noise of nobody.
    observed[observed <= observed[0] * short * np.finfo(np.float64).eps] = 0
    if not observed.any():
        return LowRankEstimate(np.zeros(0), noise_variance or 0.0)
    threshold = _threshold(short / long)
    if noise_variance is None:
        noise_variance = _noise_variance(observed, short, long, threshold)
    kept = observed[observed**2 > long * noise_variance * threshold]
    return LowRankEstimate(_shrink(kept, short, long, noise_variance), noise_variance)


def _threshold(alpha: float) -> float:
    """Return x, the cutoff of gamma^2 / (M sigma^2), for sides of the ratio alpha = L / M.

    x = (1 + tau) (1 + alpha / tau), where tau > sqrt(alpha) is the zero of
    phi(tau) + phi(tau / alpha) with phi(z) = log(1 + z) / z - 1/2 (corollary 2). The
    paper's short cut, tau = 2.5129 sqrt(alpha), is near it everywhere.
    """

    def phi(z: float) -> float:
        return float(np.log1p(z) / z - 0.5)

    near = 2.5129 * np.sqrt(alpha)
    tau = brentq(lambda t: phi(t) + phi(t / alpha), 0.5 * near, 2 * near)
    return float((1 + tau) * (1 + alpha / tau))


def _shrink(observed: Array, short: int, long: int, noise_variance: float) -> Array:
    """Return the estimates of the singular values gamma above the cutoff.

    gamma / 2 * (1 - (L + M) s / gamma^2 + sqrt((1 - (L + M) s / gamma^2)^2
    - 4 L M s^2 / gamma^4)), where s is the noise variance (corollary 2).
    """
    relative = noise_variance / observed**2
    slack = 1 - (short + long) * relative
    return observed / 2 * (slack + np.sqrt(slack**2 - 4 * short * long * relative**2))


def _noise_variance(observed: Array, short: int, long: int, threshold: float) -> float:
    """Return the noise variance of least free energy (theorem 3).

    The bounds are the paper's: at least what makes the smallest singular values, too many
    to be signal, noise; at most what takes the whole matrix for noise.
    """
    # The term of a vanished singular value still counts the noise variance once.
    power = np.maximum(observed**2 / long, 1e-300)
    largest_rank = int(np.ceil(short / (1 + short / long))) - 1
    upper = float(power.mean())
    lower = float(max(power[largest_rank] / threshold, power[largest_rank:].mean()))
    if lower <= 1e-12 * upper:  # without noise the free energy has no minimum
        return lower
    if lower >= upper:
        return upper

    def energy(logarithm: float) -> float:
        return _free_energy(power / np.exp(logarithm), short / long, threshold)

    # It falls and rises between the values that bring one component more above the
    # cutoff, so the best of a grid is refined.
    grid = np.linspace(np.log(lower), np.log(upper), 200)
    best = int(np.argmin([energy(each) for each in grid]))
    bracket = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    return float(np.exp(minimize_scalar(energy, bounds=bracket, method="bounded").x))


def _free_energy(x: Array, alpha: float, threshold: float) -> float:
    """Return the free energy of the normalised squared singular values x (theorem 3).

    It is the sum of x - log x over all, plus log(tau + 1) + alpha log(tau / alpha + 1)
    - tau over those above the cutoff, with tau(x) the larger zero of
    x = (1 + tau) (1 + alpha / tau).
    """
    kept = x[x > threshold]
    middle = kept - (1 + alpha)
    tau = (middle + np.sqrt(middle**2 - 4 * alpha)) / 2
    gain = np.log1p(tau) + alpha * np.log1p(tau / alpha) - tau
    return float(np.sum(x - np.log(x)) + gain.sum())
