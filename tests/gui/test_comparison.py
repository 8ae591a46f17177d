"""The comparison desk in a real viewer, on layers that are known to differ."""

import threading

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.gui.comparison_panel import ComparisonPanel
from napari_selfdenoise.gui.view_parts import camera_of, grid_of

WAIT = 30_000
PLACED = {"scale": (2.0, 0.5, 0.5), "units": ("s", "um", "um"), "axis_labels": ("t", "y", "x")}


@pytest.fixture
def desk(viewer):
    panel = ComparisonPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Comparison desk")
    return panel


@pytest.fixture
def two(viewer):
    """Return what adds two layers of one kind, and names their pixels."""

    def two(kind="image"):
        random = np.random.default_rng(0)
        shapes = {"image": (40, 48), "rgb": (40, 48, 3)}
        shape = shapes.get(kind, (3, 40, 48))
        first = random.integers(0, 200, shape).astype(np.uint8 if kind == "rgb" else np.uint16)
        second = first // 2
        wrap = (lambda each: da.from_array(each, (1, 20, 48))) if kind == "lazy" else np.asarray
        options = {"stack": PLACED, "lazy": PLACED, "rgb": {"rgb": True}}.get(kind, {})
        arrays = {"first": first, "second": second}
        if kind == "multiscale":
            wrap = lambda each: [each, each[:, ::2, ::2]]  # noqa: E731
            options = {"multiscale": True}
        return {
            name: viewer.add_image(wrap(each), name=name, **options)
            for name, each in arrays.items()
        }, arrays

    return two


def compare(desk, layers):
    desk.layers.choose(list(layers.values()))
    desk.ways.left.pick(str(layers["first"].unique_id))
    desk.ways.right.pick(str(layers["second"].unique_id))


def state(viewer):
    camera = camera_of(viewer)
    return [
        [(each.name, each.visible, tuple(each.contrast_limits)) for each in viewer.layers],
        (tuple(camera.center), camera.zoom, grid_of(viewer).enabled),
        tuple(viewer.dims.point),
    ]


@pytest.mark.parametrize("kind", ["image", "stack", "rgb", "lazy", "multiscale"])
def test_the_curtain_shows_one_layer_left_and_the_other_right(desk, viewer, two, kind):
    layers, arrays = two(kind)
    compare(desk, layers)
    before = state(viewer)
    desk.ways.choose("curtain")
    left, right = viewer.layers["curtain, left"], viewer.layers["curtain, right"]
    desk.curtain.move(0.25)
    shown = np.asarray(left.data[0] if kind == "multiscale" else left.data)
    wide = (..., slice(0, 12), slice(None)) if kind == "rgb" else (..., slice(0, 12))
    np.testing.assert_array_equal(shown, arrays["first"][wide])
    shown = np.asarray(right.data[0] if kind == "multiscale" else right.data)
    np.testing.assert_array_equal(shown, arrays["second"])
    np.testing.assert_array_equal(left.scale, layers["first"].scale)
    if kind != "rgb":
        assert tuple(right.contrast_limits) == tuple(layers["first"].contrast_limits)
    desk.curtain.move(0.0)
    assert not left.visible
    desk.curtain.move(1.0)
    assert left.visible
    desk.ways.choose("as they are")
    assert state(viewer) == before


def test_of_a_lazy_stack_the_curtain_reads_only_the_plane_in_view(desk, viewer):
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return np.full((1, 32, 32), len(read), np.uint16)

    chunks = ((1,) * 20, (32,), (32,))
    layers = {
        name: viewer.add_image(
            da.map_blocks(block, chunks=chunks, dtype=np.uint16, meta=np.zeros(0)),
            name=name,
            contrast_limits=(0, 100),
        )
        for name in ("first", "second")
    }
    viewer.dims.set_point(0, 7)
    compare(desk, layers)
    read.clear()
    desk.ways.choose("curtain")
    for place in np.linspace(0.1, 0.9, 9):
        desk.curtain.move(place)
    assert set(read) <= {0, 7, 10}  # where it is, and what napari looks at for a new layer


def test_the_divider_is_dragged_with_the_mouse(desk, viewer, two):
    layers, _ = two()
    compare(desk, layers)
    desk.ways.choose("curtain")
    drag = viewer.mouse_drag_callbacks[-1]

    class Event:
        type, position = "mouse_press", (20.0, 23.5)

    camera, event = camera_of(viewer), Event()
    camera.zoom = 10
    held = drag(viewer, event)
    next(held)
    assert not camera.mouse_pan
    event.type, event.position = "mouse_move", (20.0, 11.5)
    next(held)
    assert desk.curtain.place == pytest.approx(0.25)
    assert desk.ways.place == pytest.approx(0.25)
    event.type = "mouse_release"
    assert next(held, "over") == "over"
    assert camera.mouse_pan
    event.type, event.position = "mouse_press", (20.0, 40.0)  # far from the divider
    assert next(drag(viewer, event), "over") == "over"
    assert camera.mouse_pan


def test_the_divider_follows_the_mouse_if_asked(desk, viewer, two):
    layers, _ = two()
    compare(desk, layers)
    before = list(viewer.mouse_drag_callbacks)
    desk.ways.choose("curtain")
    (move,) = viewer.mouse_move_callbacks

    class Event:
        position = (3.0, 35.5)

    move(viewer, Event())
    assert desk.curtain.place == 0.5
    desk.ways._follow.setChecked(True)
    move(viewer, Event())
    assert desk.curtain.place == pytest.approx(0.75)
    desk.ways.choose("as they are")
    assert not viewer.mouse_move_callbacks
    assert viewer.mouse_drag_callbacks == before


def test_removing_a_part_of_the_curtain_closes_it(desk, viewer, two):
    layers, _ = two()
    compare(desk, layers)
    desk.ways.choose("curtain")
    viewer.layers.remove("curtain, divider")
    assert [layer.name for layer in viewer.layers] == ["first", "second"]


def test_blinking_shows_one_at_a_time_with_the_same_contrast(desk, viewer, two):
    layers, _ = two()
    layers["second"].contrast_limits = (5, 50)
    third = viewer.add_image(np.zeros((40, 48)), name="third")
    compare(desk, layers)
    before = state(viewer)
    desk.ways.choose("blink")
    assert layers["second"].contrast_limits == layers["first"].contrast_limits
    seen = []
    for _ in range(3):
        seen.append([layer.name for layer in viewer.layers if layer.visible])
        desk.blink.next()
    assert seen == [["first"], ["second"], ["first"]]
    assert not third.visible
    desk.ways.choose("as they are")
    assert state(viewer) == before


def test_the_grid_shows_only_the_chosen_layers(desk, viewer, two):
    layers, _ = two("stack")
    viewer.add_image(np.zeros((40, 48)), name="third")
    compare(desk, layers)
    before = state(viewer)
    desk.ways.choose("grid")
    assert grid_of(viewer).enabled
    assert [layer.name for layer in viewer.layers if layer.visible] == ["first", "second"]
    desk.ways.choose("as they are")
    assert state(viewer) == before


@pytest.mark.parametrize("kind", ["image", "stack", "rgb", "lazy"])
def test_the_difference_is_signed_and_lies_where_the_layers_lie(desk, viewer, two, kind):
    layers, arrays = two(kind)
    compare(desk, layers)
    desk._difference.click()
    difference = viewer.layers["second - first"]
    expected = arrays["second"].astype(float) - arrays["first"]
    if kind == "rgb":
        expected = np.moveaxis(expected, -1, 0)
    np.testing.assert_array_equal(np.asarray(difference.data), expected)
    assert hasattr(difference.data, "dask")  # computed where it is looked at
    np.testing.assert_array_equal(difference.scale[-2:], layers["first"].scale[-2:])
    low, high = difference.contrast_limits
    assert low == -high


def test_layers_of_other_shapes_have_no_difference(desk, viewer):
    layers = {
        "first": viewer.add_image(np.zeros((20, 20)), name="first"),
        "second": viewer.add_image(np.zeros((20, 30)), name="second"),
    }
    compare(desk, layers)
    desk._difference.click()
    assert len(viewer.layers) == 2
    assert "only layers of the same shape" in notification_manager.records[-1].message


@pytest.fixture
def measure(desk, qtbot):
    """Return what takes the profiles and waits until they are plotted."""

    def measure():
        desk.profiles.measure()
        qtbot.waitUntil(lambda: not desk.profiles.reading.running, timeout=WAIT)

    return measure


@pytest.mark.parametrize("kind", ["stack", "lazy"])
def test_one_line_gives_the_profiles_of_all_chosen_layers(desk, viewer, two, measure, kind):
    layers, arrays = two(kind)
    viewer.dims.set_point(0, 2.0)  # the second plane: 2 s between two
    compare(desk, layers)
    desk.profiles.probe.draw_line(layers["first"])
    viewer.layers["profile line"].add_lines(np.array([[10, 4], [10, 24]]))
    measure()
    plot = desk.profiles.line_plot
    assert plot.label == "Distance (µm)"
    assert sorted(plot.curves) == ["first", "second"]
    for name, curve in plot.curves.items():
        distances, values = curve.getData()
        np.testing.assert_allclose(distances, 0.5 * np.arange(21))
        np.testing.assert_allclose(values, arrays[name][1, 10, 4:25], atol=1e-6)
    viewer.dims.set_point(0, 4.0)
    measure()
    values = plot.curves["second"].getData()[1]
    np.testing.assert_allclose(values, arrays["second"][2, 10, 4:25], atol=1e-6)


def test_a_line_beyond_the_image_has_no_values_there(desk, viewer, two, measure):
    layers, arrays = two()
    compare(desk, layers)
    desk.profiles.probe.draw_line(layers["first"])
    viewer.layers["profile line"].add_lines(np.array([[10, -10], [10, 9]]))
    measure()
    values = desk.profiles.line_plot.curves["first"].getData()[1]
    assert np.isnan(values[:9]).all()
    np.testing.assert_allclose(values[10:], arrays["first"][10, :10], atol=1e-6)


@pytest.mark.parametrize("kind", ["stack", "lazy"])
def test_profiles_at_a_point_go_along_the_slider(desk, viewer, two, measure, kind):
    layers, arrays = two(kind)
    compare(desk, layers)
    desk.profiles.probe.put_point(layers["first"])
    viewer.layers["profile point"].add(np.array([[7, 30]]))
    measure()
    plot = desk.profiles.point_plot
    assert plot.label == "t (s)"
    for name, curve in plot.curves.items():
        times, values = curve.getData()
        np.testing.assert_allclose(times, [0, 2, 4])
        np.testing.assert_array_equal(values, arrays[name][:, 7, 30])


def test_sliders_start_nothing_while_there_is_neither_line_nor_point(
    desk, viewer, two, measure
):
    layers, _ = two("stack")
    compare(desk, layers)
    started = []
    desk.profiles.reading.started.connect(lambda: started.append(True))
    desk.profiles.probe.draw_line(layers["first"])
    viewer.dims.set_point(0, 2.0)
    measure()
    assert started == []
    viewer.layers["profile line"].add_lines(np.array([[10, 4], [10, 24]]))
    measure()
    assert started == [True]
    viewer.layers.remove("profile line")
    measure()
    assert desk.profiles.line_plot.curves == {}


def test_slow_files_do_not_hold_up_the_viewer(desk, viewer, measure):
    """Profiles along a slider read every plane: elsewhere, and those asked for last."""
    may_read = threading.Event()
    may_read.set()

    def plane(block_info):
        assert may_read.wait(WAIT / 1000)
        return np.full((1, 8, 8), block_info[None]["chunk-location"][0], np.float32)

    slow = da.map_blocks(
        plane, chunks=((1,) * 5, 8, 8), dtype=np.float32, meta=np.zeros((0, 0, 0))
    )
    for name in ("first", "second"):
        viewer.add_image(slow, name=name, contrast_limits=(0, 5), cache=False)
    compare(desk, {layer.name: layer for layer in viewer.layers})
    desk.profiles.probe.put_point(viewer.layers["first"])
    viewer.layers["profile point"].add(np.array([[3, 3]]))
    may_read.clear()
    desk.profiles.measure()  # comes back at once
    desk.profiles.measure()
    assert desk.profiles.reading.running
    may_read.set()
    measure()
    for curve in desk.profiles.point_plot.curves.values():
        np.testing.assert_array_equal(curve.getData()[1], range(5))


def test_scores_are_those_of_the_plane_in_view(desk, viewer, two, qtbot):
    layers, arrays = two("stack")
    clean = viewer.add_image(arrays["first"] + 3, name="clean", **PLACED)
    viewer.dims.set_point(0, 2.0)
    compare(desk, layers)
    desk.clean.pick(str(clean.unique_id))
    desk._score.click()
    qtbot.waitUntil(lambda: not desk.controller.running, timeout=WAIT)
    (best, *_), (worst, *_) = desk.scores.rows
    assert (best, worst) == ("first", "second")
    expected = psnr(arrays["second"][1], arrays["first"][1] + 3)
    assert desk.scores.rows[1][1] == f"{expected:.2f}"
    error = viewer.layers["first · error"]
    assert error.data.shape == (1, 40, 48)
    assert not error.visible
    np.testing.assert_allclose(error.data, 3, rtol=1e-5)
    assert error.translate[0] == 2.0


def test_layers_that_cannot_be_scored_get_a_sentence(desk, viewer, qtbot):
    clean = viewer.add_image(np.ones((40, 40)), name="clean")
    viewer.add_image(np.random.default_rng(0).random((40, 50)), name="wide")
    desk.layers.choose([viewer.layers["wide"]])
    desk.clean.pick(str(clean.unique_id))
    desk._score.click()
    qtbot.waitUntil(lambda: not desk.controller.running, timeout=WAIT)
    assert "they must show the same pixels" in desk.scores.sentence
    assert desk.scores.rows == []


def test_what_was_removed_is_checked(desk, viewer, qtbot):
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    clean = 300 * gaussian_filter(random.random((128, 128)), 3)
    noisy = viewer.add_image(clean + random.normal(0, 3, clean.shape), name="noisy")
    viewer.add_image(clean, name="right")
    viewer.add_image(gaussian_filter(clean, 6), name="blurred")
    desk.layers.choose([viewer.layers["right"], viewer.layers["blurred"]])
    desk.noisy.pick(str(noisy.unique_id))
    desk._check.click()
    qtbot.waitUntil(lambda: not desk.controller.running, timeout=WAIT)
    right, blurred = sorted(desk.scores.sentence.split("\n")[:2], reverse=True)
    assert right == "right: What was removed looks like noise and no more."
    assert blurred.startswith("blurred: ")
    assert blurred != right
    assert {"right · removed structure", "blurred · removed structure"} <= {
        layer.name for layer in viewer.layers
    }


def test_closing_the_desk_gives_the_viewer_back(desk, viewer, two):
    layers, _ = two("stack")
    compare(desk, layers)
    before = state(viewer)
    desk.profiles.probe.draw_line(layers["first"])
    desk.ways.choose("curtain")
    viewer.window.remove_dock_widget(desk)
    viewer.layers.selection.active = layers["second"]
    assert state(viewer) == before
    viewer.add_image(np.zeros((8, 8)))  # nobody listens any more


def test_one_layer_is_nothing_to_compare(desk, viewer, two):
    layers, _ = two()
    desk.layers.choose([layers["first"]])
    assert not desk._difference.isEnabled()
    assert "Check two layers or more" in desk.ways._says.text()
    desk.layers.choose(list(layers.values()))
    desk.ways.choose("curtain")
    viewer.layers.remove("second")
    assert desk.ways.way == "as they are"
    assert [layer.name for layer in viewer.layers] == ["first"]
