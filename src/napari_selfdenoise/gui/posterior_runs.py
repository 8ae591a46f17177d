"""Runs on posterior samples; torch is imported when they start, in the worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.posterior_regions import exceedance
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.gui.posterior_layers import PosteriorLayers, one_by_one

_sampled: WeakSet[Any] = WeakSet()
"""Posteriors that are being sampled, in whichever panel."""
_lock = threading.Lock()


def context_of_more(result: Result) -> Context:
    """Return the context of a run that adds samples, on the device that drew those before."""
    made = result.provenance
    device: Any = made.device.partition(":")[0]
    precision: Any = made.precision
    return Context(device=device, precision=precision, seed=made.seed)


def adding(result: Result, count: int, context: Context) -> Run[Result]:
    """Draw `count` more samples, all of them.

    They are kept as long as all samples are kept, up to the number that is kept by default.
    """
    posterior = result.posterior
    with _lock:
        if posterior in _sampled:
            raise UsageError(
                "More samples of this result are being drawn already; wait for their end."
            )
        _sampled.add(posterior)
    try:
        yield Progress(0, count, "sampling")
        from napari_selfdenoise.engine import runs

        kept = len(posterior.kept)
        if max(posterior.counts) <= kept:
            kept = max(kept, Sampling().keep_samples)
        context.sampling = replace(context.sampling, tolerance=0.0, keep_samples=kept)
        return (yield from runs.sample(result, count, context))
    finally:
        _sampled.discard(posterior)


@dataclass(frozen=True, eq=False)
class Exceeding:
    """How probable it is that the intensity exceeds a threshold.

    Attributes
    ----------
    counted : PosteriorLayers
        Whose samples were counted.
    threshold : float
    probability : ndarray
        As `exceedance` returns it.
    """

    counted: PosteriorLayers
    threshold: float
    probability: NDArray[np.float32]


def exceeding(posterior: PosteriorLayers, threshold: float) -> Run[Exceeding]:
    """Count the samples of a result that exceed a threshold; it must have some."""
    yield Progress(0, 1, "counting samples")
    assert posterior.samples is not None
    probability = exceedance(one_by_one(posterior.samples), threshold)
    return Exceeding(posterior, threshold, probability)
