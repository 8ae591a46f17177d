"""Noise along one axis: it is what was measured, and of the pixels before alone."""

import numpy as np
import pytest
import torch

from napari_selfdenoise.nn.linear_noise import TAPS, LinearNoise

STD, CORRELATION = 0.5, (0.45, 0.21, 0.06)


def measured(direction="x", channels=1):
    """Noise of one strength everywhere."""
    noise = LinearNoise(channels, direction)
    for channel in range(channels):
        noise.own.set_line(channel, STD**2, 0.0, -1.0, 1.0)
        noise.set_correlation(channel, CORRELATION)
    return noise


def drawn(noise, clean):
    draws = noise.draws(len(clean), clean.shape[2:], torch.Generator().manual_seed(0))
    return torch.stack([*noise.columns(clean, draws)], noise.axis)


def correlation(noise, axis, distance):
    length = noise.shape[axis] - distance
    pair = noise.narrow(axis, 0, length), noise.narrow(axis, distance, length)
    return float((pair[0] * pair[1]).mean() / noise.square().mean())


@pytest.mark.parametrize(("direction", "axis"), [("x", -1), ("y", -2)])
def test_generated_noise_is_as_strong_and_as_correlated_as_measured(direction, axis):
    clean = torch.zeros(1, 1, 300, 300)
    noise = drawn(measured(direction), clean)
    assert float(noise.std()) == pytest.approx(STD, rel=0.02)
    for distance, expected in enumerate(CORRELATION, 1):
        assert correlation(noise, axis, distance) == pytest.approx(expected, abs=0.02)
    assert correlation(noise, -3 - axis, 1) == pytest.approx(0, abs=0.02)


def test_likelihood_is_largest_for_the_noise_there_is():
    clean = torch.zeros(1, 1, 200, 200)
    noise = drawn(measured(), clean)
    likely, *others = (
        float(measured(direction).log_likelihood(noise, clean).mean())
        for direction in ("x", "y", "none")
    )
    assert likely > max(others) + 0.02


def test_a_value_depends_on_the_pixels_before_it_on_its_line():
    clean = torch.zeros(1, 1, 7, 12)
    image = torch.randn(1, 1, 7, 12, requires_grad=True)
    likelihoods = measured().log_likelihood(image, clean)
    likelihoods[0, 0, 3, 8].backward()
    seen = image.grad[0, 0].nonzero().tolist()
    assert seen == [[3, place] for place in range(8 - TAPS, 9)]


def test_independent_noise_sees_no_other_pixel():
    clean = torch.zeros(1, 1, 7, 12)
    image = torch.randn(1, 1, 7, 12, requires_grad=True)
    measured("none").log_likelihood(image, clean)[0, 0, 3, 8].backward()
    assert image.grad[0, 0].nonzero().tolist() == [[3, 8]]


def test_channels_have_noise_of_their_own():
    noise = measured(channels=2)
    noise.own.set_line(1, 4 * STD**2, 0.0, -1.0, 1.0)
    noise.set_correlation(1, [0.0] * TAPS)
    found = drawn(noise, torch.zeros(1, 2, 200, 200))
    assert float(found[:, 1].std() / found[:, 0].std()) == pytest.approx(2, rel=0.05)
    assert correlation(found[:, 1:], -1, 1) == pytest.approx(0, abs=0.02)
    assert correlation(found[:, :1], -1, 1) == pytest.approx(CORRELATION[0], abs=0.02)


@pytest.mark.parametrize("correlation", [(0.99, 0.2, 0.9), (1.0, 1.0, 1.0), (1.02, 0.9, 0.9)])
def test_measurements_that_contradict_each_other_leave_noise_of_its_own(correlation):
    noise = LinearNoise(1, "x")
    noise.own.set_line(0, 1.0, 0.0, -1.0, 1.0)
    noise.set_correlation(0, correlation)
    assert float(noise.left.min()) > 0
    assert np.isfinite(float(noise.log_likelihood(*torch.zeros(2, 1, 1, 8, 8)).mean()))


@pytest.mark.parametrize(("growing", "dark", "bright"), [(0, 0.6, 0.3), (1, 0.4, 0.4)])
def test_dark_pixels_are_more_correlated_where_stripes_are_of_one_strength(
    growing, dark, bright
):
    noise = LinearNoise(1, "x")
    noise.own.set_line(0, 1.0, 1.0, 0.0, 1.0)
    noise.set_correlation(0, [0.4, 0.2, 0.05], 0.5, growing)
    for signal, expected in ((0.0, dark), (1.0, bright)):
        made = drawn(noise, torch.full((1, 1, 300, 300), signal)) - signal
        assert float(made.var()) == pytest.approx(1 + signal, rel=0.03)
        assert correlation(made, -1, 1) == pytest.approx(expected, abs=0.02)
        assert correlation(made, -1, 2) == pytest.approx(expected / 2, abs=0.02)


def test_noise_that_is_no_normal_distribution_keeps_its_strength():
    noise = LinearNoise(1, "x", 2)
    noise.own.variances.fill_(0.1)
    noise.own.variances[..., 1] = 0
    noise.own.offsets[0, :, 0] = torch.tensor([-0.5, 0.5])
    noise.set_correlation(0, CORRELATION)
    made = drawn(noise, torch.zeros(1, 1, 300, 300))
    assert float(made.var()) == pytest.approx(0.1 + 0.5**2, rel=0.03)
    assert correlation(made, -1, 1) == pytest.approx(CORRELATION[0], abs=0.02)


@pytest.mark.parametrize(("direction", "taps"), [("x", TAPS), ("none", 0)])
def test_weights_from_when_they_were_the_same_at_every_intensity_still_count(direction, taps):
    before = {f"own.{name}": each for name, each in LinearNoise(1, "x").own.named_buffers()}
    before["weights"] = torch.tensor([[0.4, 0.1, -0.1]])[:, :taps]
    noise = LinearNoise(1, direction)
    noise.load_state_dict(before)
    image, clean = torch.randn(1, 1, 6, 9), torch.rand(1, 1, 6, 9)
    away = image - clean
    for far, weight in enumerate(before["weights"][0].tolist(), 1):
        away[..., far:] -= weight * (image - clean)[..., :-far]
    expected = noise.own.log_density(clean + away, clean)
    assert noise.log_likelihood(image, clean).numpy() == pytest.approx(
        expected.numpy(), rel=1e-5
    )
