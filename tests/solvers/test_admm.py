"""Plug-and-play ADMM, on problems whose solution is known and with real denoisers."""

import numpy as np
import pytest
import torch

from napari_selfdenoise.core.events import finish
from napari_selfdenoise.solvers.admm import (
    Split,
    closed_form,
    plug_and_play,
    proximal_gradient,
)
from napari_selfdenoise.solvers.bm3d import bm3d
from napari_selfdenoise.solvers.nl_means import nl_means

WEIGHT, RHO, STIFFNESS = 2.0, 5.0, 3.0


def quadratic(values):
    """The prior of R(M) = STIFFNESS / 2 |M|^2, exactly."""
    return RHO / (RHO + STIFFNESS) * values


def image(seed=0):
    return np.random.default_rng(seed).normal(size=(8, 6)).astype(np.float32)


def iterate(run, noisy, times):
    split = next(run)
    for _ in range(times):
        estimate = closed_form(noisy, split, rho=RHO, weight=WEIGHT)
        split = run.send(estimate)
    return split, estimate


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_admm_finds_the_known_solution(eta):
    noisy = image()
    start = Split(noisy, np.zeros_like(noisy))
    split, estimate = iterate(plug_and_play(start, quadratic, rho=RHO, eta=eta), noisy, 60)
    np.testing.assert_allclose(estimate, WEIGHT / (WEIGHT + STIFFNESS) * noisy, atol=1e-5)
    np.testing.assert_allclose(split.auxiliary, estimate, atol=1e-5)
    # at the optimum the data term is at rest
    np.testing.assert_allclose(split.dual, WEIGHT / RHO * (noisy - estimate), atol=1e-5)


def test_residuals_are_those_of_boyd_and_vanish():
    noisy = image()
    run = plug_and_play(Split(noisy, np.zeros_like(noisy)), quadratic, rho=RHO)
    first = next(run)
    second = run.send(0.5 * noisy)
    primal = np.sqrt(np.mean((0.5 * noisy - second.auxiliary) ** 2))
    dual = RHO * np.sqrt(np.mean((second.auxiliary - first.auxiliary) ** 2))
    assert second.primal_residual == pytest.approx(primal, rel=1e-5)
    assert second.dual_residual == pytest.approx(dual, rel=1e-5)
    last, _ = iterate(
        plug_and_play(Split(noisy, np.zeros_like(noisy)), quadratic, rho=RHO), noisy, 60
    )
    assert last.primal_residual < 1e-4 * second.primal_residual
    assert last.dual_residual < 1e-4 * second.dual_residual


@pytest.mark.parametrize("weight", [2.0, 7.0])
def test_a_step_of_the_gradient_that_is_a_whole_one_gives_the_prior_the_noisy_image(weight):
    noisy, seen = image(), []

    def prior(values):
        seen.append(values)
        return 0.5 * values

    # A weight above rho would lead beyond it.
    run = proximal_gradient(noisy, 0.5 * noisy, prior, rho=2.0, weight=weight)
    split = next(run)
    for estimate in (image(1), image(2)):
        split = run.send(estimate)
        np.testing.assert_allclose(seen[-1], noisy, atol=1e-6)
    np.testing.assert_allclose(split.dual, noisy - split.auxiliary, atol=1e-6)


def test_with_the_dual_at_its_optimum_the_network_is_to_fit_the_auxiliary():
    """The X that solves its part is M itself, whatever M is."""
    noisy = image()
    run = proximal_gradient(noisy, image(3), quadratic, rho=RHO, weight=WEIGHT)
    split = next(run)
    solved = closed_form(noisy, split, rho=RHO, weight=WEIGHT)
    np.testing.assert_allclose(solved, split.auxiliary, atol=1e-5)


def by_bm3d(values):
    return finish(bm3d(torch.from_numpy(values), 8.0)).numpy()


def by_nl_means(values):
    return nl_means(values[np.newaxis], 8.0)[0]


@pytest.mark.parametrize("prior", [by_bm3d, by_nl_means])
def test_any_denoiser_is_a_prior(prior):
    """A few iterations with a real denoiser come much nearer to the clean image."""
    rows, columns = np.mgrid[:64, :64]
    clean = (100 + 50 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 16, clean.shape).astype(np.float32)
    run = proximal_gradient(noisy, noisy, prior, rho=2 / 256, weight=1 / 256)
    split = next(run)
    for _ in range(4):
        split = run.send(closed_form(noisy, split, rho=2 / 256, weight=1 / 256))
    error, before = (np.mean((each - clean) ** 2) for each in (split.auxiliary, noisy))
    assert error < 0.2 * before
