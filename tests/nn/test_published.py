"""Our networks with published weights give what the published code gives."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_selfdenoise.nn.ladder import halving_levels
from napari_selfdenoise.nn.published import autoregressive_decoder, ladder_unet
from tests.nn import published_weights
from tests.nn.published_weights import (
    CASES,
    DATA,
    decoder,
    direct_denoiser,
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


def test_a_direction_whose_images_are_turned_is_told_apart():
    weights = drawn(decoder(1, "x", 3, 2), torch.Generator())
    with pytest.raises(ValueError, match="does not turn images, which does not fit"):
        autoregressive_decoder(weights, "y")


class PublishedUNet:
    """The published direct denoiser as its description reads, from its own weights."""

    def __init__(self, weights, halves):
        self.weights, self.halves = weights, halves

    def convolve(self, x, name, mode="constant", stride=1):
        weight, bias = (self.weights[f"{name}.conv.{kind}"] for kind in ("weight", "bias"))
        x = functional.pad(x, [weight.shape[-1] // 2] * 4, mode=mode)
        return functional.conv2d(x, weight, bias, stride)

    def norm(self, x, name):
        kinds = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(self.weights[f"{name}.{kind}"] for kind in kinds))

    def block(self, x, name):
        change = x
        for norm, following in ((0, 2), (3, 5)):
            change = functional.mish(self.norm(change, f"{name}.block.{norm}"))
            change = self.convolve(change, f"{name}.block.{following}")
        if f"{name}.block.6.conv.conv.weight" in self.weights:
            gate = self.convolve(change, f"{name}.block.6.conv")
            change = gate[:, 0::2].tanh() * gate[:, 1::2].sigmoid()
        return x + change

    def merge(self, first, second, name):
        alternating = torch.stack([first, second], 2).flatten(1, 2)
        return self.block(self.convolve(alternating, f"{name}.layer.0"), f"{name}.layer.1")

    def __call__(self, x):
        x = functional.mish(self.convolve(x, "first_bottom_up.0", "replicate"))
        x = self.block(x, "first_bottom_up.2.res_block")
        found = []
        for level, halving in enumerate(self.halves):
            name = f"bottom_up_layers.{level}.bu_blocks.0"
            if halving:
                x = self.convolve(x, f"{name}.pre_conv", "reflect", 2)
            x = self.block(x, f"{name}.res_block")
            found.append(x)
        for level, halving in reversed(list(enumerate(self.halves))):
            name = f"top_down_layers.{level}"
            if level < len(self.halves) - 1:
                merged = self.merge(found[level], x, f"{name}.merge")
                x = self.merge(merged, x, f"{name}.skip_connection_merger")
            if halving:
                x = functional.interpolate(x, scale_factor=2, mode="bilinear")
                x = self.convolve(x, f"{name}.blocks.0.pre_conv.1")
            x = self.block(x, f"{name}.blocks.0.res_block")
        return self.convolve(x, "final_top_down")


@pytest.mark.parametrize(("channels", "halves"), [(1, (False, True, True)), (3, (True, True))])
def test_the_direct_denoiser_is_the_published_one(channels, halves):
    generator = torch.Generator().manual_seed(1)
    weights = drawn(direct_denoiser(channels, halves, 2), generator)
    image = torch.randn(2, channels, 16, 12, generator=generator)
    expected = PublishedUNet(weights, halves)(image)
    with torch.no_grad():
        assert away(ladder_unet(weights).eval()(image), expected) < 1e-5


def test_the_direct_denoiser_pads_with_zeros_if_asked_to():
    weights = drawn(direct_denoiser(1, (True, True), 2), torch.Generator().manual_seed(1))
    image = torch.randn(1, 1, 15, 13, generator=torch.Generator().manual_seed(2))
    padded = functional.pad(image, (1, 2, 0, 1))
    expected = PublishedUNet(weights, (True, True))(padded)[..., :15, 1:14]
    with torch.no_grad():
        assert away(ladder_unet(weights, padding="zero").eval()(image), expected) < 1e-5


@pytest.mark.parametrize(
    ("levels", "crop", "count"),
    [(6, 64, 2_177_345), (6, 128, 2_218_433), (8, 256, 2_952_001)],
)
def test_the_direct_denoiser_has_the_published_size(monkeypatch, levels, crop, count):
    monkeypatch.setattr(published_weights, "FEATURES", 64)
    shapes = direct_denoiser(1, halving_levels(levels, crop), 2)
    network = ladder_unet({name: torch.zeros(shape) for name, shape in shapes.items()})
    assert sum(each.numel() for each in network.parameters()) == count
    assert sum(math.prod(shape) for n, shape in shapes.items() if "running" not in n) == count
