"""One large image on several workers: as one process would, whatever happens to a worker."""

import importlib.util
import os
import signal
import time

import numpy as np
import pytest
import zarr

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.output_files import write_image
from napari_selfdenoise.data.synthetic import make_sample
from tests.test_batches import run, shell, two_workers

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="dask.distributed is not installed"
)
__all__ = ["two_workers"]


@pytest.fixture
def film(tmp_path):
    """A film in OME-Zarr and a model of it, which prepares what it is applied to."""
    noisy = make_sample("cells_timelapse", 5, shape=(9, 128, 128)).noisy
    path, model = tmp_path / "film.ome.zarr", tmp_path / "film.safetensors"
    write_image(path, noisy)
    command = ["train", path, "-o", model, "-m", "noise2void", "--stabilise", "on"]
    settings = ["--set", "steps=3", "--set", "patch_size=32"]
    assert run(*command, *settings) == 0
    return path, model


@pytest.mark.parametrize("killed", [False, True])
def test_one_film_is_divided_among_workers(film, tmp_path, two_workers, capfd, killed):
    """The pixels, the facts and the residual are those of one process, whoever is lost."""
    path, model = film
    command = ["apply", model, path, "--keep", "residual", "-o"]
    assert run(*command, tmp_path / "here.ome.zarr") == 0
    address = two_workers.scheduler_address
    process = shell(*command, tmp_path / "there.ome.zarr", "--scheduler", address)
    if killed:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".there.ome.zarr.*.partial/0/c/*")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        os.kill(two_workers.workers[0].pid, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    for name in ("{}.ome.zarr", "{}.residual.ome.zarr"):
        here, there = (read_image(tmp_path / name.format(each)) for each in ("here", "there"))
        assert here.read().tobytes() == there.read().tobytes()
        assert (here.axes, here.scale, here.units) == (there.axes, there.scale, there.units)
    told = [
        zarr.open_group(tmp_path / f"{each}.ome.zarr").attrs["napari-selfdenoise"]["provenance"]
        for each in ("here", "there")
    ]
    for record in told:
        del record["seconds"], record["created"]
    assert told[0] == told[1]
    assert not list(tmp_path.glob(".*"))


def test_a_plane_that_is_denoised_with_those_beside_it_stays_with_them(
    film, tmp_path, two_workers
):
    """The planes at the ends of a part have neighbours, in one process and in several."""
    path, model = film[0], tmp_path / "beside.safetensors"
    settings = ["--set", "steps=3", "--set", "patch_size=32", "--set", "dimensions=3"]
    assert run("train", path, "-o", model, "-m", "noise2void", *settings) == 0
    here, there = tmp_path / "here.ome.zarr", tmp_path / "there.ome.zarr"
    command = ["apply", model, path, "-o"]
    assert run(*command, here) == 0
    assert run(*command, there, "--scheduler", two_workers.scheduler_address) == 0
    assert read_image(here).read().tobytes() == read_image(there).read().tobytes()


def test_what_cannot_be_divided_is_done_as_a_whole(film, tmp_path, two_workers):
    path, model = film
    options = ["--scheduler", two_workers.scheduler_address]
    assert run("apply", model, path, "-o", tmp_path / "film.tif", *options) == 0
    plane = tmp_path / "plane.tif"
    write_tiff(plane, Image(read_image(path).read((0,)), "YX"))
    assert run("apply", model, plane, "-o", tmp_path / "plane.ome.zarr", *options) == 0
    assert run("apply", model, path, "-o", tmp_path / "film.ome.zarr" / "in", *options) == 0


def test_a_film_that_is_not_finite_is_refused_by_all_workers_alike(film, tmp_path, capfd):
    path, model = film
    noisy = read_image(path)
    data = noisy.read().astype(np.float32)
    data[7, 3, 3] = np.nan
    write_image(tmp_path / "bad.ome.zarr", noisy.like(data))
    command = ["apply", model, tmp_path / "bad.ome.zarr", "-o", tmp_path / "out.ome.zarr"]
    assert run(*command, "--workers", "2") == 1
    assert "has 1 NaN pixel" in capfd.readouterr().err
    assert not (tmp_path / "out.ome.zarr").exists()
