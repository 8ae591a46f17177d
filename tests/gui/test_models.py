"""Models from the panel: trained, saved, loaded, applied; with a real network."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.gui.layer_adapter import METADATA
from napari_selfdenoise.methods import get
from tests.running import tiny

WAIT = 60_000


@pytest.fixture
def lota(open_panel, viewer, noisy):
    """A panel with LoTA-N2N at its smallest, on an image."""
    panel = open_panel({"lota_n2n": get("lota_n2n")})
    form = panel.forms.form("lota_n2n")
    form.set_value(type(form.value)(steps=4, patch_size=16, width=8))
    viewer.add_image(noisy(32, 32), name="cells")
    return panel


@pytest.fixture
def wait(qtbot):
    return lambda panel: qtbot.waitUntil(lambda: not panel.controller.running, timeout=WAIT)


def denoised(viewer):
    return [layer for layer in viewer.layers if "denoised" in layer.name]


def test_a_model_is_trained_saved_loaded_and_applied(
    lota, run, wait, viewer, tmp_path, open_panel
):
    assert not lota.model_bar._save.isEnabled()
    assert not lota.model_bar._apply.isEnabled()
    run(lota)
    assert lota.model_bar._save.isEnabled()
    path = tmp_path / "cells.safetensors"
    lota.model_bar.save_requested.emit(path)
    wait(lota)
    assert path.exists()
    other = open_panel()
    other.model_bar.load_requested.emit(path)
    wait(other)
    assert "cells" in other.model_bar.about
    other.model_bar.apply_requested.emit()
    wait(other)
    first, second = denoised(viewer)
    np.testing.assert_allclose(first.data, second.data, rtol=1e-5)
    assert second.metadata[METADATA]["method"] == "lota_n2n"


def test_a_file_that_is_no_model_gets_a_sentence(lota, wait, tmp_path):
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"nothing of the kind")
    lota.model_bar.load_requested.emit(path)
    wait(lota)
    assert str(notification_manager.records[-1].severity) == "warning"
    assert "no.safetensors" in lota.run_bar.sentence
    assert not lota.model_bar._apply.isEnabled()


def test_training_shows_a_preview_and_a_curve(lota, qtbot, wait, viewer, names):
    form = lota.forms.form("lota_n2n")
    form.set_value(type(form.value)(steps=20_000, patch_size=16, width=8))
    lota.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: "cells · LoTA-N2N · preview" in names(), timeout=WAIT)
    assert viewer.layers["cells · LoTA-N2N · preview"].data.shape == (32, 32)
    qtbot.waitUntil(lambda: bool(lota.plot.points), timeout=WAIT)
    lota.run_bar._stop.click()
    wait(lota)
    assert names()[-1] == "cells · LoTA-N2N · denoised"
    assert denoised(viewer)[0].metadata[METADATA]["stopped"]
    assert np.isfinite(denoised(viewer)[0].data).all()


def test_a_stopped_training_goes_on_where_it_was(lota, run, wait, qtbot, viewer):
    form = lota.forms.form("lota_n2n")
    form.set_value(type(form.value)(steps=3000, patch_size=16, width=8))
    lota.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: bool(lota.plot.points), timeout=WAIT)
    lota.run_bar._stop.click()
    wait(lota)
    told = []
    lota.controller.note.connect(lambda note: told.append(note.text))
    lota.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: any("resumed at step" in text for text in told), timeout=WAIT)
    lota.run_bar._stop.click()
    wait(lota)
    assert len(denoised(viewer)) == 2


def test_the_users_models_folder_is_proposed(lota, run, wait, tmp_path, monkeypatch):
    run(lota)
    monkeypatch.setattr(lota.model_bar, "_folder", tmp_path / "models")
    proposed = []

    def choose(parent, title, path, kinds):
        proposed.append(path)
        return path, kinds

    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getSaveFileName", choose)
    lota.model_bar._save.click()
    wait(lota)
    assert proposed == [str(tmp_path / "models" / "cells.lota_n2n.safetensors")]
    assert (tmp_path / "models" / "cells.lota_n2n.safetensors").exists()


def test_a_model_of_other_channels_says_so_and_nothing_is_lost(
    lota, run, wait, viewer, noisy, names
):
    run(lota)
    before = names()
    viewer.add_image(noisy(32, 32, 3, dtype=np.uint8), rgb=True, name="stained")
    lota.model_bar.apply_requested.emit()
    wait(lota)
    assert "trained on images of 1 colour sample" in lota.run_bar.sentence
    assert names() == [*before, "stained"]
    assert lota.model_bar._apply.isEnabled()


# --- methods with a posterior ------------------------------------------------------------


@pytest.fixture
def cosdd(open_panel, obedient, viewer, noisy):
    """A panel with COSDD at its smallest beside a method without a posterior."""
    panel = open_panel({"obedient": obedient, "cosdd": get("cosdd")})
    panel.forms.form("cosdd").set_value(tiny("cosdd"))
    viewer.add_image(noisy(40, 40), name="cells")
    return panel


def test_the_settings_of_sampling_are_there_for_methods_that_sample(cosdd):
    assert cosdd.sampling_form.isHidden()
    cosdd.method_picker.pick("cosdd")
    assert not cosdd.sampling_form.isHidden()
    cosdd.method_picker.pick("obedient")
    assert cosdd.sampling_form.isHidden()


def test_the_settings_of_sampling_reach_the_run_also_with_a_model(cosdd, run, wait, viewer):
    cosdd.method_picker.pick("cosdd")
    cosdd.sampling_form.set_value(Sampling(samples=3, keep_samples=2, tolerance=0.0))
    run(cosdd)
    samples = [layer for layer in viewer.layers if "samples" in layer.name]
    assert [len(layer.data) for layer in samples] == [2]
    assert samples[0].metadata[METADATA]["sampling"]["samples"] == 3
    # A model with a posterior is at hand now, whatever method is picked.
    cosdd.method_picker.pick("obedient")
    assert not cosdd.sampling_form.isHidden()
    cosdd.sampling_form.set_value(Sampling(samples=4, keep_samples=3, tolerance=0.0))
    cosdd.model_bar.apply_requested.emit()
    wait(cosdd)
    samples = [layer for layer in viewer.layers if "samples" in layer.name]
    assert sorted(len(layer.data) for layer in samples) == [2, 3]
