"""Prediction in tiles of one size."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import Planes
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.predict import Denoiser, predict_plane

SIDE = 32


class OneSize(nn.Module):
    """Takes tiles of one size only, and adds to each what `change` says."""

    def __init__(self, change=lambda number: 0.0):
        super().__init__()
        self.change, self.calls = change, 0

    def forward(self, tile):
        assert tile.shape[2:] == (SIDE, SIDE)
        self.calls += 1
        return tile + self.change(self.calls)


def denoiser(network, side=SIDE):
    compute = Compute(torch.device("cpu"), torch.float32)
    normalization = Normalization((3.0,), (2.0,))
    return Denoiser(
        network, lambda net, tile: net(tile), normalization, (0.0,), compute, SIDE // 4, side
    )


@pytest.mark.parametrize("shape", [(1, 5), (20, 50), (32, 32), (33, 31), (100, 77)])
def test_every_plane_is_denoised_in_tiles_of_the_size_of_training(shape):
    """What the network leaves alone comes back as it was."""
    plane = np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)
    denoised = predict_plane(denoiser(OneSize()), Planes(Image(plane), {}), 0)
    np.testing.assert_allclose(denoised[0], plane, rtol=1e-5)


def test_there_are_no_seams():
    """Tiles that disagree by 2 make no step of more than a little, from pixel to pixel."""
    rng = np.random.default_rng(0)
    plane = np.zeros((128, 128), np.float32)
    plane[::2] = 1e-3  # a constant tile would come back as it is
    network = OneSize(lambda number: float(rng.choice([-0.5, 0.5])))
    denoised = predict_plane(denoiser(network), Planes(Image(plane), {}), 0)[0]
    assert network.calls == 49
    assert np.ptp(denoised) > 1
    for axis in (0, 1):
        assert np.abs(np.diff(denoised, axis=axis)).max() < 2 * 2 / (SIDE // 2)


def test_brightness_is_measured_on_tiles_of_this_size():
    """And `centre` says what of the noise is zero."""
    noisy = np.random.default_rng(0).normal(100, 10, (50, 70)).astype(np.float32)
    network = OneSize(lambda number: -1.0)  # in normalised intensities: 2 too dark
    sources = [Planes(Image(np.stack([noisy, noisy]), "TYX"), {})]
    (mean,) = denoiser(network).lost_brightness(sources, lambda noise: noise.mean(axis=1))
    (seven,) = denoiser(network).lost_brightness(sources, lambda noise: np.full(1, 7.0))
    assert mean == pytest.approx(2, abs=1e-3)
    assert seven == 7
