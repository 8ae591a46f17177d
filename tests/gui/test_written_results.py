"""Results that are too large for the memory: written to OME-Zarr, and shown while they grow."""

import threading
from dataclasses import dataclass

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, ImageError, UsageError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.folder import image_files
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.engine import model as models
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.planewise import PlanewiseMethod
from napari_selfdenoise.engine.preferences import prefer
from napari_selfdenoise.gui import growing_layers
from napari_selfdenoise.gui.layer_adapter import METADATA
from napari_selfdenoise.gui.models_panel import ModelsPanel
from napari_selfdenoise.gui.written_results import GrowingOutputs
from napari_selfdenoise.methods import get
from tests.gui.conftest import WAIT
from tests.running import noisy as noisy_pixels
from tests.running import tiny


@dataclass(frozen=True, kw_only=True)
class HalvingConfig(Config):
    pass


class Halving(PlanewiseMethod[HalvingConfig]):
    """Halves one plane after the other, each when the test allows it."""

    name = "halving"
    title = "Halving"
    summary = "Halves."
    assumes = "Nothing."
    reference = "This test."
    Config = HalvingConfig
    nanoseconds_per_pixel = 1.0

    def __init__(self):
        self.allowed = threading.Semaphore(1000)
        self.error = None

    def run_plane(self, plane, config, context):
        while not self.allowed.acquire(timeout=0.01):
            yield from self._wait()
            if context.stopping:
                return None
        return (yield from super().run_plane(plane, config, context))

    def _wait(self):
        from napari_selfdenoise.core.events import Progress

        yield Progress(0, 1, "denoising")

    def denoise_plane(self, plane, config):
        if self.error is not None:
            raise self.error
        return plane / 2


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Layers are looked at more often than a user can follow."""
    monkeypatch.setattr(growing_layers, "INTERVAL", 100)
    yield
    prefer({})


@pytest.fixture
def halving():
    method = Halving()
    yield method
    method.allowed.release(1000)


@pytest.fixture
def panel(open_panel, halving, tmp_path):
    panel = open_panel({"halving": halving})  # which takes over napari's preferences
    prefer({"memory_limit": 0.008})
    return panel


@pytest.fixture
def stack(viewer, noisy):
    """A stack whose results do not fit into what is allowed."""
    return viewer.add_image(noisy(3, 700, 600), name="film", contrast_limits=(50, 180))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def by_kind(viewer):
    layers = [each for each in viewer.layers if each.metadata.get(METADATA, {}).get("group")]
    return {layer.metadata[METADATA]["kind"]: layer for layer in layers}


def begin(panel, tmp_path):
    panel.results_place.choose(tmp_path / "out")
    panel.run_bar.denoise_requested.emit()


def wait_for_end(panel, qtbot):
    qtbot.waitUntil(lambda: not panel.controller.running, timeout=WAIT)


def test_what_is_asked_depends_on_the_layer(viewer, panel, noisy):
    place = panel.results_place
    assert place.isHidden()
    viewer.add_image(noisy(3, 64, 64), name="small")
    assert place.isHidden()
    assert not place.writes
    small = da.from_array(noisy(3, 64, 64))
    viewer.add_image(small, name="small, from elsewhere")
    assert not place.isHidden()
    assert not place.writes
    large = viewer.add_image(noisy(4, 600, 600), name="large")
    assert place.writes
    assert "of 8 MB free" in panel.needs.text()
    assert not panel.needs.styleSheet()
    place.choose(None)
    assert not place.writes
    assert panel.needs.styleSheet()
    panel.forms.changed.emit()
    assert not place.writes
    viewer.layers.remove(large)
    assert not place.writes


def test_what_does_not_fit_into_memory_is_refused_in_a_sentence(viewer, panel, stack, run):
    panel.results_place.choose(None)
    run(panel)
    assert list(viewer.layers) == [stack]
    assert "film does not fit into the memory" in panel.run_bar.sentence
    assert "choose a folder for the results" in panel.run_bar.sentence


def test_layers_grow_until_they_are_files(viewer, panel, stack, halving, qtbot, tmp_path):
    data = stack.data.copy()
    halving.allowed = threading.Semaphore(0)
    begin(panel, tmp_path)
    name = "film · Halving · denoised, being written"
    qtbot.waitUntil(lambda: name in [layer.name for layer in viewer.layers], timeout=WAIT)
    growing = viewer.layers[name]
    assert viewer.layers.selection.active is stack
    assert panel.image_picker.layer is stack
    assert growing not in panel.image_picker.layers
    viewer.dims.set_point(0, 1)
    assert np.isnan(growing._slice.image.raw).all()
    halving.allowed.release(2)
    qtbot.waitUntil(lambda: np.isfinite(growing._slice.image.raw).all(), timeout=WAIT)
    np.testing.assert_array_equal(growing._slice.image.raw, data[1] / 2)
    assert np.isnan(np.asarray(growing.data[2])).all()
    assert files(tmp_path / "out")[0].startswith(".")  # nothing that looks complete
    growing.gamma, growing.contrast_limits = 0.5, (10, 90)
    halving.allowed.release(10)
    wait_for_end(panel, qtbot)

    layers = by_kind(viewer)
    assert [layer.name for layer in viewer.layers] == [
        "film",
        "film · Halving · residual",
        "film · Halving · denoised",
    ]
    denoised, residual = layers["denoised"], layers["residual"]
    assert (denoised.gamma, tuple(denoised.contrast_limits)) == (0.5, (10, 90))
    assert denoised.multiscale
    assert [each.shape for each in denoised.data] == [
        (3, 700, 600),
        (3, 350, 300),
    ]
    (written,) = files(tmp_path / "out")
    assert written == "film.halving.denoised.ome.zarr"
    assert denoised.metadata[METADATA]["file"] == str(tmp_path / "out" / written)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / written).read(), data / 2)
    np.testing.assert_array_equal(np.asarray(residual.data), data / 2)
    low, high = residual.contrast_limits
    assert low == -high
    assert 50 < high < 100
    assert str(tmp_path) in panel.run_bar.sentence
    np.testing.assert_array_equal(stack.data, data)


def test_contrast_becomes_right(viewer, panel, stack, halving, qtbot, tmp_path):
    halving.allowed = threading.Semaphore(0)
    begin(panel, tmp_path)
    name = "film · Halving · residual, being written"
    qtbot.waitUntil(lambda: name in [layer.name for layer in viewer.layers], timeout=WAIT)
    growing = viewer.layers[name]
    assert tuple(growing.contrast_limits) == (-1, 1)
    growing.visible = True
    halving.allowed.release(1)
    qtbot.waitUntil(lambda: 50 < growing.contrast_limits[1] < 100, timeout=WAIT)
    halving.allowed.release(10)
    wait_for_end(panel, qtbot)
    assert by_kind(viewer)["residual"].visible


def test_stopping_keeps_what_was_reached(viewer, panel, stack, halving, qtbot, tmp_path):
    halving.allowed = threading.Semaphore(1)
    begin(panel, tmp_path)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=WAIT)
    panel.run_bar._stop.click()
    wait_for_end(panel, qtbot)
    denoised = by_kind(viewer)["denoised"]
    np.testing.assert_array_equal(np.asarray(denoised.data[0][0]), stack.data[0] / 2)
    assert np.isnan(np.asarray(denoised.data[0][1:])).all()
    assert files(tmp_path / "out") == ["film.halving.denoised.ome.zarr"]
    assert "what was reached is kept" in panel.run_bar.sentence


@pytest.mark.parametrize("how", ["error", "closed"])
def test_nothing_half_done_is_left(viewer, panel, stack, halving, qtbot, tmp_path, how):
    halving.allowed = threading.Semaphore(1)
    begin(panel, tmp_path)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=WAIT)
    if how == "error":
        halving.error = ImageError("No more.")
        halving.allowed.release(10)
        wait_for_end(panel, qtbot)
    else:
        viewer.window.remove_dock_widget(panel)
        halving.allowed.release(10)
    qtbot.waitUntil(lambda: files(tmp_path / "out") == [], timeout=WAIT)
    assert list(viewer.layers) == [stack]


def test_files_that_are_there_stay(viewer, panel, stack, run, tmp_path):
    panel.results_place.choose(tmp_path)
    run(panel)
    run(panel)
    assert files(tmp_path) == [
        "film (2).halving.denoised.ome.zarr",
        "film.halving.denoised.ome.zarr",
    ]
    with pytest.raises(UsageError, match="no TIFF, PNG or JPEG image"):
        image_files(tmp_path)  # results are no images to train on


def test_growing_layers_may_be_removed(viewer, panel, stack, halving, qtbot, tmp_path):
    halving.allowed = threading.Semaphore(1)
    begin(panel, tmp_path)
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=WAIT)
    for layer in list(viewer.layers[1:]):
        viewer.layers.remove(layer)
    halving.allowed.release(10)
    wait_for_end(panel, qtbot)
    assert set(by_kind(viewer)) == {"denoised", "residual"}


def test_a_zarr_film_is_denoised_beside_its_file(viewer, panel, run, noisy, tmp_path):
    """Neither the film nor its result is ever in memory as a whole."""
    data = noisy(3, 600, 550)
    array = zarr.create_array(tmp_path / "film.zarr", data=data, chunks=(1, 600, 550))
    prefer({"memory_limit": 0.02})
    layer = viewer.add_image(array, name="film", scale=(2, 0.5, 0.5))
    assert panel.results_place.writes
    panel.results_place.choose(tmp_path)
    run(panel)
    denoised = by_kind(viewer)["denoised"]
    np.testing.assert_array_equal(denoised.scale, layer.scale)
    np.testing.assert_array_equal(np.asarray(denoised.data[0]), data / 2)
    written = read_image(tmp_path / "film.halving.denoised.ome.zarr")
    assert written.scale == (2, 0.5, 0.5)


def test_colours_stay_colours(viewer, panel, run, noisy, tmp_path):
    data = noisy(530, 540, 3, dtype=np.uint8)
    prefer({"memory_limit": 0.002})
    viewer.add_image(data, name="slide", rgb=True)
    panel.results_place.choose(tmp_path)
    run(panel)
    denoised = by_kind(viewer)["denoised"]
    assert denoised.rgb
    assert denoised.data[0].dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(denoised.data[0]), np.rint(data / 2))
    assert by_kind(viewer)["residual"].data.shape == (3, 530, 540)


def test_a_prepared_image_comes_in_its_own_intensities(viewer, open_panel, qtbot, tmp_path):
    """The pixels are those that the run would have in memory."""
    panel = open_panel({"bm3d": get("bm3d")})
    data = np.random.default_rng(0).poisson(np.linspace(2, 200, 96), (2, 96, 96))
    viewer.add_image(data.astype(np.uint16), name="steps", contrast_limits=(0, 200))
    panel.run_bar.denoise_requested.emit()
    wait_for_end(panel, qtbot)
    kept = by_kind(viewer)["denoised"].data
    assert "made even" in panel.run_bar.sentence
    prefer({"memory_limit": 0.0001})
    panel.forms.changed.emit()
    panel.results_place.choose(tmp_path)
    panel.run_bar.denoise_requested.emit()
    wait_for_end(panel, qtbot)
    written = read_image(tmp_path / "steps.bm3d.denoised.ome.zarr").read()
    np.testing.assert_array_equal(written, kept)


def test_a_model_is_applied_into_a_folder(viewer, qtbot, tmp_path):
    method = get("lota_n2n")
    training = Image(noisy_pixels(seed=1), name="cells")
    model = finish(runs.train(method, [training], tiny("lota_n2n"), Context()))
    models.save(model, tmp_path / "models" / "cells.safetensors")
    panel = ModelsPanel(viewer, tmp_path / "models")
    viewer.window.add_dock_widget(panel)
    film = Image(np.stack([noisy_pixels(seed=2), noisy_pixels(seed=3)]), "TYX", name="film")
    viewer.add_image(da.from_array(film.data), name="film", axis_labels=("t", "y", "x"))
    assert not panel.results_place.writes
    panel.results_place.choose(tmp_path)
    panel.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: not panel.runs.controller.running, timeout=WAIT)
    expected = finish(runs.apply(model, film, Context()))["denoised"]
    written = read_image(tmp_path / "film.lota_n2n.denoised.ome.zarr")
    assert written.axes == "TYX"
    np.testing.assert_array_equal(written.read(), expected.data)
    np.testing.assert_array_equal(np.asarray(by_kind(viewer)["denoised"].data), expected.data)


def test_what_was_trained_on_several_is_written_too(viewer, open_panel, qtbot, tmp_path):
    panel = open_panel({"lota_n2n": get("lota_n2n")})
    layers = [viewer.add_image(noisy_pixels(seed=seed), name=f"day {seed}") for seed in (1, 2)]
    panel.forms.form("lota_n2n").set_value(tiny("lota_n2n"))
    panel.train_on.choose_source("layers")
    panel.train_on.layers.choose(layers)
    prefer({"memory_limit": 0.000_001})
    panel.forms.changed.emit()
    panel.results_place.choose(tmp_path)
    panel.run_bar.denoise_requested.emit()
    wait_for_end(panel, qtbot)
    assert "Trained on 2 images" in panel.run_bar.sentence
    panel.model_bar.apply_requested.emit()  # which denoises the picked layer again
    wait_for_end(panel, qtbot)
    assert files(tmp_path) == [
        "day 2 (2).lota_n2n.denoised.ome.zarr",
        "day 2.lota_n2n.denoised.ome.zarr",
    ]
    first, second = (read_image(tmp_path / name).read() for name in files(tmp_path))
    np.testing.assert_array_equal(first, second)


def test_the_network_is_kept_if_its_image_cannot_be_written(
    viewer, open_panel, qtbot, tmp_path, monkeypatch
):
    def full(*_):
        raise FileError("The disk is full.")

    panel = open_panel({"lota_n2n": get("lota_n2n")})
    viewer.add_image(noisy_pixels(), name="cells")
    panel.forms.form("lota_n2n").set_value(tiny("lota_n2n"))
    prefer({"memory_limit": 0.000_001})
    panel.forms.changed.emit()
    with monkeypatch.context() as patched:
        patched.setattr(GrowingOutputs, "finish", full)
        begin(panel, tmp_path)
        wait_for_end(panel, qtbot)
    assert panel.run_bar.sentence == "The disk is full. The network is trained all the same."
    assert by_kind(viewer) == {}
    panel.model_bar.apply_requested.emit()
    wait_for_end(panel, qtbot)
    assert files(tmp_path / "out") == ["cells.lota_n2n.denoised.ome.zarr"]
