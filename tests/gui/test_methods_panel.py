"""Comparing methods in a real viewer, with real methods that take no time."""

import numpy as np
import pytest

from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.gui.layer_adapter import METADATA
from napari_selfdenoise.gui.methods_panel import MethodsPanel
from napari_selfdenoise.gui.take_back import take_back

WAIT = 120_000
PLACED = {"scale": (0.1, 0.1), "units": ("um", "um"), "axis_labels": ("y", "x")}


@pytest.fixture
def methods_panel(viewer):
    panel = MethodsPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Compare methods")
    return panel


@pytest.fixture
def cells(viewer):
    """The noisy layer of cells, above the clean one."""
    sample = make_sample("cells", shape=(96, 96))
    viewer.add_image(sample.clean.read(), name="clean", **PLACED)
    return viewer.add_image(sample.noisy.read(), name="cells", **PLACED)


@pytest.fixture
def compare(methods_panel, qtbot):
    """Return what compares methods and waits for the end."""

    def compare(*names, clean=None, heldout=False):
        methods_panel.methods.choose(list(names))
        methods_panel.clean.pick("" if clean is None else str(clean.unique_id))
        form = methods_panel.form
        form.set_value(type(form.value)(heldout=heldout))
        methods_panel.run_bar.denoise_requested.emit()
        qtbot.waitUntil(lambda: not methods_panel.runs.controller.running, timeout=WAIT)

    return compare


def test_methods_are_ranked_against_the_clean_layer(methods_panel, viewer, cells, compare):
    before = cells.data.copy()
    compare("gaussian", "nl_means", clean=viewer.layers["clean"])
    titles = [row[0] for row in methods_panel.table.rows]
    values = [float(row[2]) for row in methods_panel.table.rows]
    assert sorted(titles) == ["Gaussian filter", "Non-local means"]
    assert values == sorted(values, reverse=True)
    assert "nearest to the clean image" in methods_panel._says.text()
    made = [layer for layer in viewer.layers if METADATA in layer.metadata]
    assert len(made) == 2
    for layer in made:
        assert layer.metadata[METADATA]["kind"] == "denoised"
        np.testing.assert_array_equal(layer.scale, cells.scale)
        assert layer.data.mean() == pytest.approx(before.mean(), rel=0.02)
    best = methods_panel.found.rows[0].title
    assert [layer.visible for layer in made] == [best in layer.name for layer in made]
    np.testing.assert_array_equal(cells.data, before)
    take_back(viewer)
    assert [layer.name for layer in viewer.layers] == ["clean", "cells"]
    assert methods_panel.results.groups == []


def test_without_a_clean_layer_the_held_out_score_ranks(methods_panel, cells, compare):
    compare("gaussian", "nl_means", heldout=True)
    assert methods_panel.found.order == "held-out score"
    assert methods_panel.table.rows[0][1] == "="
    assert "held-out score" in methods_panel._says.text()
    assert not methods_panel._save.isHidden()


def test_the_report_is_written(methods_panel, cells, compare, qtbot, tmp_path):
    compare("gaussian")
    methods_panel.save_report(tmp_path / "report.html")
    qtbot.waitUntil(lambda: not methods_panel.runs.controller.running, timeout=WAIT)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Gaussian filter" in text
    assert "cells" in text


def test_a_method_that_fails_is_named_and_the_others_go_on(
    methods_panel, cells, compare, monkeypatch
):
    from napari_selfdenoise.core.errors import ImageError
    from napari_selfdenoise.methods.nl_means import NLMeans

    def fail(*_):
        raise ImageError("It does not like this image.")
        yield

    monkeypatch.setattr(NLMeans, "denoise", fail)
    compare("gaussian", "nl_means")
    assert [row[0] for row in methods_panel.table.rows] == ["Gaussian filter"]
    assert "nl_means failed: It does not like this image." in methods_panel._says.text()


def test_the_visible_part_is_compared_with_the_same_part_of_the_clean_layer(
    methods_panel, viewer, compare
):
    noisy = np.random.default_rng(0).poisson(100, (3, 64, 64)).astype(np.uint16)
    placed = {"axis_labels": ("t", "y", "x")}
    clean = viewer.add_image(
        np.full(noisy.shape, 100.0) + np.arange(64), name="clean", **placed
    )
    viewer.add_image(noisy, name="film", **placed)
    viewer.dims.set_point(0, 2)
    methods_panel.image_picker.choose_use("plane")
    compare("gaussian", clean=clean)
    assert methods_panel.found.noisy.shape == (1, 64, 64)
    layer = viewer.layers[-1]
    assert layer.translate[0] == 2


def test_nothing_to_compare_is_said(methods_panel, viewer, cells):
    methods_panel.methods.choose([])
    assert not methods_panel.run_bar._denoise.isEnabled()
    methods_panel.methods.choose(["gaussian"])
    assert methods_panel.run_bar._denoise.isEnabled()
    viewer.layers.clear()
    assert not methods_panel.run_bar._denoise.isEnabled()


def test_a_clean_layer_of_another_shape_gets_a_sentence(methods_panel, viewer, cells, compare):
    other = viewer.add_image(np.ones((32, 32)), name="other", axis_labels=("y", "x"))
    viewer.layers.selection.active = cells
    compare("gaussian", clean=other)
    assert methods_panel.found is None
    assert "they must show the same pixels" in methods_panel.run_bar._says.text()
