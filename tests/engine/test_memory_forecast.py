"""What a run takes is known before it begins, and one that cannot fit does not begin."""

import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.data.output_files import FileOutputs
from napari_selfdenoise.data.tiles import TILE_SIZE, blended_tiles, tiles
from napari_selfdenoise.engine import memory_forecast, prepare
from napari_selfdenoise.engine.memory_forecast import check_results_fit, images_in_memory, need
from napari_selfdenoise.engine.preparation import UNPREPARED
from napari_selfdenoise.methods import METHODS, get
from tests.running import denoise


class Endless:
    """The data of an image that must not be read."""

    dtype = np.dtype(np.uint16)

    def __init__(self, *shape):
        self.shape = shape

    def __getitem__(self, key):
        raise AssertionError("pixels were read")


FILM = Image(Endless(400, 2048, 2048), "TYX", name="film")
GB = 10**9


@pytest.mark.parametrize("name", METHODS)
def test_every_method_was_measured(name):
    method = get(name)
    found = need(method, FILM, method.Config(), Sampling())
    assert 2 * FILM.data.shape[0] * 2048**2 * 4 <= found.results
    assert 0.005 * GB < found.work < 20 * GB


def test_it_follows_the_image_and_the_settings():
    method = get("noise2void")
    plain = need(method, FILM, method.Config(), Sampling())
    half = Image(Endless(200, 2048, 2048), "TYX")
    assert need(method, half, method.Config(), Sampling()).results == plain.results / 2
    larger = method.Config.from_json({"batch_size": 64, "patch_size": 256})
    assert need(method, FILM, larger, Sampling()).work > 2 * plain.work
    kept = Sampling(keep_samples=50)
    assert need(get("hdn"), FILM, get("hdn").Config(), kept).results > 100 * plain.results / 2


@pytest.mark.parametrize("side", [90, 1024, 1200, 2048, 3000, 5000])
def test_tiles_are_counted_as_they_are_cut(side):
    image = Image(Endless(3, side, side), "TYX")
    plain, only = get("lota_n2n"), get("self2noise")
    halo = plain.halo(plain.Config())
    cut = len(list(tiles(side, side, size=TILE_SIZE, halo=halo)))
    assert need(plain, image, plain.Config(), Sampling()).tiles == 3 * cut
    size, halo = only.tile_size(only.Config()), only.halo(only.Config())
    cut = len(list(blended_tiles(side, side, size=size, overlap=2 * halo)))
    assert need(only, image, only.Config(), Sampling()).tiles == 3 * cut
    assert need(get("bm3d"), image, get("bm3d").Config(), Sampling()).tiles == 0


@pytest.mark.parametrize("name", ["lota_n2n", "gaussian"])
def test_the_images_of_a_result_are_as_many_as_are_counted(name):
    noisy = np.random.default_rng(0).poisson(90, (3, 40, 40)).astype(np.uint16)
    config = get(name).Config.from_json({"steps": 2} if name == "lota_n2n" else {})
    result = denoise(name, noisy, config)
    sizes = [image.data.nbytes for image in result.images.values()]
    assert sum(sizes) == images_in_memory(get(name), Sampling()) * noisy.size * 4


def test_a_result_that_does_not_fit_is_refused_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(memory_forecast, "free_memory", lambda: 8 * GB)
    says = (
        r"film does not fit into the memory: 2 images of TYX, 400 x 2048 x 2048 in float32 "
        r"take 13 GB, and 8\.0 GB are free\. .*OME-Zarr.*a folder.*out=.*command line"
    )
    with pytest.raises(ImageError, match=says):
        check_results_fit(get("bm3d"), FILM, Sampling(), Outputs())
    method = get("gaussian")
    with pytest.raises(ImageError, match="does not fit into the memory"):
        finish(prepare.denoise(method, FILM, method.Config(), Context(), UNPREPARED))
    monkeypatch.setattr(memory_forecast, "free_memory", lambda: 14 * GB)
    check_results_fit(get("bm3d"), FILM, Sampling(), Outputs())


def test_what_is_written_while_it_is_made_need_not_fit(monkeypatch, tmp_path):
    monkeypatch.setattr(memory_forecast, "free_memory", lambda: 8 * GB)
    with FileOutputs(tmp_path / "film.ome.zarr") as outputs:
        check_results_fit(get("bm3d"), FILM, Sampling(), outputs)
        check_results_fit(get("bm3d"), FILM, Sampling(), outputs.scratch())
