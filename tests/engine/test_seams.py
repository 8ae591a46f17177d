"""Prediction by tiles leaves no trace of them, for every method with a network."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise import api
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import predict, sampler
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.predict_image import denoiser_of
from napari_selfdenoise.methods import METHODS, get
from tests.running import denoise, tiny

LEARNED = [name for name in METHODS if isinstance(get(name), LearnedMethod)]
DRAW = ("recorrupted2recorrupted", "self2self")
"""Methods whose prediction is a mean over random draws, which each tile makes anew."""
SIDE = 32
SEGMENT = 12
SHAPE = (180, 170)


def texture():
    """Photon noise on structures that are alike everywhere: no place differs from others."""
    rng = np.random.default_rng(0)
    structure = gaussian_filter(rng.standard_normal(SHAPE), 2, mode="wrap")
    return rng.poisson((100 + 30 * structure / structure.std()).clip(0)).astype(np.uint16)


@pytest.fixture(scope="module", params=LEARNED)
def tiled(request):
    """Return a method's model, an image denoised as a whole and by small tiles, and these."""
    config = tiny(request.param)
    # Tiles that fade into each other agree only as far as the network has learned.
    config = replace(config, steps=200 if get(request.param).tile_size(config) else 10)
    image = Image(texture())
    model = denoise(request.param, image.data[:64, :64], config, precision="float32").model
    options = {"precision": "float32", "sampling": {"samples": 1, "keep_samples": 0}}
    whole = api.apply(model, image, **options)["denoised"].data
    compute = Compute.of(Context(precision="float32"))
    denoiser = denoiser_of(model.method, model.config, model.members[0], compute)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "TILE_SIZE", SIDE)
        patch.setattr(predict, "TILE_HALOS", 0)
        patch.setattr(sampler, "TILE_SIZE", SIDE)
        denoised = api.apply(model, image, **options)["denoised"].data
        return model, whole, denoised, denoiser.tiles(*SHAPE)


def test_tiled_equals_whole(tiled):
    """Everywhere: the halo is as wide as the network sees, and the borders are the image's."""
    model, whole, denoised, tiles = tiled
    assert len(tiles) > 9
    if not model.method.tile_size(model.config):  # else there are the same tiles each time
        assert max(tile.write[0].stop - tile.write[0].start for tile in tiles) == SIDE
    difference = (denoised - whole) / texture().std()
    if model.method.name in DRAW:
        assert 0 < difference.std() < 0.02
    else:
        assert np.abs(difference).max() < 1e-4


def test_no_seam_is_found_among_a_hundred_borders(tiled):
    """Neighbouring pixels differ across the borders of tiles as they do elsewhere."""
    _, _, denoised, tiles = tiled
    across, elsewhere = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(denoised, axis=axis))
        steps = np.moveaxis(steps, axis, 0)
        parts = [
            steps[:, at : at + SEGMENT].mean(1) for at in range(0, steps.shape[1], SEGMENT)
        ]
        edges = {tile.write[axis].start for tile in tiles} | {
            tile.write[axis].stop for tile in tiles
        }
        borders = sorted(edge - 1 for edge in edges if 0 < edge < denoised.shape[axis])
        others = sorted(set(range(len(steps))) - set(borders))
        across += [part[borders] for part in parts]
        elsewhere += [part[others] for part in parts]
    across, elsewhere = np.concatenate(across), np.concatenate(elsewhere)
    assert len(across) >= 100
    error = across.std() / np.sqrt(len(across))
    assert across.mean() <= elsewhere.mean() + 3 * error
