"""The learning curves: groups, the list to choose from, legend, axis and mouse."""

import math
from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QApplication, QLabel, QToolTip

from napari_selfdenoise.core.events import Metrics
from napari_selfdenoise.gui.curve_legend import _DASH as DASH
from napari_selfdenoise.gui.curve_legend import colours
from napari_selfdenoise.gui.labels import scrolled_column
from napari_selfdenoise.gui.live_plot import LivePlot
from napari_selfdenoise.gui.value_axis import ValueAxis

LAYERS = [f"down_{i}.conv_{j}" for i in range(1, 5) for j in (1, 2)]
LAYERS += [f"up_{i}.conv_{j}" for i in range(1, 5) for j in (1, 2)]
WIDTH = 300


@pytest.fixture
def plot(qtbot):
    plot = LivePlot("dark")
    column = scrolled_column(plot)  # as in the panel
    qtbot.addWidget(column)
    column.resize(WIDTH, 300)
    with qtbot.waitExposed(column):
        column.show()
    yield plot
    QToolTip.hideText()


def everything(step):
    """Return what a method that compresses its network's layers reports at a step."""
    values = {"train/loss": 1 / step, "validation/loss": 2 / step}
    values |= {"residual/primal": 1 / step, "residual/dual": 1 - step}
    for index, layer in enumerate(LAYERS, start=1):
        values |= {f"compression/{layer}": 1 + index * step}
        values |= {f"rank/{layer} in": 64 / step, f"rank/{layer} out": 32 / step}
    return Metrics(step, values)


def feed(plot, *metrics):
    for each in metrics:
        plot.add(each)
    plot._draw()


def choose(plot, title):
    plot._choice.setCurrentText(title)
    plot._choice.textActivated.emit(title)


def drawn(plot):
    """Return steps and values of the curves in the plot."""
    return [item.getOriginalDataset() for item in plot._plot.listDataItems()]


def legend(plot):
    """Return the text of the legend as it is read."""
    document = QTextDocument()
    document.setHtml(plot._legend.text())
    return document.toPlainText().replace("\xa0", " ").replace("\u200b", "")


def test_losses_are_one_group_and_every_other_prefix_is_its_own(plot):
    feed(plot, everything(1))
    assert plot.groups == ["Loss", "Residual", "Compression", "Rank"]
    items = [plot._choice.itemText(index) for index in range(plot._choice.count())]
    assert items == plot.groups


def test_losses_come_first_whenever_they_come(plot):
    feed(plot, Metrics(1, {"residual/primal": 1.0}))
    assert plot.group == "Residual"
    feed(plot, Metrics(1, {"validation/loss": 1.0}))
    assert plot.groups == ["Loss", "Residual"]
    assert plot.group == plot._choice.currentText() == "Loss"


def test_one_group_needs_no_list(plot):
    feed(plot, Metrics(1, {"train/loss": 1.0, "validation/loss": 1.0}))
    assert not plot._choice.isVisible()
    feed(plot, Metrics(2, {"residual/primal": 1.0}))
    assert plot._choice.isVisible()
    assert plot._choice.toolTip()


def test_only_the_group_shown_is_drawn_and_all_are_recorded(plot):
    feed(plot, *map(everything, (1, 2, 3)))
    assert len(drawn(plot)) == 2
    assert len(plot.points) == 4 + 3 * len(LAYERS)
    choose(plot, "Rank")
    assert len(drawn(plot)) == 2 * len(LAYERS)
    steps, values = drawn(plot)[0]
    np.testing.assert_allclose(steps, [1, 2, 3])
    np.testing.assert_allclose(values, [64, 32, 64 / 3])


def test_a_curve_that_comes_later_is_drawn(plot):
    feed(plot, Metrics(1, {"train/loss": 1.0}), Metrics(2, {"validation/loss": 3.0}))
    assert [list(values) for _, values in drawn(plot)] == [[1.0], [3.0]]
    assert "validation loss" in legend(plot)


def test_the_chosen_group_is_kept_for_the_next_run(plot):
    feed(plot, everything(1))
    choose(plot, "Rank")
    plot.clear()
    assert plot.group == ""
    assert drawn(plot) == []
    feed(plot, Metrics(1, {"train/loss": 1.0, "residual/primal": 1.0}))
    assert plot.group == plot._choice.currentText() == "Loss"
    plot.clear()
    feed(plot, everything(1))
    assert plot.group == plot._choice.currentText() == "Rank"


def test_the_axis_is_logarithmic_where_it_can_be(plot):
    for values, logarithmic in (([1.0, 0.01], True), ([1.0, -0.5], False)):
        plot.clear()
        feed(plot, *(Metrics(step, {"train/loss": v}) for step, v in enumerate(values)))
        assert plot._plot.getAxis("left").logMode == logarithmic


def test_each_group_decides_on_its_axis(plot):
    feed(plot, *map(everything, (1, 2)))
    for title in ("Loss", "Residual", "Rank"):  # the dual residual is negative
        choose(plot, title)
        assert plot._plot.getAxis("left").logMode == (title != "Residual")


def test_groups_count_their_own_steps(plot):
    feed(plot, Metrics(10, {"train/loss": 1.0}), Metrics(1, {"residual/primal": 1.0}))
    feed(plot, Metrics(20, {"train/loss": 1.0}), Metrics(2, {"residual/primal": 1.0}))
    feed(plot, Metrics(10, {"train/loss": 1.0}))  # of the next channel
    assert plot.points["train/loss"][0] == [10, 20, 30]
    assert plot.points["residual/primal"][0] == [1, 2]


def test_long_curves_are_thinned_and_keep_their_ends(plot):
    feed(plot, *(Metrics(step, {"train/loss": float(step)}) for step in range(1, 5001)))
    steps, values = plot.points["train/loss"]
    assert len(steps) <= 1000
    assert steps == values
    assert steps[0] == 1
    assert steps[-1] >= 4990


def test_drawing_waits(plot, qtbot):
    drawings = []
    feed(plot, everything(1))
    plot._plot.listDataItems()[0].sigPlotChanged.connect(lambda _: drawings.append(1))
    for step in range(2, 500):
        plot.add(everything(step))
    assert drawings == []
    qtbot.waitUntil(lambda: drawings == [1])
    assert len(drawn(plot)[0][0]) == 499


def test_few_curves_are_all_named(plot):
    feed(plot, everything(1))
    choose(plot, "Residual")
    assert "primal" in legend(plot)
    assert "dual" in legend(plot)


@pytest.mark.parametrize("stretch", [1, 5])
def test_the_legend_of_many_curves_names_the_ends_and_stays_low(plot, qtbot, stretch):
    layers = [f"{'block.' * stretch}{name}" for name in LAYERS]
    feed(plot, Metrics(1, {f"rank/{layer}": 1.0 for layer in layers} | {"train/loss": 1.0}))
    choose(plot, "Rank")
    two_lines = QLabel("<br>".join([DASH, DASH])).sizeHint().height()
    qtbot.waitUntil(lambda: 0 < plot._legend.height() <= two_lines)
    assert plot.width() < WIDTH
    if stretch == 1:
        assert "down 1.conv 1" in legend(plot)
        assert "up 4.conv 2" in legend(plot)
    assert "down 2" not in legend(plot)
    assert layers[0].replace("_", " ") in plot._legend.toolTip()


@pytest.mark.parametrize("count", [1, 6, 7, 50])
def test_curves_differ_in_colour(count):
    assert len(set(colours(count))) == count


def point(plot, step, value):
    """Point at a step and a value of a linear axis; return the tooltip."""
    plot.grab()  # the axes take their ranges when they are painted
    scene = plot._plot.getViewBox().mapViewToScene(QPointF(step, value))
    plot._plot.scene().sigMouseMoved.emit(scene)
    return QToolTip.text() if QToolTip.isVisible() else ""


def widths(plot):
    return [item.opts["pen"].widthF() for item in plot._plot.listDataItems()]


@pytest.mark.parametrize(
    ("step", "value", "text"),
    [
        (8, 2.9, "rises: 3 at step 8"),
        (8, -2.9, "falls: -3 at step 8"),
        (2.2, 2.9, "falls: 3 at step 2"),
        (5, 100, ""),  # off the axes
    ],
)
def test_the_mouse_is_told_the_nearest_curve(plot, step, value, text):
    feed(plot, *(Metrics(s, {"a/rises": s - 5.0, "a/falls": 5.0 - s}) for s in range(11)))
    assert point(plot, step, value) == text
    assert [wide > 2 for wide in widths(plot)] == ["rises" in text, "falls" in text]


def test_a_curve_is_not_marked_after_the_mouse_has_gone(plot):
    feed(plot, *(Metrics(step, {"a/curve": step - 1.0}) for step in range(3)))
    point(plot, 1, 0)
    assert widths(plot) > [2]
    QApplication.sendEvent(plot._plot.viewport(), QEvent(QEvent.Type.Leave))
    assert widths(plot) == [2]


def test_values_that_are_not_numbers_are_not_pointed_at(plot):
    feed(plot, *(Metrics(s, {"a/gone": math.nan, "a/there": -1.0 * s}) for s in range(3)))
    assert point(plot, 1, -1) == "there: -1 at step 1"


@pytest.mark.parametrize(
    "values", [[1.0], [1.0] * 5, [1.0, math.inf, 2.0], [1.0, math.nan], [1e-300]]
)
def test_unusual_curves_are_drawn_and_pointed_at(plot, values):
    feed(plot, *(Metrics(step, {"a/b": value}) for step, value in enumerate(values)))
    assert point(plot, 0, math.log10(values[0])).startswith(f"b: {values[0]:.4g} at")


def test_metrics_without_values_show_nothing(plot):
    plot.add(Metrics(1, {}))
    assert not plot.isVisible()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1e-4, 0.1),
        (0.9, 40),
        (3, 64),
        (0.0118, 0.0125),
        (1, 3.9),
        (1e-12, 1e6),
        (5, 50),
        (1, 1.0001),
    ],
)
def test_labels_of_the_axis_are_right_and_do_not_overlap(qtbot, low, high):
    axis, size = ValueAxis("left"), 80
    axis.setLogMode(y=True)
    low, high = math.log10(low), math.log10(high)
    (spacing, ticks), (small, others) = axis.tickValues(low, high, size)
    labels = axis.tickStrings(ticks, 1.0, spacing)
    assert len(labels) >= 2
    np.testing.assert_allclose([float(label) for label in labels], 10.0 ** np.array(ticks))
    assert min(b - a for a, b in pairwise(ticks)) * size / (high - low) >= 12
    assert all(low <= tick <= high for tick in [*ticks, *others])
    assert not any(axis.tickStrings(others, 1.0, small))


def test_colours_follow_the_theme(plot):
    def brightness():
        return plot._plot.backgroundBrush().color().lightness()

    dark = brightness()
    plot.set_theme("light")
    assert brightness() > dark + 100
