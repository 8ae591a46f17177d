"""The panel in a real viewer: every thing that can happen during a run has one outcome."""

import napari
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.gui.layer_adapter import METADATA

WAIT = 20_000


def said():
    """Return what napari was told to show."""
    return [notification.message for notification in notification_manager.records]


@pytest.fixture
def held(panel, obedient, qtbot, viewer, noisy):
    """A run that is on and waits for the test."""
    viewer.add_image(noisy(32, 32), name="cells")
    obedient.go_on.clear()
    panel.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: obedient.thread is not None, timeout=WAIT)
    return panel


def ended(panel):
    return lambda: not panel.controller.running


def test_a_run_adds_denoised_and_residual(viewer, panel, run, noisy, names):
    data = noisy(32, 32)
    layer = viewer.add_image(data.copy(), name="cells")
    run(panel)
    assert names() == ["cells", "cells · Obedient · residual", "cells · Obedient · denoised"]
    residual, denoised = viewer.layers[1:]
    np.testing.assert_array_equal(denoised.data, data.astype(np.float32) * 0.5)
    np.testing.assert_allclose(residual.data + denoised.data, data)
    np.testing.assert_array_equal(layer.data, data)
    assert denoised.visible
    assert not residual.visible


def test_the_users_selection_is_kept(viewer, panel, run, noisy):
    viewer.add_image(noisy(32, 32), name="other")
    layer = viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    assert viewer.layers.selection.active is layer
    assert panel.image_picker.layer is layer


def test_the_picker_follows_the_selection(viewer, panel, noisy):
    first = viewer.add_image(noisy(32, 32), name="first")
    second = viewer.add_image(noisy(8, 32, 32), name="second")
    assert panel.image_picker.layer is second
    viewer.layers.selection.active = first
    assert panel.image_picker.layer is first


def test_the_picker_follows_when_napari_opens_the_panel(make_napari_viewer, noisy):
    """napari gives a contributed widget a proxy of the viewer, whose layers are proxies."""
    viewer = make_napari_viewer()
    first = viewer.add_image(noisy(32, 32), name="first")
    _, panel = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Denoise")
    second = viewer.add_image(noisy(8, 32, 32), name="second")
    assert panel.image_picker.layer is second
    viewer.layers.selection.active = first
    assert panel.image_picker.layer is first


def test_results_tell_how_they_came_about(viewer, panel, run, noisy):
    viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    records = [layer.metadata[METADATA] for layer in viewer.layers[1:]]
    assert {record["kind"] for record in records} == {"denoised", "residual"}
    assert len({record["group"] for record in records}) == 1
    assert all(record["settings"]["factor"] == 0.5 for record in records)


def test_the_preview_comes_and_goes(viewer, held, obedient, qtbot, names):
    qtbot.waitUntil(lambda: "cells · Obedient · preview" in names(), timeout=WAIT)
    preview = viewer.layers["cells · Obedient · preview"]
    np.testing.assert_array_equal(preview.data, viewer.layers["cells"].data * 0.5)
    obedient.go_on.set()
    qtbot.waitUntil(ended(held), timeout=WAIT)
    assert "cells · Obedient · preview" not in names()


def test_stopping_keeps_what_was_reached(viewer, held, qtbot, names):
    held.run_bar._stop.click()
    qtbot.waitUntil(ended(held), timeout=WAIT)
    assert "cells · Obedient · denoised" in names()
    assert viewer.layers["cells · Obedient · denoised"].metadata[METADATA]["stopped"]
    assert "kept" in held.run_bar.sentence


def test_two_runs_in_a_row_make_two_groups(viewer, panel, run, noisy):
    viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    run(panel)
    assert len(panel.results.groups) == 2
    assert len(viewer.layers) == 5
    panel.results._remove.click()
    assert len(viewer.layers) == 3
    assert len(panel.results.groups) == 1
    panel.results._remove.click()
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_a_group_removed_by_hand_leaves_the_record(viewer, panel, run, noisy):
    viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    for layer in list(viewer.layers[1:]):
        viewer.layers.remove(layer)
    assert panel.results.groups == []


def test_deleting_the_layer_during_a_run_loses_nothing(panel, viewer, obedient, qtbot, noisy):
    layer = viewer.add_image(noisy(32, 32), name="cells", scale=(2, 3), translate=(5, 7))
    obedient.go_on.clear()
    panel.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: obedient.thread is not None, timeout=WAIT)
    viewer.layers.remove(layer)
    obedient.go_on.set()
    qtbot.waitUntil(ended(panel), timeout=WAIT)
    denoised = viewer.layers["cells · Obedient · denoised"]
    np.testing.assert_array_equal(denoised.scale, (2, 3))
    np.testing.assert_array_equal(denoised.translate, (5, 7))


def test_closing_the_viewer_ends_the_run(viewer, held, obedient):
    viewer.close()
    assert obedient.ended.wait(5)


def test_closing_the_panel_ends_the_run(viewer, held, obedient, qtbot, names):
    viewer.window.remove_dock_widget(held)
    assert obedient.ended.wait(5)
    qtbot.waitUntil(ended(held), timeout=WAIT)
    viewer.add_image(np.zeros((8, 8)), name="later")  # nobody listens any more
    assert names() == ["cells", "later"]


def test_a_second_run_cannot_start_during_a_run(viewer, held, obedient, qtbot, names):
    assert not held.run_bar._denoise.isEnabled()
    held.run_bar.denoise_requested.emit()
    obedient.go_on.set()
    qtbot.waitUntil(ended(held), timeout=WAIT)
    assert len(names()) == 3


def test_switching_the_layer_during_a_run_changes_nothing(viewer, held, obedient, qtbot, names):
    viewer.add_image(np.zeros((16, 16)), name="other")
    assert held.image_picker.layer.name == "other"
    obedient.go_on.set()
    qtbot.waitUntil(ended(held), timeout=WAIT)
    assert "cells · Obedient · denoised" in names()
    assert viewer.layers.selection.active.name == "other"


def test_switching_the_method_during_a_run_changes_nothing(
    viewer, open_panel, obedient, qtbot, names, noisy
):
    from napari_selfdenoise.methods import get

    panel = open_panel({"obedient": obedient, "gaussian": get("gaussian")})
    viewer.add_image(noisy(32, 32), name="cells")
    obedient.go_on.clear()
    panel.run_bar.denoise_requested.emit()
    panel.method_picker.pick("gaussian")
    obedient.go_on.set()
    qtbot.waitUntil(ended(panel), timeout=WAIT)
    assert "cells · Obedient · denoised" in names()
    assert panel.method_picker.name == "gaussian"


def test_a_form_keeps_its_values_while_another_is_shown(open_panel, obedient):
    from napari_selfdenoise.methods import get

    panel = open_panel({"obedient": obedient, "gaussian": get("gaussian")})
    panel.forms.form("obedient").set_value(obedient.Config(factor=0.2))
    panel.method_picker.pick("gaussian")
    panel.method_picker.pick("obedient")
    assert panel.forms.form("obedient").value.factor == 0.2


def test_two_panels_share_nothing(viewer, open_panel, obedient, qtbot, noisy):
    one, two = open_panel(), open_panel()
    viewer.add_image(noisy(32, 32), name="cells")
    one.forms.form("obedient").set_value(obedient.Config(factor=0.2))
    assert two.forms.form("obedient").value.factor == 0.5
    one.run_bar.denoise_requested.emit()
    assert one.controller.running
    assert not two.controller.running
    qtbot.waitUntil(ended(one), timeout=WAIT)
    assert len(one.results.groups) == 1
    assert two.results.groups == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda data: data.__setitem__((3, 4), np.nan), "1 NaN pixel"),
        (lambda data: data.__setitem__(slice(None), 7), "is constant"),
    ],
)
def test_an_image_that_cannot_be_denoised_gets_a_sentence(
    viewer, panel, run, noisy, names, spoil, sentence
):
    data = noisy(16, 16, dtype=np.float32)
    spoil(data)
    viewer.add_image(data, name="cells", contrast_limits=(0, 200))
    run(panel)
    assert sentence in said()[-1]
    assert sentence in panel.run_bar.sentence
    assert names() == ["cells"]


def test_fill_nan_denoises_what_was_refused(viewer, panel, run, noisy, names):
    data = noisy(16, 16, dtype=np.float32)
    data[3, 4] = np.nan
    viewer.add_image(data, name="cells", contrast_limits=(0, 200))
    panel.run_form.set_value(type(panel.run_form.value)(fill_nan=True))
    run(panel)
    assert np.isfinite(viewer.layers["cells · Obedient · denoised"].data).all()


def test_the_preparation_is_chosen_in_the_run_form(viewer, panel, run, noisy):
    viewer.add_image(noisy(32, 32), name="cells")
    panel.run_form.set_value(type(panel.run_form.value)(decorrelate="2"))
    run(panel)
    told = viewer.layers["cells · Obedient · denoised"].metadata[METADATA]["preparation"]
    assert (told["stabilise"], told["decorrelate"], told["stride"]) == ("auto", "2", 2)


def test_a_labels_layer_is_refused(viewer, panel, names):
    viewer.add_labels(np.zeros((16, 16), int), name="nuclei")
    assert "only image layers can be denoised" in panel.image_picker.problem
    assert not panel.run_bar._denoise.isEnabled()
    panel.run_bar.denoise_requested.emit()
    assert not panel.controller.running
    assert names() == ["nuclei"]


def test_a_boolean_layer_is_refused(viewer, panel):
    viewer.add_image(np.eye(16, dtype=bool), name="mask")
    assert "boolean" in panel.image_picker.problem


def test_a_bug_in_a_method_is_shown_as_an_error(
    viewer, panel, run, noisy, obedient, monkeypatch
):
    monkeypatch.setattr(notification_manager, "catch_error", True)
    viewer.add_image(noisy(16, 16), name="cells")
    panel.forms.form("obedient").set_value(obedient.Config(fail=True))
    run(panel)
    assert "a bug" in said()[-1]
    assert not panel.controller.running
    panel.forms.form("obedient").reset()
    run(panel)
    assert len(viewer.layers) == 3


def test_the_forecast_follows_the_part(viewer, panel, noisy):
    viewer.add_image(noisy(10, 32, 32), name="stack")
    assert panel.method_picker.time_of("obedient") == "about 10 s"
    panel.image_picker.choose_use("plane")
    assert panel.method_picker.time_of("obedient") == "about 1 s"


def test_the_run_is_shown_in_the_activity_dock(held, qtbot):
    from napari.utils.progress import progress

    def shown():
        return [bar.desc for bar in progress._all_instances]

    qtbot.waitUntil(lambda: "Obedient on cells, obeying: " in shown(), timeout=WAIT)


def test_the_plot_draws_the_losses(held, obedient, qtbot):
    obedient.go_on.set()
    qtbot.waitUntil(ended(held), timeout=WAIT)
    steps, values = held.plot.points["train/loss"]
    assert steps[-1] == 3
    assert values[-1] == 0.25


def test_the_panel_is_in_naparis_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Denoise")
    assert panel.method_picker.name == "lota_n2n"
    assert isinstance(viewer, napari.Viewer)


def test_the_visible_region_follows_the_camera(make_napari_viewer, obedient, qtbot, noisy):
    from napari_selfdenoise.gui.denoise_panel import DenoisePanel

    viewer = make_napari_viewer(show=True)
    panel = DenoisePanel(viewer, {"obedient": obedient})
    viewer.window.add_dock_widget(panel, name="Denoise")
    layer = viewer.add_image(noisy(64, 256, 256), name="cells", scale=(1, 0.5, 0.5))
    viewer.dims.set_current_step(0, 7)
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera  # < 0.9
    camera.center = (0, 32, 32)  # pixel 64, 64
    camera.zoom *= 8

    def seen():
        return panel.adapter.region(layer, "TYX", "region")

    qtbot.waitUntil(lambda: seen()[1].stop - seen()[1].start < 128, timeout=WAIT)
    plane, rows, columns = seen()
    assert (plane.start, plane.stop) == (7, 8)
    for part in (rows, columns):
        assert abs((part.start + part.stop) / 2 - 64) < 4
