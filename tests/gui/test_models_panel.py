"""The models panel in a real viewer, with models of a real network."""

from dataclasses import replace

import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.engine import model as models
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.bioimageio.export import export
from napari_selfdenoise.gui.models_panel import ModelsPanel
from napari_selfdenoise.methods import get, load_model
from tests.running import noisy as noisy_pixels
from tests.running import tiny

WAIT = 60_000


@pytest.fixture(scope="module")
def model():
    images = [Image(noisy_pixels(seed=seed), name=f"cells {seed}") for seed in (1, 2)]
    return finish(runs.train(get("lota_n2n"), images, tiny("lota_n2n"), Context()))


@pytest.fixture(scope="module")
def rgb_model():
    image = Image(noisy_pixels((40, 36, 3)[:2])[..., None].repeat(3, -1), "YXS", name="stained")
    return finish(runs.train(get("lota_n2n"), [image], tiny("lota_n2n"), Context()))


@pytest.fixture
def folder(tmp_path, model):
    models.save(model, tmp_path / "models" / "cells.safetensors", author="Ada Lovelace")
    return tmp_path / "models"


@pytest.fixture
def models_panel(viewer, folder):
    panel = ModelsPanel(viewer, folder)
    viewer.window.add_dock_widget(panel, name="Denoising models")
    return panel


@pytest.fixture
def wait(qtbot, models_panel):
    return lambda: qtbot.waitUntil(
        lambda: not models_panel.runs.controller.running, timeout=WAIT
    )


def listed(panel):
    return [model.path.stem for model in panel.models.models]


def test_models_are_listed_with_what_they_tell(models_panel):
    text = models_panel.models.item(0).text().splitlines()
    assert text[0] == "cells"
    assert text[1].startswith("LoTA-N2N · 1 channel · ")
    assert text[2] == "Trained on cells 1 and 1 more image"
    facts = models_panel.card.facts
    assert facts["Trained on"] == "cells 1 and 1 more image (YX, 40 x 36)"
    assert facts["Author"] == "Ada Lovelace"
    assert facts["Noise seen"]
    assert not models_panel.card._pictures.isHidden()


def test_an_empty_folder_says_where_models_come_from(viewer, tmp_path):
    panel = ModelsPanel(viewer, tmp_path / "not there yet")
    viewer.window.add_dock_widget(panel)
    assert "no models yet" in panel._says.text()
    assert not panel.run_bar._denoise.isEnabled()
    assert not panel._to_folder.isEnabled()
    assert not panel.files._delete.isEnabled()
    assert panel.card.isHidden()


def test_models_saved_elsewhere_appear(models_panel, folder, model, qtbot):
    models.save(model, folder / "later.safetensors")
    qtbot.waitUntil(lambda: "later" in listed(models_panel), timeout=WAIT)
    assert models_panel.models.picked.path.stem == "cells"
    (folder / "broken.safetensors").write_bytes(b"no model")
    qtbot.waitUntil(lambda: "broken.safetensors" in models_panel._says.text(), timeout=WAIT)
    assert sorted(listed(models_panel)) == ["cells", "later"]


def test_a_model_is_applied_to_the_picked_layer(models_panel, viewer, model, wait, names):
    pixels = noisy_pixels(seed=3)
    viewer.add_image(pixels, name="day 2", scale=(0.5, 0.5))
    models_panel.run_bar.denoise_requested.emit()
    wait()
    assert names()[-1] == "day 2 · LoTA-N2N · denoised"
    expected = finish(runs.apply(model, Image(pixels), Context()))["denoised"].read()
    np.testing.assert_allclose(viewer.layers[-1].data, expected, rtol=1e-5)
    assert tuple(viewer.layers[-1].scale) == (0.5, 0.5)
    models_panel.results._remove.click()
    assert names() == ["day 2"]


def test_a_model_for_other_images_says_so(
    models_panel, viewer, folder, rgb_model, qtbot, names, noisy
):
    models.save(rgb_model, folder / "stained.safetensors")
    models_panel._look()
    models_panel.models.pick(folder / "stained.safetensors")
    assert models_panel.card.facts["For images of"] == "RGB"
    viewer.add_image(noisy(40, 36), name="grey cells")
    assert models_panel._unfit.text() == "stained is for RGB images; grey cells is grey."
    assert not models_panel.run_bar._denoise.isEnabled()
    models_panel.models.pick(folder / "cells.safetensors")
    assert models_panel._unfit.text() == ""
    assert models_panel.run_bar._denoise.isEnabled()


def test_a_model_that_sees_planes_beside_asks_for_a_stack(
    models_panel, viewer, folder, qtbot, noisy
):
    config = get("noise2void").Config(dimensions="3", steps=2, width=8)
    stack = Image(np.stack([noisy_pixels(seed=seed) for seed in range(3)]), "ZYX")
    trained = finish(runs.train(get("noise2void"), [stack], config, Context()))
    models.save(trained, folder / "beside.safetensors")
    models_panel._look()
    models_panel.models.pick(folder / "beside.safetensors")
    plane = viewer.add_image(noisy(40, 36), name="plane")
    assert "dimensions=3 needs a stack, and plane has" in models_panel._unfit.text()
    assert not models_panel.run_bar._denoise.isEnabled()
    viewer.layers.remove(plane)
    viewer.add_image(noisy(3, 40, 36), name="stack")
    assert models_panel._unfit.text() == ""
    assert models_panel.run_bar._denoise.isEnabled()


# --- a folder ----------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, seed in (("a.ome.tif", 1), ("b.tif", 2), ("c.tif", 3)):
        write_tiff(folder / name, Image(noisy_pixels(seed=seed), name=name))
    return folder


def results(folder):
    return sorted(path.name for path in folder.glob("*.denoised.tif"))


def test_a_folder_is_denoised_beside_its_images(models_panel, images, model, wait):
    (images / "broken.tif").write_bytes(b"no image")
    former = images / "b.lota_n2n.denoised.tif"
    former.write_bytes(b"of a former run")
    models_panel.apply_to_folder(images)
    wait()
    assert results(images) == [f"{name}.lota_n2n.denoised.tif" for name in "abc"]
    assert former.read_bytes() == b"of a former run"
    assert "2 images denoised" in models_panel.run_bar.sentence
    assert "1 had results already" in models_panel.run_bar.sentence
    assert "could not be denoised: broken.tif" in models_panel.run_bar.sentence
    written = read_image(images / "a.lota_n2n.denoised.tif").read()
    expected = finish(runs.apply(model, Image(noisy_pixels(seed=1)), Context()))
    np.testing.assert_allclose(written, expected["denoised"].read(), rtol=1e-5)


def test_a_stop_keeps_the_files_that_are_written(models_panel, images, wait, qtbot):
    shown = []

    def stop_at_the_second(stage):
        shown.append(stage.progress.stage)
        if "(2 of 3)" in shown[-1]:
            models_panel.runs.controller.stop()

    models_panel.runs.controller.progress.connect(stop_at_the_second)
    for name in "bc":  # large enough to last until the stop arrives
        write_tiff(images / f"{name}.tif", Image(noisy_pixels((60, 256, 256))), overwrite=True)
    models_panel.apply_to_folder(images)
    wait()
    assert results(images) == ["a.lota_n2n.denoised.tif"]
    assert models_panel.run_bar.sentence == "Stopped: 1 denoised, 2 left."


def test_a_folder_without_images_gets_a_sentence(models_panel, tmp_path, wait):
    (tmp_path / "empty").mkdir()
    models_panel.apply_to_folder(tmp_path / "empty")
    wait()
    assert "holds no TIFF, PNG or JPEG" in models_panel.run_bar.sentence


# --- files -------------------------------------------------------------------------------


def test_models_are_imported_under_a_name_of_their_own(
    models_panel, folder, model, tmp_path, wait
):
    given = models.save(model, tmp_path / "cells.safetensors")
    models_panel.files.import_requested.emit(given)
    wait()
    assert sorted(listed(models_panel)) == ["cells", "cells (2)"]
    assert models_panel.models.picked.path.stem == "cells (2)"
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the kind")
    models_panel.files.import_requested.emit(broken)
    wait()
    assert "broken.safetensors" in models_panel.run_bar.sentence
    assert sorted(listed(models_panel)) == ["cells", "cells (2)"]


def test_a_package_is_exported_from_the_form_and_imported_again(
    models_panel, tmp_path, wait, model
):
    models_panel.files.export_requested.emit()
    form = models_panel.export_form
    assert form.name.text() == "cells LoTA-N2N"
    assert form.authors.text() == "Ada Lovelace"
    assert form._save.isEnabled()
    form.authors.setText("")
    assert not form._save.isEnabled()
    form.authors.setText("Ada Lovelace, Mary Somerville")
    form.export(tmp_path / "shared.zip")
    wait()
    assert "Package written" in models_panel.run_bar.sentence
    models_panel.files.import_requested.emit(tmp_path / "shared.zip")
    wait()
    assert sorted(listed(models_panel)) == ["cells", "shared"]
    assert models_panel.card.facts["Author"] == "Ada Lovelace, Mary Somerville"
    again = load_model(models_panel.models.picked.path)
    image = Image(noisy_pixels(seed=5))
    first, second = (
        finish(runs.apply(each, image, Context()))["denoised"].read() for each in (model, again)
    )
    np.testing.assert_array_equal(first, second)


def test_a_wrong_licence_gets_a_sentence(models_panel, tmp_path, wait):
    models_panel.files.export_requested.emit()
    models_panel.export_form.license.setCurrentText("none at all")
    models_panel.export_form.export(tmp_path / "shared.zip")
    wait()
    assert "SPDX" in models_panel.run_bar.sentence
    assert not (tmp_path / "shared.zip").exists()


def test_models_are_renamed_and_deleted(models_panel, folder, model):
    models.save(model, folder / "other.safetensors")
    models_panel._look()
    models_panel.models.pick(folder / "cells.safetensors")
    models_panel.files.rename_requested.emit("nuclei")
    assert sorted(listed(models_panel)) == ["nuclei", "other"]
    assert models_panel.models.picked.path.stem == "nuclei"
    for name in ("other", "../outside"):
        models_panel.files.rename_requested.emit(name)
        assert name in models_panel.run_bar.sentence
        assert sorted(listed(models_panel)) == ["nuclei", "other"]
    models_panel.files.delete_requested.emit()
    assert listed(models_panel) == ["other"]
    assert not (folder / "nuclei.safetensors").exists()


def test_a_package_in_the_folder_is_a_model(viewer, tmp_path, model, wait_for):
    path = export(
        replace(model), tmp_path / "cells.zip", name="Cells", authors=["A"], license="MIT"
    )
    panel = ModelsPanel(viewer, tmp_path)
    viewer.window.add_dock_widget(panel)
    assert [each.path for each in panel.models.models] == [path]
    viewer.add_image(noisy_pixels(), name="day 2")
    panel.run_bar.denoise_requested.emit()
    wait_for(panel)
    assert viewer.layers[-1].name == "day 2 · LoTA-N2N · denoised"


@pytest.fixture
def wait_for(qtbot):
    return lambda panel: qtbot.waitUntil(
        lambda: not panel.runs.controller.running, timeout=WAIT
    )


def test_the_panel_is_in_naparis_menu(make_napari_viewer, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "napari_selfdenoise.gui.models_panel.models_folder", lambda: tmp_path / "models"
    )
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Denoising models")
    assert panel.folder == tmp_path / "models"
    layer = viewer.add_image(np.zeros((8, 8)), name="first")
    assert panel.image_picker.layer is layer
