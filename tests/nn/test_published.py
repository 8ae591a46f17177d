"""Our networks with published weights give what the published code gives."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_selfdenoise.nn.published import autoregressive_decoder
from tests.nn.published_weights import (
    CASES,
    DATA,
    decoder,
    drawn,
    networks,
    outputs,
    shapes_of,
)

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
GOLDEN = SHARED / "golden" / "cosdd"


def read(path):
    """Return all arrays of a file as tensors, floating point ones in single precision."""
    with np.load(path) as file:
        tensors = {name: torch.from_numpy(file[name]) for name in file.files}
    return {n: v.float() if v.is_floating_point() else v for n, v in tensors.items()}


def away(ours, theirs):
    return float((ours - theirs).abs().max() / theirs.std())


def assert_agrees(weights, expected, direction):
    found = networks(weights, direction)
    draws = [expected[f"eps/{number}"] for number in range(len(found[0].halves))]
    ours = outputs(found, expected["x"], draws)
    assert away(ours["s_code"], expected["s_code"]) < 1e-5
    assert away(ours["mixture_params"], expected["mixture_params"]) < 1e-5
    # The reference's signal varies by so little that its own rounding is up to 7e-5 of it.
    assert away(ours["signal"], expected["signal"]) < 1e-4
    with torch.no_grad():
        assert away(found[2](expected["s_code"]), expected["signal"]) < 1e-5
    assert ours["nll_mean"] == pytest.approx(expected["nll_mean"].item(), rel=1e-5)
    # The published code has no prior for other sizes than that of the training patches.
    if expected["kl_sum"].isfinite():
        assert ours["kl_sum"] == pytest.approx(expected["kl_sum"].item(), rel=1e-5)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the reference's golden data are not here")
@pytest.mark.parametrize(
    "case",
    ["x_l3_c8", "y_l4_c8_odd", "z3d_l3_c8", "none_l3_c8", "x_rgb_l3_c8", "x_l8_c8_crop64"],
)
def test_agrees_with_the_reference(case):
    settings = json.loads((GOLDEN / f"{case}.json").read_text())["hyper-parameters"]
    expected = read(GOLDEN / f"{case}.npz")
    weights = {n.removeprefix("state/"): v for n, v in expected.items() if "state/" in n}
    assert_agrees(weights, expected, settings["noise-direction"])


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_what_agreed_with_the_reference(case):
    expected = read(DATA / f"published_{case}.npz")
    shapes = shapes_of(**CASES[case])
    values = expected["weights"].split([math.prod(shape) for shape in shapes.values()])
    weights = {n: v.view(shapes[n]) for n, v in zip(shapes, values, strict=True)}
    assert_agrees(weights, expected, CASES[case]["direction"])


def test_a_direction_that_does_not_fit_is_refused():
    weights = drawn(decoder(1, "none", 3, 2), torch.Generator())
    with pytest.raises(ValueError, match="1 pixels, which does not fit to direction 'x'"):
        autoregressive_decoder(weights, "x")
