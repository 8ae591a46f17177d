"""Tiles that would not fit are not tried: a system may end a program that tries."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import Planes
from napari_selfdenoise.engine import tile_memory
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.predict import Denoiser, predict
from napari_selfdenoise.engine.tile_memory import BESIDE_TENSORS, tensor_bytes_per_pixel

COPIES = 200


class Wide(nn.Module):
    """Makes so many copies of a tile, and returns their mean, which is the tile."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def forward(self, tile):
        self.largest = max(self.largest, tile[0, 0].numel())
        return tile.repeat(1, COPIES, 1, 1).mean(1, keepdim=True)


@pytest.fixture
def planes():
    noisy = np.random.default_rng(0).normal(100, 10, (2, 300, 260)).astype(np.float32)
    return Planes(Image(noisy, name="cells"), {})


def denoiser(network, side=0, halo=8):
    return Denoiser(
        network,
        lambda net, tile: net(tile),
        Normalization((3.0,), (2.0,)),
        (0.0,),
        Compute(torch.device("cpu"), torch.float32),
        halo,
        side,
    )


def run(network, planes, free, monkeypatch, **options):
    monkeypatch.setattr(tile_memory, "free_memory", lambda: free)
    out, events = np.full(planes.image.shape, np.nan, np.float32), []
    finish(predict(denoiser(network, **options), planes, out, Context()), events.append)
    np.testing.assert_allclose(out, planes.image.data, rtol=1e-5)
    return [event.text for event in events if isinstance(event, Note)]


def test_tensors_of_a_small_tile_are_counted_as_long_as_they_live(planes):
    each = tensor_bytes_per_pixel(denoiser(Wide()), planes)
    assert 4 * COPIES < each < 4 * (COPIES + 5)

    class Deep(nn.Module):  # as wide, but one after the other
        def forward(self, tile):
            for _ in range(COPIES):
                tile = tile + 0
            return tile

    assert tensor_bytes_per_pixel(denoiser(Deep()), planes) < 4 * 6


def test_tiles_are_as_large_as_they_may_be(planes, monkeypatch):
    network = Wide()
    assert run(network, planes, 10**12, monkeypatch) == []
    assert network.largest == 300 * 260
    side, halo = 64, 8
    least = (side + 2 * halo) ** 2 * 4 * COPIES * BESIDE_TENSORS
    network = Wide()
    (note,) = run(network, planes, round(1.2 * least), monkeypatch)
    assert network.largest == max((side + 2 * halo) ** 2, tile_memory.SMALL_SIDE**2)
    assert "going on with tiles of 64 pixels" in note
    assert "about 0.2 GB of memory, and 15 MB are free" in note


def test_no_run_is_refused_unless_it_is_certain(planes, monkeypatch):
    """What is beside the tensors is a guess, the tensors of the smallest tile are not."""
    smallest = (32 + 2 * 8) ** 2 * 4 * COPIES
    (note,) = run(Wide(), planes, round(1.2 * smallest), monkeypatch)
    assert "tiles of 32 pixels" in note
    with pytest.raises(ImageError, match=r"not even in tiles of 32 .* takes 2 MB at least"):
        run(Wide(), planes, smallest // 2, monkeypatch)
    with pytest.raises(ImageError, match="not even in tiles of 160 pixels"):
        run(Wide(), planes, smallest, monkeypatch, side=160)


def test_a_constant_image_is_no_problem(monkeypatch):
    flat = Planes(Image(np.full((300, 300), 7.0, np.float32)), {})
    assert run(Wide(), flat, 1000, monkeypatch) == []


def test_what_is_no_larger_than_what_is_measured_is_just_done(monkeypatch):
    noisy = np.random.default_rng(0).normal(100, 10, (128, 128)).astype(np.float32)
    assert run(Wide(), Planes(Image(noisy), {}), 1000, monkeypatch) == []
