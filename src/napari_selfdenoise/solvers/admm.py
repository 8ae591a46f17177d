"""Plug-and-play ADMM: any denoiser as the prior of an inverse problem.

The problem is to find X that explains the noisy image Y and that a denoiser would leave as
it is. It is split into X and an auxiliary M, tied together by a scaled dual variable A:
minimise ``weight / 2 * |X - Y|^2 + R(M) + rho / 2 * (|X - M + A|^2 - |A|^2)`` in turn over
X, over M, where the unknown R is replaced by the denoiser, and over A. Venkatakrishnan,
Bouman and Wohlberg, "Plug-and-play priors for model based reconstruction" (GlobalSIP 2013);
with a network as X, Gao, Yang and Zhang (2022), algorithm 1, equations 5 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Prior = Callable[[Array], Array]
"""Any denoiser: ``prior(X + A)`` returns M."""


@dataclass(frozen=True, eq=False)
class Split:
    """The auxiliary image and the dual variable after an iteration.

    Attributes
    ----------
    auxiliary : ndarray
        M, what the prior made.
    dual : ndarray
        A, of the shape of M and in its units.
    primal_residual : float
        Root mean square of X - M, in the units of the image.
    dual_residual : float
        `rho` times the root mean square of the change of M (Boyd et al. 2011, section 3.3).
    """

    auxiliary: Array
    dual: Array
    primal_residual: float = float("nan")
    dual_residual: float = float("nan")


def plug_and_play(
    start: Split, prior: Prior, *, rho: float, eta: float = 1.0
) -> Generator[Split, Array, None]:
    """Yield M and A; be sent the X that goes with them; without end.

    Parameters
    ----------
    start : Split
        Yielded first. The usual start is M = Y, A = 0.
    prior : callable
        Denoises X + A.
    rho : float
        Weight of the tie between X and M; more than 0.
    eta : float
        Step of the dual variable, A <- A + eta (X - M).
    """
    split = start
    while True:
        estimate = yield split
        auxiliary = prior(estimate + split.dual)
        dual = split.dual + np.float32(eta) * (estimate - auxiliary)
        split = _split(split, estimate, auxiliary, dual, rho)


def proximal_gradient(
    noisy: Array, auxiliary: Array, prior: Prior, *, rho: float, weight: float
) -> Generator[Split, Array, None]:
    """Yield M and A as `plug_and_play`, with A kept at the value it has at the optimum.

    There X = M and the data term is at rest, ``weight * (X - Y) + rho * A = 0``. With this A
    the prior is given X + weight / rho * (Y - X): X after a step down the data term. It needs
    no X that solves its part exactly, for which the dual variable would have to make up.

    Parameters
    ----------
    noisy : ndarray
        Y.
    auxiliary : ndarray
        The M to start from, for example ``prior(noisy)``.
    prior : callable
        Denoises X + A.
    rho, weight : float
        Of the problem. With a `weight` above `rho` the step would lead beyond Y: it ends there.
    """
    share = np.float32(min(1.0, weight / rho))
    split = Split(auxiliary, share * (noisy - auxiliary))
    while True:
        estimate = yield split
        auxiliary = prior(estimate + share * (noisy - estimate))
        split = _split(split, estimate, auxiliary, share * (noisy - auxiliary), rho)


def closed_form(noisy: Array, split: Split, *, rho: float, weight: float) -> Array:
    """Return the X that solves its part exactly, for white noise and no network."""
    target = weight * noisy + rho * (split.auxiliary - split.dual)
    estimate: Array = (target / (weight + rho)).astype(np.float32)
    return estimate


def _split(before: Split, estimate: Array, auxiliary: Array, dual: Array, rho: float) -> Split:
    return Split(
        auxiliary,
        dual,
        primal_residual=_rms(estimate - auxiliary),
        dual_residual=rho * _rms(auxiliary - before.auxiliary),
    )


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))
