"""The noise check in a real viewer, on images whose noise is known."""

import threading

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.analysis import noise_check
from napari_selfdenoise.api.checking import check_noise
from napari_selfdenoise.gui import noise_line, noise_runs
from napari_selfdenoise.gui.denoise_panel import DenoisePanel
from napari_selfdenoise.gui.noise_panel import NoisePanel
from napari_selfdenoise.methods import get

WAIT = 60_000
GAIN, OFFSET, READ = 2.0, 100.0, 3.0


def camera(*shape, seed=0):
    """Return an image of blobs by a camera of known gain, offset and read noise."""
    random = np.random.default_rng(seed)
    light = gaussian_filter(random.random(shape), 12)
    light = (light - light.min()) / np.ptp(light)
    noisy = OFFSET + GAIN * random.poisson(100 * light**2) + random.normal(0, READ, shape)
    return noisy.round().astype(np.uint16)


def stripes(*shape):
    """Return even noise that is correlated along X."""
    white = np.random.default_rng(0).normal(0, 10, shape)
    return (1000 + white + 0.8 * np.roll(white, 1, -1)).astype(np.float32)


@pytest.fixture
def noise_panel(viewer):
    panel = NoisePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Noise check")
    return panel


@pytest.fixture
def check(qtbot, noise_panel):
    """Return what presses *Check* and waits for the end."""

    def check(panel=noise_panel):
        panel._check.click()
        qtbot.waitUntil(lambda: not panel.runs.running, timeout=WAIT)

    return check


@pytest.fixture
def held(monkeypatch):
    """Measurements begin, but wait until the test lets them go on."""
    go_on, measure = threading.Event(), noise_runs.check_noise
    seen = []

    def waiting(image):
        seen.append(image.name)
        go_on.wait(20)
        return measure(image)

    monkeypatch.setattr(noise_runs, "check_noise", waiting)
    go_on.seen = seen
    yield go_on
    go_on.set()


def methods_listed(panel):
    rows = range(panel.advice.list.count())
    return [panel.advice.list.item(row).text() for row in rows]


def test_what_is_shown_is_what_the_check_from_python_finds(noise_panel, viewer, check):
    pixels = camera(512, 512)
    viewer.add_image(pixels, name="cells")
    check()
    expected = check_noise(pixels)
    found = expected.checks[0]
    assert noise_panel._summary.text() == str(found)
    assert noise_panel._says.text() == ""
    assert methods_listed(noise_panel)[0].endswith(expected.advice[0].reason)
    for row, advice in zip(methods_listed(noise_panel), expected.advice, strict=True):
        title, reason = row.split("\n")
        assert title.removesuffix(" · does not fit") == get(advice.method).title
        assert title.endswith("does not fit") != advice.fits
        assert reason == advice.reason
    fits = [advice.fits for advice in expected.advice]
    assert fits == sorted(fits, reverse=True)


def test_the_photon_transfer_line_has_the_gain_of_the_camera(noise_panel, viewer, check):
    viewer.add_image(camera(512, 512), name="cells")
    check()
    means, variances = noise_panel.plots.points.getData()
    slope = np.ptp(noise_panel.plots.line.getData()[1]) / np.ptp(means)
    assert slope == pytest.approx(GAIN, rel=0.15)
    assert np.all(np.diff(means) > 0)
    assert variances[-1] == pytest.approx(GAIN * (means[-1] - OFFSET) + READ**2, rel=0.3)
    for plot, side, unit in (
        (noise_panel.plots.transfer, "bottom", "grey levels"),
        (noise_panel.plots.transfer, "left", "grey levels²"),
        (noise_panel.plots.spectrum, "bottom", "cycles per pixel"),
    ):
        assert unit in plot.getAxis(side).labelText
    assert all("pixels" in name for name in noise_panel.plots._legend._names)


def test_stripes_show_in_the_correlation_and_in_the_advice(noise_panel, viewer, check):
    viewer.add_image(stripes(256, 256), name="stripes")
    check()
    along = {axis: curve.getData() for axis, curve in noise_panel.plots.lags.items()}
    assert sorted(along) == ["X", "Y"]
    assert list(along["X"][0]) == list(range(1, noise_check.REACH + 1))
    # white + 0.8 of its neighbour: 0.8 / (1 + 0.8 ** 2) at distance 1, nothing beyond
    assert along["X"][1][0] == pytest.approx(0.49, abs=0.08)
    assert abs(along["X"][1][2]) < 0.1
    assert abs(along["Y"][1][0]) < 0.1
    assert "correlated along x" in noise_panel._summary.text()
    assert "correlated along x" in methods_listed(noise_panel)[0]


def test_the_spectrum_is_flat_unless_the_image_was_filtered(noise_panel, viewer, check):
    white = np.random.default_rng(0).normal(100, 10, (256, 256))
    viewer.add_image(white, name="white")
    check()
    frequencies, power = noise_panel.plots.power.getData()
    assert 0 < frequencies[0] < frequencies[-1] < 0.5
    np.testing.assert_allclose(power[1:], 1, atol=0.2)
    viewer.add_image(gaussian_filter(white, 1), name="filtered")
    check()
    power = noise_panel.plots.power.getData()[1]
    assert power[-1] < 0.1 * power[0]


def test_signs_of_processing_are_told(noise_panel, viewer, check):
    pixels = camera(256, 256)
    viewer.add_image(np.minimum(pixels, np.quantile(pixels, 0.95)), name="saturated")
    check()
    assert "saturated" in noise_panel._signs.text()
    viewer.add_image(gaussian_filter(camera(256, 256).astype(np.float32), 1), name="smooth")
    check()
    assert "filtered" in noise_panel._signs.text()
    viewer.add_image(camera(256, 256), name="as recorded")
    check()
    assert noise_panel._signs.text().startswith("No sign of processing")


def test_channels_are_shown_one_at_a_time(noise_panel, viewer, check):
    both = np.stack([camera(256, 256).astype(np.float32), stripes(256, 256)])
    viewer.add_image(both, name="two", axis_labels=("c", "y", "x"))
    check()
    assert not noise_panel.channels.isHidden()
    assert noise_panel.channels.count() == 2
    first = noise_panel._summary.text()
    noise_panel.channels.setCurrentIndex(1)
    assert "correlated along x" in noise_panel._summary.text()
    assert noise_panel._summary.text() != first
    viewer.add_image(camera(128, 128), name="one")
    check()
    assert noise_panel.channels.isHidden()


def test_a_part_is_checked_alone(noise_panel, viewer, check):
    """The second plane is striped, the first is not; only the second is in view."""
    planes = np.stack([camera(256, 256).astype(np.float32), stripes(256, 256)])
    viewer.add_image(planes, name="stack", axis_labels=("t", "y", "x"))
    viewer.dims.set_point(0, 1)
    noise_panel.image_picker.choose_use("plane")
    check()
    assert noise_panel._summary.text() == str(check_noise(planes[1]).checks[0])


def test_an_image_without_noise_gets_a_sentence(noise_panel, viewer, check):
    viewer.add_image(np.full((64, 64), 7, np.uint8), name="flat")
    check()
    assert noise_panel._says.text() == "flat is constant: it holds no noise to measure."
    assert noise_panel._found.isHidden()
    viewer.layers.clear()
    assert not noise_panel._check.isEnabled()


def test_what_was_found_of_another_layer_goes(noise_panel, viewer, check, held, qtbot):
    viewer.add_image(camera(128, 128), name="first")
    held.set()
    check()
    assert not noise_panel._found.isHidden()
    held.clear()
    noise_panel._check.click()
    qtbot.waitUntil(lambda: held.seen == ["first", "first"], timeout=WAIT)
    viewer.add_image(camera(128, 128, seed=1), name="second")
    assert noise_panel._found.isHidden()
    noise_panel._check.click()  # while the check of the first is on
    held.set()
    qtbot.waitUntil(lambda: noise_panel.diagnosis is not None, timeout=WAIT)
    assert held.seen == ["first", "first", "second"]
    assert noise_panel.diagnosis.checks[0].name == "second"


def test_closing_the_panel_ends_the_check(noise_panel, viewer, held, qtbot):
    viewer.add_image(camera(128, 128), name="cells")
    runs, measured = noise_panel.runs, []
    noise_panel.runs.measured.connect(measured.append)
    noise_panel._check.click()
    qtbot.waitUntil(lambda: held.seen == ["cells"], timeout=WAIT)
    viewer.window.remove_dock_widget(noise_panel)
    held.set()
    qtbot.waitUntil(lambda: not runs.running, timeout=WAIT)
    assert measured == []
    viewer.add_image(camera(128, 128), name="later")  # nobody listens any more


def test_of_a_lazy_layer_only_the_middle_is_read(noise_panel, viewer, check):
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return camera(512, 512, seed=len(read))[None]

    lazy = da.map_blocks(
        block, chunks=((1,) * 40, (512,) * 8, (512,) * 8), dtype=np.uint16, meta=np.zeros(0)
    )
    viewer.add_image(lazy, name="lazy", axis_labels=("t", "y", "x"), contrast_limits=(0, 500))
    read.clear()
    check()
    assert noise_panel.diagnosis is not None
    assert 0 < len(read) <= 5 * 4**2  # of 40 * 8**2


def test_the_panel_is_in_naparis_menu_and_hands_methods_over(viewer, check):
    _, panel = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Noise check")
    layer = viewer.add_image(stripes(256, 256), name="stripes")
    panel.image_picker.choose_use("region")
    check(panel)
    panel.advice.list.setCurrentRow(1)
    panel.advice.use.click()
    _, denoise = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Denoise")
    assert isinstance(denoise, DenoisePanel)
    assert denoise.method_picker.name == panel.diagnosis.advice[1].method
    assert denoise.image_picker.layer is layer
    assert denoise.image_picker.use == "region"


# --- the line in the denoise panel --------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(noise_line, "_DELAY", 20)


@pytest.fixture
def shown(hurried, viewer, qtbot):
    """A denoise panel that can be seen: a dock of the tests' viewer is out of view."""
    panel = DenoisePanel(viewer)
    qtbot.addWidget(panel)
    panel.show()
    yield panel
    panel._leave()
    qtbot.waitUntil(lambda: not panel.noise_line.runs.running, timeout=WAIT)


def test_the_line_says_the_noise_and_the_first_advice(shown, viewer, qtbot):
    assert shown.noise_line.sentence == ""
    assert shown.noise_line.details.isHidden()
    for name, pixels in (("cells", camera(256, 256)), ("stripes", stripes(256, 256))):
        viewer.add_image(pixels, name=name)
        assert shown.noise_line.sentence == "Noise: not measured yet."
        qtbot.waitUntil(lambda: shown.noise_line.diagnosis is not None, timeout=WAIT)
        expected = check_noise(pixels)
        first, quick = expected.advice[0], expected.at_once
        advice = f"First advice: {get(first.method).title}"
        advice += f"; without learning: {get(quick.method).title}." if quick else "."
        assert shown.noise_line.sentence == f"{expected.checks[0]} {advice}"
    assert "correlated along x" in shown.noise_line.sentence


def test_the_line_waits_until_nothing_changes(shown, viewer, held, qtbot):
    held.set()
    layer = viewer.add_image(camera(128, 128), name="live")
    for seed in range(5):
        layer.data = camera(128, 128, seed=seed)
    qtbot.waitUntil(lambda: shown.noise_line.diagnosis is not None, timeout=WAIT)
    assert held.seen == ["live"]
    held.clear()
    layer.data = camera(128, 128)
    qtbot.waitUntil(lambda: len(held.seen) == 2, timeout=WAIT)
    layer.data = stripes(128, 128)  # during the check
    held.set()
    qtbot.waitUntil(lambda: shown.noise_line.diagnosis is not None, timeout=WAIT)
    assert shown.noise_line.diagnosis.checks[0].correlated == "x"
    assert len(held.seen) == 3


@pytest.mark.parametrize("kind", ["lazy", "many channels"])
def test_the_line_measures_nothing_costly_unasked(shown, viewer, held, qtbot, kind):
    if kind == "lazy":
        data = da.from_array(camera(128, 128), chunks=64)
        viewer.add_image(data, name="cells", contrast_limits=(0, 400))
    else:
        viewer.add_image(np.stack([camera(64, 64)] * 5), axis_labels=("c", "y", "x"))
    qtbot.wait(200)
    assert held.seen == []
    assert "only if you ask" in shown.noise_line.sentence
    assert not shown.noise_line.details.isHidden()


def test_the_line_measures_nothing_out_of_view(hurried, panel, viewer, held, qtbot):
    viewer.add_image(camera(128, 128), name="cells")
    qtbot.wait(200)
    assert held.seen == []
    assert not panel.noise_line.runs.running


def test_details_show_what_the_line_found(shown, viewer, held, qtbot):
    held.set()
    layer = viewer.add_image(camera(256, 256), name="cells")
    qtbot.waitUntil(lambda: shown.noise_line.diagnosis is not None, timeout=WAIT)
    shown.noise_line.details.click()
    _, details = viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Noise check")
    assert details.image_picker.layer is layer
    assert details.diagnosis is shown.noise_line.diagnosis
    assert held.seen == ["cells"]
    lazy = da.from_array(stripes(256, 256), chunks=128)
    viewer.add_image(lazy, name="lazy", contrast_limits=(900, 1100))
    shown.noise_line.details.click()  # asks for a check
    qtbot.waitUntil(lambda: details.diagnosis is not None, timeout=WAIT)
    assert details.diagnosis.checks[0].name == "lazy"


def test_closing_the_denoise_panel_ends_the_check_of_the_line(shown, viewer, held, qtbot):
    viewer.add_image(camera(128, 128), name="cells")
    qtbot.waitUntil(lambda: held.seen == ["cells"], timeout=WAIT)
    runs, measured = shown.noise_line.runs, []
    shown.noise_line.runs.measured.connect(measured.append)
    shown.noise_line.leave()
    held.set()
    qtbot.waitUntil(lambda: not runs.running, timeout=WAIT)
    assert measured == []
