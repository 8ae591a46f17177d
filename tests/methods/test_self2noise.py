"""What makes self2noise what it is: noise does not fit through the bottleneck."""

import numpy as np
import pytest
import torch

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.self2noise import Self2NoiseConfig

METHOD = get("self2noise")
TINY = {
    "patch_size": 32,
    "batch_size": 8,
    "halvings": 2,
    "bottleneck": 1,
    "learning_rate": 3e-3,
    "validation_fraction": 0.0,
}
"""One number for 16 pixels: enough to say where a square is, and learned in seconds."""


def structures(count, seed=0):
    """Images of a bright square at one of four places, (count, 32, 32), 0 and 1."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 32, 32), np.float32)
    for image in images:
        row, column = 4 + 14 * rng.integers(2, size=2)
        image[row : row + 10, column : column + 10] = 1
    return images


def trained(noisy, **settings):
    config = Self2NoiseConfig(**{**TINY, **settings})
    return finish(runs.train(METHOD, [Image(noisy, "TYX")], config, Context(seed=1)))


def applied(model, noisy):
    return finish(runs.apply(model, Image(noisy, "TYX"), Context()))["denoised"].data


def test_compression_removes_the_noise_of_images_it_has_never_seen():
    clean, others = structures(200), structures(20, seed=1)
    rng = np.random.default_rng(2)
    noisy, unseen = (each + rng.normal(0, 0.5, each.shape) for each in (clean, others))
    denoised = applied(trained(noisy, steps=80), unseen)
    error = np.mean((denoised - others) ** 2)
    assert error < 0.15 * 0.5**2
    # More than the mean of all images, which knows no place.
    assert error < 0.5 * np.mean((noisy.mean(0) - others) ** 2)


@pytest.mark.parametrize(("loss", "expected"), [("l1", (0, 1)), ("l2", (0.5, 1.125))])
def test_l1_is_right_where_noise_was_cut_off_and_l2_is_biased(loss, expected):
    """The paper's noise: uniform, and negative values set to 0; medians 0 and 1 survive."""
    clean = np.zeros((60, 32, 32), np.float32)
    clean[:, 8:24, 8:24] = 1
    noise = np.random.default_rng(0).uniform(-2, 2, clean.shape)
    noisy = np.maximum(clean + noise, 0)
    means = noisy[clean == 0].mean(), noisy[clean == 1].mean()
    assert means == pytest.approx((0.5, 1.125), abs=0.02)
    denoised = applied(trained(noisy, steps=70, loss=loss), noisy[:4])
    found = np.median(denoised[clean[:4] == 0]), np.median(denoised[:, 10:22, 10:22])
    assert found == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("hot", [False, True])
def test_intensities_come_back_also_with_outliers(hot):
    """A few wrong pixels set neither the scale nor the result; bright structures stay."""
    clean = np.full((60, 32, 32), 200.0)
    clean[:, 8:24, 8:24] = 1200
    noisy = clean + np.random.default_rng(0).normal(0, 100, clean.shape)
    noisy[::3, 2, 3] = 1e7 if hot else 200
    denoised = applied(trained(noisy, steps=70), noisy[:4])
    assert np.median(denoised[clean[:4] == 200]) == pytest.approx(200, abs=50)
    assert np.median(denoised[:, 10:22, 10:22]) == pytest.approx(1200, abs=100)


def test_the_same_map_is_used_for_training_and_prediction():
    """Of another stack, with another maximum, every image is denoised as in the first."""
    noisy = structures(30) + np.random.default_rng(0).normal(0, 0.3, (30, 32, 32))
    model = trained(noisy, steps=5)
    brighter = np.concatenate([noisy[:1], noisy[:1] + 50])
    np.testing.assert_array_equal(applied(model, brighter)[0], applied(model, noisy[:1])[0])


def test_each_scale_is_compared_with_the_mean_of_squares_of_pixels():
    config = Self2NoiseConfig(**TINY)
    network = METHOD.network(config, 1)
    batch = torch.rand(2, 1, 32, 32) * 1.5  # beyond 1 everything is 1
    wrapped = Float32Outputs(network, Compute(torch.device("cpu"), torch.float32))
    losses = METHOD.losses(wrapped, batch, config)
    target, expected = batch.clamp(0, 1), {}
    for name, output in zip(("full", "half"), network.scales(target), strict=True):
        expected[name] = (output - target).abs().mean()
        side = target.shape[-1] // 2
        target = target.reshape(2, 1, side, 2, side, 2).mean((3, 5))
    torch.testing.assert_close(losses, expected)
    fine = Self2NoiseConfig(**TINY, coarse_outputs=False)
    wrapped.network = METHOD.network(fine, 1)
    assert list(METHOD.losses(wrapped, batch, fine)) == ["full"]


@pytest.mark.parametrize(
    ("shape", "patch", "side", "halvings", "bottleneck"),
    [
        ((70, 90), 128, 64, 3, 4),
        ((20, 300), 128, 32, 3, 4),
        ((200, 200), 150, 128, 4, 16),
        ((600, 300), 0, 288, 5, 64),
    ],
)
def test_patches_are_square_and_fit_and_the_bottleneck_with_them(
    shape, patch, side, halvings, bottleneck
):
    """As published one number for 16 pixels."""
    events = []
    config = Self2NoiseConfig(patch_size=patch)
    settled = finish(METHOD.settle(config, [Image(np.zeros(shape))]), events.append)
    assert (settled.patch_size, settled.halvings) == (side, halvings)
    assert settled.bottleneck == bottleneck
    assert METHOD.tile_size(settled) == side
    assert any(isinstance(event, Note) for event in events)


def test_the_work_of_the_paper_s_network_is_counted():
    config = Self2NoiseConfig.from_preset("paper")
    assert METHOD.work(config) == pytest.approx(49.6e3, rel=2e-3)
    assert METHOD.work(Self2NoiseConfig()) < 0.25 * METHOD.work(config)


def test_brightness_is_kept_as_the_loss_sees_it():
    noise = np.array([[0.0, 0.0, 9.0]], np.float32)
    assert METHOD.centre(noise, Self2NoiseConfig(loss="l1")) == 0
    assert METHOD.centre(noise, Self2NoiseConfig(loss="l2")) == 3
