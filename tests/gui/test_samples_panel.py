"""The samples panel in a real viewer, on results of a real, tiny COSDD."""

from dataclasses import replace

import napari
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Progress, finish
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine.runs import apply
from napari_selfdenoise.gui import posterior_runs
from napari_selfdenoise.gui.layer_adapter import METADATA, RESULT, LayerAdapter
from napari_selfdenoise.gui.more_samples_bar import goodness
from napari_selfdenoise.gui.region_table import with_spread
from napari_selfdenoise.gui.samples_panel import SamplesPanel
from tests.running import denoise

WAIT = 30_000
SAMPLING = Sampling(samples=4, keep_samples=3, tolerance=0.0)
SHAPES = {"image": (40, 36), "stack": (3, 40, 36), "rgb": (40, 36, 3)}


@pytest.fixture
def samples_panel(viewer):
    panel = SamplesPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Posterior samples")
    return panel


@pytest.fixture(scope="module")
def sampled():
    """Return what draws samples of an image with a model that is trained once per shape."""
    models = {}

    def sampled(image, sampling):
        if image.shape not in models:
            models[image.shape] = denoise("cosdd", image, sampling=sampling).model
        return finish(apply(models[image.shape], image, Context(sampling=sampling)))

    return sampled


@pytest.fixture
def add(viewer, noisy, sampled):
    """Return what denoises an image and adds the layers, by their kind."""

    def add(which="image", sampling=SAMPLING, **look):
        shape = SHAPES[which]
        rgb = which == "rgb"
        data = noisy(*shape, dtype=np.uint8 if rgb else np.uint16)
        layer = viewer.add_image(data, name="cells", rgb=rgb, **look)
        adapter = LayerAdapter(viewer)
        taken = adapter.take(layer, "", "all")
        result = sampled(taken.image, sampling)
        group = adapter.add(taken, result, "COSDD")
        return {each.metadata[METADATA]["kind"]: each for each in adapter.group(group)}

    return add


@pytest.fixture
def finished(qtbot):
    """Return what waits for the end of a panel's runs."""

    def finished(panel):
        def idle():
            return not (panel.controller.running or panel.counting.running)

        qtbot.waitUntil(idle, timeout=WAIT)

    return finished


@pytest.fixture
def probability(samples_panel, finished, viewer):
    """Return what shows probabilities for a threshold, and returns their layer."""

    def probability(threshold):
        samples_panel.browser.show_threshold(threshold, 0, 200)
        samples_panel.browser.show_requested.emit("exceedance")
        finished(samples_panel)
        return next(layer for layer in viewer.layers if "P(>" in layer.name)

    return probability


def shown(layers):
    return [kind for kind, layer in layers.items() if layer.visible]


# --- which result ------------------------------------------------------------------------


def test_the_panel_is_in_naparis_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Posterior samples")
    assert isinstance(viewer, napari.Viewer)
    assert panel.results.count() == 0
    assert panel._body.isHidden()


def test_results_come_and_go_and_the_selection_is_followed(viewer, samples_panel, add):
    first = add()
    assert samples_panel.results.count() == 1
    second = add()
    assert samples_panel.results.count() == 2
    titles = [samples_panel.results.itemText(row) for row in range(2)]
    assert len(set(titles)) == 2
    for layers in (first, second):
        viewer.layers.selection.active = layers["posterior_std"]
        group = layers["samples"].metadata[METADATA]["group"]
        assert samples_panel.results.key == group
    for layer in second.values():
        viewer.layers.remove(layer)
    assert samples_panel.results.key == first["samples"].metadata[METADATA]["group"]
    for layer in first.values():
        viewer.layers.remove(layer)
    assert samples_panel.results.key == ""
    assert samples_panel._body.isHidden()


def test_a_result_without_a_posterior_is_not_offered(viewer, samples_panel, noisy):
    layer = viewer.add_image(noisy(32, 32), name="cells")
    adapter = LayerAdapter(viewer)
    taken = adapter.take(layer, "", "all")
    adapter.add(taken, denoise("gaussian", taken.image), "Gaussian")
    assert samples_panel.results.count() == 0


def test_how_many_samples_there_are_is_told(samples_panel, add):
    add()
    assert samples_panel.more.facts.startswith("4 samples drawn, 3 kept to look at.")
    assert "of the noise's" in samples_panel.more.facts


@pytest.mark.parametrize(
    ("variance", "words"), [(0.5, "hardly"), (3, "a little"), (30, "rough")]
)
def test_the_mean_is_judged_against_the_noise(variance, words):
    facts = {"variance_of_the_mean": variance, "variance_of_the_residual": 100.0}
    assert words in goodness(facts)
    assert goodness({}) == goodness({**facts, "variance_of_the_mean": None}) == ""


# --- adding samples ----------------------------------------------------------------------


@pytest.mark.parametrize("which", SHAPES)
def test_more_samples_go_on_where_the_first_ended(which, samples_panel, add, finished, sampled):
    layers = add(which)
    images = {kind: layer.metadata[RESULT][kind] for kind, layer in layers.items()}
    noisy = layers["denoised"].metadata[RESULT].posterior.image
    samples_panel.more.more_requested.emit(3)
    finished(samples_panel)
    at_once = sampled(noisy, replace(SAMPLING, samples=7))
    for kind, layer in layers.items():
        again = layer.metadata[RESULT]
        assert again.posterior.count == 7
        np.testing.assert_allclose(again[kind].read(), at_once[kind].read(), rtol=1e-4)
        told = layer.metadata[METADATA]
        assert (told["kind"], told["sampling"]["samples"]) == (kind, 7)
        assert images[kind].axes == again[kind].axes
    for kind in ("denoised", "samples"):
        expected = at_once[kind].read()
        if which == "rgb":
            expected = np.clip(np.rint(expected), 0, 255)
        np.testing.assert_allclose(layers[kind].data, expected, rtol=1e-4, atol=which == "rgb")
    assert layers["residual"].data.shape == layers["posterior_std"].data.shape
    assert samples_panel.more.facts.startswith("7 samples drawn, 3 kept")


def test_layers_keep_look_and_place_and_hold_the_new_mean(
    viewer, samples_panel, add, finished, names
):
    layers = add(scale=(0.5, 0.25), translate=(3, 4))
    denoised, spread = layers["denoised"], layers["posterior_std"]
    denoised.name, denoised.colormap = "mine", "green"
    denoised.contrast_limits = spread.contrast_limits = (3, 77)
    viewer.layers.move(viewer.layers.index(denoised), 0)
    before, order = {k: each.data.copy() for k, each in layers.items()}, names()
    samples_panel.more.more_requested.emit(2)
    finished(samples_panel)
    assert names() == order
    assert denoised.colormap.name == "green"
    assert denoised.contrast_limits == spread.contrast_limits == [3, 77]
    np.testing.assert_array_equal(denoised.scale, (0.5, 0.25))
    np.testing.assert_array_equal(denoised.translate, (3, 4))
    for kind in ("denoised", "residual", "posterior_std"):
        assert not np.array_equal(layers[kind].data, before[kind]), kind
    np.testing.assert_array_equal(layers["samples"].data, before["samples"])


def test_the_shown_mean_changes_only_when_the_run_ends(samples_panel, add, qtbot, finished):
    """The running mean is written by another thread; the layer must not show half of it."""
    denoised = add()["denoised"]
    before = denoised.data.copy()
    seen = []
    samples_panel.controller.progress.connect(
        lambda stage: seen.append((stage.progress.step, np.array_equal(denoised.data, before)))
    )
    samples_panel.more.more_requested.emit(40)
    finished(samples_panel)
    assert len(seen) > 1
    assert all(same for _, same in seen)
    assert not np.array_equal(denoised.data, before)


def test_samples_are_kept_as_long_as_all_are(samples_panel, add, finished):
    layers = add(sampling=replace(SAMPLING, samples=3))
    samples_panel.more.more_requested.emit(4)
    finished(samples_panel)
    assert len(layers["samples"].data) == 7
    samples_panel.more.more_requested.emit(7)
    finished(samples_panel)
    assert len(layers["samples"].data) == Sampling().keep_samples
    assert np.isfinite(layers["samples"].data).all()


def test_a_spread_that_was_not_there_is_added(viewer, samples_panel, add, finished, names):
    layers = add(sampling=replace(SAMPLING, samples=1), scale=(2, 2))
    assert "posterior_std" not in layers
    samples_panel.more.more_requested.emit(2)
    finished(samples_panel)
    spread = viewer.layers["cells · COSDD · posterior std"]
    assert spread.metadata[METADATA]["group"] == layers["samples"].metadata[METADATA]["group"]
    np.testing.assert_array_equal(spread.scale, (2, 2))
    assert not spread.visible


def test_deleted_layers_stay_away(viewer, samples_panel, add, finished, names):
    layers = add()
    for kind in ("residual", "samples"):
        viewer.layers.remove(layers[kind])
    samples_panel.more.more_requested.emit(2)
    finished(samples_panel)
    assert names() == ["cells", "cells · COSDD · posterior std", "cells · COSDD · denoised"]
    assert layers["denoised"].metadata[METADATA]["sampling"]["samples"] == 6
    assert samples_panel.browser._at.text() == "none"


def test_deleting_all_layers_during_the_run_does_no_harm(
    viewer, samples_panel, add, qtbot, finished, names
):
    layers = add()
    samples_panel.more.more_requested.emit(2000)
    for layer in layers.values():
        viewer.layers.remove(layer)
    assert not samples_panel._body.isHidden()  # there is something to stop
    samples_panel.more._stop.click()
    finished(samples_panel)
    assert names() == ["cells"]
    assert notification_manager.records == []


def test_stopping_keeps_what_was_drawn(samples_panel, add, qtbot, finished):
    layers = add()
    drawn = []
    samples_panel.controller.progress.connect(lambda stage: drawn.append(stage.progress.step))
    samples_panel.more.more_requested.emit(10_000)
    qtbot.waitUntil(lambda: bool(drawn) and drawn[-1] > 5, timeout=WAIT)
    assert not samples_panel.more._add.isEnabled()
    samples_panel.more._stop.click()
    finished(samples_panel)
    told = layers["denoised"].metadata[METADATA]
    assert told["stopped"]
    assert 5 < told["sampling"]["samples"] < 10_000
    assert "Stopped" in samples_panel.more.sentence
    assert samples_panel.more._add.isEnabled()


def test_closing_the_panel_ends_the_run(viewer, samples_panel, add, qtbot, finished):
    layers = add()
    posterior = layers["denoised"].metadata[RESULT].posterior
    before = layers["denoised"].data.copy()
    samples_panel.more.more_requested.emit(10_000)
    qtbot.waitUntil(lambda: posterior.count > 6, timeout=WAIT)
    viewer.window.remove_dock_widget(samples_panel)
    finished(samples_panel)
    assert posterior.count < 10_000
    np.testing.assert_array_equal(layers["denoised"].data, before)
    viewer.add_image(np.zeros((8, 8)))  # nobody listens any more
    # Another panel goes on with all samples that were drawn.
    count = posterior.count
    other = SamplesPanel(viewer)
    viewer.window.add_dock_widget(other, name="again")
    other.more.more_requested.emit(2)
    finished(other)
    assert layers["denoised"].metadata[METADATA]["sampling"]["samples"] == count + 2


def test_closing_the_viewer_ends_the_run(viewer, samples_panel, add, qtbot):
    posterior = add()["denoised"].metadata[RESULT].posterior
    samples_panel.more.more_requested.emit(50_000)
    qtbot.waitUntil(lambda: posterior.count > 6, timeout=WAIT)
    viewer.close()
    qtbot.waitUntil(lambda: posterior not in posterior_runs._sampled, timeout=WAIT)


def test_one_result_is_sampled_by_one_panel_at_a_time(
    viewer, samples_panel, add, finished, qtbot
):
    posterior = add()["denoised"].metadata[RESULT].posterior
    other = SamplesPanel(viewer)
    viewer.window.add_dock_widget(other, name="another")
    samples_panel.more.more_requested.emit(10_000)
    qtbot.waitUntil(lambda: posterior.count > 4, timeout=WAIT)
    other.more.more_requested.emit(1)
    finished(other)
    assert "already" in other.more.sentence
    samples_panel.more._stop.click()
    finished(samples_panel)
    count = posterior.count
    other.more.more_requested.emit(1)
    finished(other)
    assert posterior.count == count + 1


def test_an_abandoned_run_lets_others_sample(add):
    result = add()["denoised"].metadata[RESULT]
    run = posterior_runs.adding(result, 5, posterior_runs.context_of_more(result))
    assert isinstance(next(run), Progress)
    run.close()
    assert result.posterior not in posterior_runs._sampled


# --- looking at samples ------------------------------------------------------------------


@pytest.mark.parametrize("which", SHAPES)
def test_the_slider_moves_the_viewer_and_follows_it(viewer, samples_panel, add, which):
    layers = add(which)
    browser = samples_panel.browser
    browser._slider.setValue(2)
    assert shown(layers) == ["samples"]
    assert viewer.dims.current_step[0] == 2
    np.testing.assert_array_equal(
        layers["samples"]._slice.image.view,
        layers["samples"].data[(2, 1)[: 1 + (which == "stack")]],
    )
    assert browser._at.text() == "3 of 3"
    viewer.dims.set_current_step(0, 1)
    assert browser._slider.value() == 1
    assert samples_panel.strip._pictures[1].isChecked()


def test_one_image_is_shown_at_a_time(viewer, samples_panel, add):
    layers = add()
    for kind in ("posterior_std", "samples", "denoised"):
        samples_panel.browser._buttons[kind].click()
        assert shown(layers) == [kind]
    assert viewer.layers["cells"].visible
    viewer.layers.remove(layers["posterior_std"])
    assert not samples_panel.browser._buttons["posterior_std"].isEnabled()


def test_samples_are_played_round(viewer, samples_panel, add, qtbot):
    add()
    seen = []
    viewer.dims.events.current_step.connect(lambda: seen.append(viewer.dims.current_step[0]))
    samples_panel.browser._play.click()
    qtbot.waitUntil(lambda: {0, 1, 2} <= set(seen), timeout=WAIT)
    assert seen[:3] == [1, 2, 0]
    samples_panel.browser._play.click()
    assert not samples_panel.browser.playing


def test_playing_ends_with_the_layer(viewer, samples_panel, add):
    layers = add()
    samples_panel.browser._play.click()
    viewer.layers.remove(layers["samples"])
    assert not samples_panel.browser.playing
    assert not samples_panel.browser._play.isEnabled()


def test_a_picture_of_each_sample_leads_to_it(viewer, samples_panel, add, qtbot):
    add("stack")
    qtbot.waitUntil(lambda: samples_panel.strip.count == 3, timeout=WAIT)
    samples_panel.strip._pictures[2].click()
    assert viewer.dims.current_step[0] == 2


def test_pictures_show_what_the_layer_shows(viewer, samples_panel, add, qtbot):
    layer = add()["samples"]
    layer.data = np.stack([np.full((40, 36), 50.0), np.full((40, 36), 100.0)])
    layer.contrast_limits, layer.colormap = (0, 100), "green"

    def colours():
        return [
            picture.icon().pixmap(20).toImage().pixelColor(9, 9).getRgb()[:3]
            for picture in samples_panel.strip._pictures[: samples_panel.strip.count]
        ]

    qtbot.waitUntil(lambda: colours() == [(0, 128, 0), (0, 255, 0)], timeout=WAIT)


def test_nothing_is_left_out_when_samples_lie_side_by_side(viewer, samples_panel, add):
    add("stack")
    viewer.dims.order = (2, 1, 0, 3)
    samples_panel._look()
    assert samples_panel.strip.count == 0
    viewer.dims.order = (0, 1, 3, 2)  # a transposed view
    samples_panel._look()
    assert samples_panel.strip.count == 3


# --- probabilities -----------------------------------------------------------------------


@pytest.mark.parametrize("which", SHAPES)
def test_probabilities_are_the_share_of_samples_above(which, add, probability):
    layers = add(which)
    layer = probability(100.0)
    samples = layers["samples"].data
    expected = (samples > 100).mean(axis=0)
    if which == "rgb":
        expected = np.moveaxis(expected, -1, 0)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)
    assert layer.contrast_limits == [0, 1]
    assert layer.visible
    assert not layers["denoised"].visible


def test_probabilities_lie_where_the_image_lies(viewer, add, probability):
    layers = add(scale=(0.5, 0.25), translate=(3, 4), rotate=30, units=("um", "um"))
    layer, denoised = probability(100.0), layers["denoised"]
    for pixel in ((0, 0), (7, 11)):
        expected = denoised.data_to_world(pixel)
        np.testing.assert_allclose(layer.data_to_world(pixel), expected)
    assert layer.units == denoised.units
    assert layer.axis_labels == denoised.axis_labels


def test_a_new_threshold_replaces_the_probabilities(
    viewer, samples_panel, add, probability, qtbot
):
    samples = add()["samples"].data
    layer = probability(100.0)
    layer.colormap = "magma"
    count = len(viewer.layers)
    samples_panel.browser._threshold.setValue(97)
    samples_panel.browser._threshold.setValue(98)
    qtbot.waitUntil(lambda: "P(> 98)" in layer.name, timeout=WAIT)
    np.testing.assert_allclose(layer.data, (samples > 98).mean(axis=0), atol=1e-6)
    assert len(viewer.layers) == count
    assert layer.colormap.name == "magma"


def test_the_threshold_is_kept_when_samples_are_added(
    samples_panel, add, probability, finished
):
    layers = add(sampling=replace(SAMPLING, samples=2))
    layer = probability(101.0)
    samples_panel.more.more_requested.emit(3)
    finished(samples_panel)
    finished(samples_panel)
    assert samples_panel.browser.threshold == 101
    samples = layers["samples"].data
    assert len(samples) == 5
    np.testing.assert_allclose(layer.data, (samples > 101).mean(axis=0), atol=1e-6)


# --- regions -----------------------------------------------------------------------------


def values(rows):
    """Return region, pixels, mean and std of each row, as numbers."""
    return [[float(word) for text in row for word in text.split("±")] for row in rows]


def brute_force(samples, inside):
    means = [float(sample[inside].mean(dtype=float)) for sample in samples]
    return inside.sum(), np.mean(means), np.std(means, ddof=1)


def agree(row, expected):
    pixels, mean, std = expected
    assert row[1] == pixels
    assert row[2] == pytest.approx(mean, rel=1e-5, abs=0.06 * std)  # six digits are told
    assert row[3] == pytest.approx(std, rel=0.06)


def test_labels_are_measured_on_every_sample(viewer, samples_panel, add, noisy):
    samples = add()["samples"].data
    labels = np.zeros((40, 36), int)
    labels[5:15, 5:20], labels[20:30, 8:30] = 2, 7
    viewer.add_labels(labels, name="nuclei")
    samples_panel.measured.measure()
    rows = values(samples_panel.regions.rows)
    assert [row[0] for row in rows] == [2, 7]
    for row, label in zip(rows, (2, 7), strict=True):
        agree(row, brute_force(samples, labels == label))


def test_shapes_are_measured_in_the_world(viewer, samples_panel, add):
    samples = add(scale=(0.5, 0.25), translate=(3, 4))["samples"].data
    shapes = viewer.add_shapes(name="drawn")  # in world units, not in pixels
    corners = np.array([[9.5, 4.5], [9.5, 19.5], [24.5, 19.5], [24.5, 4.5]])
    centre, radius = np.array([25, 18]), 6
    box = centre + radius * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    place = np.array([0.5, 0.25]), np.array([3, 4])
    shapes.add(corners * place[0] + place[1], shape_type="rectangle")
    shapes.add(corners[:2] * place[0] + place[1], shape_type="line")
    shapes.add(box * place[0] + place[1], shape_type="ellipse")
    samples_panel.measured.measure()
    first, second = values(samples_panel.regions.rows)
    inside = np.zeros((40, 36), bool)
    inside[10:25, 5:20] = True
    agree(first, brute_force(samples, inside))
    assert (first[0], second[0]) == (1, 3)  # a line has no inside
    assert second[1] == pytest.approx(np.pi * radius**2, rel=0.05)


def test_regions_of_the_plane_shown_are_measured(viewer, samples_panel, add):
    samples = add("stack")["samples"].data
    labels = np.zeros((3, 40, 36), int)
    labels[0, 5:15, 5:20], labels[1, 20:30, 8:30], labels[1, 2:6, 2:6] = 1, 1, 4
    viewer.add_labels(labels, name="nuclei")
    for plane in (0, 1, 2):
        viewer.dims.set_current_step(1, plane)
        samples_panel.measured.measure()
        rows = values(samples_panel.regions.rows) if plane < 2 else []
        present = [label for label in (1, 4) if (labels[plane] == label).any()]
        assert [row[0] for row in rows] == present
        for row, label in zip(rows, present, strict=True):
            agree(row, brute_force(samples[:, plane], labels[plane] == label))
    assert "no region" in samples_panel.regions.sentence


def test_what_was_drawn_at_one_sample_counts_for_all(viewer, samples_panel, add):
    samples = add("stack")["samples"].data
    labels = np.zeros((3, 3, 40, 36), int)  # as napari makes a new layer
    labels[1, 0, 5:15, 5:20] = 1
    viewer.add_labels(labels, name="nuclei")
    samples_panel.measured.measure()
    viewer.dims.set_current_step(1, 0)
    viewer.dims.set_current_step(0, 2)
    samples_panel.measured.measure()
    (row,) = values(samples_panel.regions.rows)
    agree(row, brute_force(samples[:, 0], labels[1, 0] > 0))
    square = np.array(
        [[1, 0, 4.5, 4.5], [1, 0, 4.5, 19.5], [1, 0, 14.5, 19.5], [1, 0, 14.5, 4.5]]
    )
    viewer.add_shapes([square], shape_type="polygon", name="drawn")
    samples_panel.measured.measure()
    assert values(samples_panel.regions.rows) == [row]
    viewer.dims.set_current_step(1, 1)
    samples_panel.measured.measure()
    assert "no region" in samples_panel.regions.sentence


def test_a_transposed_view_measures_the_same(viewer, samples_panel, add):
    add("stack")
    labels = np.zeros((3, 40, 36), int)
    labels[1, 5:15, 5:20] = 1
    viewer.add_labels(labels)
    viewer.dims.set_current_step(1, 1)
    samples_panel.measured.measure()
    before = samples_panel.regions.rows
    viewer.dims.order = (0, 1, 3, 2)
    samples_panel.measured.measure()
    assert samples_panel.regions.rows == before


def test_colours_have_a_column_each(viewer, samples_panel, add):
    samples = add("rgb")["samples"].data
    labels = np.zeros((40, 36), int)
    labels[5:15, 5:20] = 1
    viewer.add_labels(labels)
    samples_panel.measured.measure()
    (row,) = values(samples_panel.regions.rows)
    for colour in range(3):
        pixels, mean, std = brute_force(samples[..., colour], labels > 0)
        agree([1, row[1], *row[2 + 2 * colour : 4 + 2 * colour]], (pixels, mean, std))


def test_the_table_follows_what_is_painted_and_drawn(viewer, samples_panel, add, qtbot):
    add()
    labels = viewer.add_labels(np.zeros((40, 36), int), name="nuclei")
    labels.paint((10, 10), 3)
    qtbot.waitUntil(lambda: len(samples_panel.regions.rows) == 1, timeout=WAIT)
    samples_panel.regions._draw.click()
    shapes = viewer.layers.selection.active
    assert shapes.mode == "add_polygon"
    for side in (10, 20):
        square = np.array([[2, 2], [2, side], [side, side], [side, 2]])
        shapes.add(square, shape_type="polygon")
    qtbot.waitUntil(lambda: len(samples_panel.regions.rows) == 2, timeout=WAIT)
    viewer.layers.selection.active = labels
    qtbot.waitUntil(
        lambda: samples_panel.regions.layers.currentText() == "nuclei", timeout=WAIT
    )
    viewer.layers.remove(labels)
    assert samples_panel.regions.layers.currentText() == "regions"


def test_the_table_is_copied_as_csv(viewer, samples_panel, add):
    add()
    labels = np.zeros((40, 36), int)
    labels[5:15, 5:20] = 5
    viewer.add_labels(labels)
    samples_panel.measured.measure()
    samples_panel.regions._copy.click()
    head, row = QApplication.clipboard().text().splitlines()
    assert head == "region,pixels,mean,posterior std"
    assert row.startswith("5,150,")


def test_one_kept_sample_has_no_spread(viewer, samples_panel, add):
    add(sampling=replace(SAMPLING, keep_samples=1))
    viewer.add_labels(np.ones((40, 36), int))
    samples_panel.measured.measure()
    assert "needs 2 kept samples" in samples_panel.regions.sentence
    assert samples_panel.regions._table.isHidden()


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (812.345, 4.123, "812.3 ± 4.1"),
        (812.345, 41.23, "812 ± 41"),
        (0.1234, 0.00456, "0.1234 ± 0.0046"),
        (812.345, 412.3, "812 ± 412"),
        (3.0, 0.0, "3 ± 0"),
        (np.nan, np.nan, "–"),
    ],
)
def test_a_mean_has_the_digits_that_its_spread_allows(mean, std, text):
    assert with_spread(mean, std).replace("\N{NO-BREAK SPACE}", " ") == text


# --- layers from a file ------------------------------------------------------------------


def test_layers_without_a_result_do_everything_but_add(
    viewer, samples_panel, add, probability, noisy
):
    from_file = viewer.add_image(
        noisy(5, 40, 36).astype(np.float32), name="opened", axis_labels=("sample", "y", "x")
    )
    assert samples_panel.results.currentText() == "opened"
    assert samples_panel.more.facts == "5 samples in the layer."
    assert not samples_panel.more._add.isEnabled()
    assert "apply the saved model" in samples_panel.more._add.toolTip()
    samples_panel.more.more_requested.emit(3)
    assert not samples_panel.controller.running
    samples_panel.browser._slider.setValue(3)
    assert viewer.dims.current_step[0] == 3
    layer = probability(100.0)
    np.testing.assert_allclose(layer.data, (from_file.data > 100).mean(axis=0), atol=1e-6)
    viewer.add_labels(np.ones((40, 36), int))
    samples_panel.measured.measure()
    (row,) = values(samples_panel.regions.rows)
    agree(row, brute_force(from_file.data, np.ones((40, 36), bool)))


def test_provenance_without_the_result_tells_what_it_knows(viewer, samples_panel, add):
    for layer in add().values():
        del layer.metadata[RESULT]
    samples_panel._look()
    assert samples_panel.more.facts.startswith("4 samples drawn")
    assert not samples_panel.more._add.isEnabled()
