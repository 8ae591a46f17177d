"""Neighbor2Neighbor: what it learns from one noisy image."""

import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.methods import get

ROWS, COLUMNS = np.mgrid[:96, :80]
CLEAN = (100 + 60 * np.sin(ROWS / 7) * np.cos(COLUMNS / 9)).astype(np.float32)
METHOD = get("neighbor2neighbor")


def denoised(noise, events=None, **settings):
    small = {"width": 8, "steps": 250, "learning_rate": 2e-3, "weight_average": 0.97}
    config = METHOD.Config(**small | settings)
    image = Image(CLEAN + noise.astype(np.float32))
    run = METHOD.denoise(image, config, Context())
    return finish(run, None if events is None else events.append)["denoised"].data


def test_independent_noise_goes_whatever_its_kind():
    rng = np.random.default_rng(0)
    uneven = rng.uniform(-1, 1, CLEAN.shape) * 0.5 * CLEAN
    assert (denoised(uneven) - CLEAN).std() < 0.4 * uneven.std()


def test_noise_that_neighbours_share_stays():
    """The assumption it stands on: such noise is predictable from the neighbours."""
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.normal(0, 30, (24, 20)), np.ones((4, 4)))
    kept = denoised(coarse) - CLEAN
    assert np.corrcoef(kept.ravel(), coarse.ravel())[0, 1] > 0.7


def test_the_weight_of_the_second_term_grows_from_nothing():
    """So that the first steps are the same whatever it is in the end."""
    noise = np.random.default_rng(0).normal(0, 20, CLEAN.shape)
    curves = []
    for consistency in (0.0, 5.0):
        events = []
        denoised(noise, events, steps=30, consistency=consistency, validation_fraction=0.0)
        curves.append([e.values["train/neighbours"] for e in events if isinstance(e, Metrics)])
    assert curves[0][0] == pytest.approx(curves[1][0])
    assert curves[0][-1] != pytest.approx(curves[1][-1])
