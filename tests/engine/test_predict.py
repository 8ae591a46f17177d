"""Prediction in tiles of one size."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import Planes
from napari_selfdenoise.engine import predict as predicting
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.predict import Denoiser, predict, predict_plane

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


class Hungry(nn.Module):
    """Takes no tile with more than so many pixels, as if the memory were used up."""

    def __init__(self, most, error):
        super().__init__()
        self.most, self.error, self.calls = most, error, 0

    def forward(self, tile):
        self.calls += 1
        if tile[0, 0].numel() > self.most:
            raise self.error
        return tile + 1


OUT_OF_MEMORY = [
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB."),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_when_memory_is_short_tiles_are_halved_and_it_is_said(error):
    image = Image(np.random.default_rng(0).normal(100, 10, (2, 300, 200)).astype(np.float32))
    network = Hungry(100**2, error)
    out, events = np.full(image.shape, np.nan, np.float32), []
    run = predict(denoiser(network, side=0), Planes(image, {}), out, Context())
    assert finish(run, events.append) == 2
    np.testing.assert_allclose(out, image.data + 2, rtol=1e-5)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert [note.split()[-2] for note in notes] == ["128", "64"]
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[-1].step == progress[-1].total


def test_memory_for_no_tile_at_all_is_an_error_and_so_is_any_other():
    planes = Planes(Image(np.arange(90.0 * 90).reshape(90, 90), name="cells"), {})
    out = np.zeros((90, 90), np.float32)
    with pytest.raises(ImageError, match=r"to denoise cells, not even in tiles of 32 pixels"):
        finish(predict(denoiser(Hungry(9, MemoryError()), 0), planes, out, Context()))
    with pytest.raises(ImageError, match="not even in tiles of 32 pixels"):
        finish(predict(denoiser(Hungry(9, MemoryError())), planes, out, Context()))
    other = Hungry(9, RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="sizes do not match"):
        finish(predict(denoiser(other, 0), planes, out, Context()))
    assert other.calls == 1


@pytest.mark.parametrize("side", [0, SIDE])
def test_a_plane_is_written_by_bands_of_rows(side, monkeypatch):
    """So that a plane of any size takes little memory; the pixels are the same."""
    monkeypatch.setattr(predicting, "TILE_SIZE", 24)
    plane = np.random.default_rng(0).normal(100, 10, (150, 70)).astype(np.float32)
    planes = Planes(Image(plane), {})
    written = []

    class Watched:
        shape, dtype = plane.shape, plane.dtype

        def __setitem__(self, key, values):
            written.append((key[0], values))

    network = OneSize(lambda number: number / 9) if side else Hungry(10**6, None)
    whole = predict_plane(denoiser(network, side), planes, 0)[0]
    network.calls = 0
    monkeypatch.setattr(predicting, "BAND_BYTES", 70 * 4 * 10)
    finish(predict(denoiser(network, side), planes, Watched(), Context()))
    assert max(len(values) for _, values in written) < 60
    np.testing.assert_array_equal(np.concatenate([values for _, values in written]), whole)
    assert [rows.start for rows, _ in written][1:] == [rows.stop for rows, _ in written][:-1]
