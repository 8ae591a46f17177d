"""Screenshots of the real viewer with the panel: before, during and after a run.

    python docs/make_screenshots.py [--image FILE] [--out FOLDER] [--steps N]

Without an image it takes the sample ``cells`` and writes the pictures of the docs. Needs a
display (``xvfb-run -a -s "-screen 0 1600x1000x24"`` gives one).
"""

import argparse
import time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.gui.denoise_panel import DenoisePanel
from napari_selfdenoise.gui.samples_panel import SamplesPanel

SIZE = (1440, 900)
PANEL_WIDTH = 400
SAMPLED_STEPS = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--axes", default="")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.image is None:
        image, axes = make_sample("cells").noisy, ""
    else:
        image, axes = read_image(options.image, options.axes), options.axes
    viewer, panel = open_viewer(image, named=bool(axes) or options.image is None)

    def save(name):
        wait(0.5)
        viewer.screenshot(options.out / f"{name}.png", canvas_only=False, flash=False)

    save("panel_before")
    config = panel.forms.form("lota_n2n").value
    panel.forms.form("lota_n2n").set_value(type(config)(steps=options.steps))
    panel.run_bar.denoise_requested.emit()
    wait_until(lambda: progress_of(panel) > 0.5 or not panel.controller.running)
    wait(2.5)
    save("panel_during")
    wait_until(lambda: not panel.controller.running)
    save("panel_after")
    side_by_side(viewer)
    save("side_by_side")
    viewer.close()
    if options.image is None:
        samples(options.out)


def samples(out):
    """Show posterior samples of stripes, after a training of minutes."""
    image = make_sample("cells_striped", shape=(256, 256)).noisy
    viewer, panel = open_viewer(image, named=True)
    panel.method_picker.pick("cosdd")
    form = panel.forms.form("cosdd")
    form.set_value(type(form.value).from_preset("tiny", {"steps": SAMPLED_STEPS}))
    panel.run_bar.denoise_requested.emit()
    wait_until(lambda: not panel.controller.running)
    browser = SamplesPanel(viewer)
    dock = viewer.window.add_dock_widget(
        browser, name="Posterior samples", area="right", tabify=True
    )
    dock.raise_()
    wait(2)
    viewer.screenshot(out / "samples_panel.png", canvas_only=False, flash=False)
    viewer.close()


def open_viewer(image: Image, *, named: bool):
    """Open a viewer with an image and the panel, in the size of the pictures."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    viewer.add_image(
        image.read(),
        name=image.name.removesuffix(" noisy"),
        scale=image.scale,
        units=image.units,
        axis_labels=tuple(image.axes) if named else None,
    )
    panel = DenoisePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Denoise", area="right")
    panel.setMinimumWidth(PANEL_WIDTH)
    viewer.canvas.overlays.scale_bar.visible = True
    wait(1)
    viewer.reset_view()
    return viewer, panel


def side_by_side(viewer):
    """Show noisy and denoised beside each other, closer up."""
    for layer in viewer.layers:
        layer.visible = "residual" not in layer.name
    residual = next(layer for layer in viewer.layers if "residual" in layer.name)
    viewer.layers.remove(residual)
    viewer.canvas.grid.enabled = True
    viewer.reset_view()


def progress_of(panel) -> float:
    """Return how much of the training is done, from 0 to 1."""
    steps = [curve[0][-1] for curve in panel.plot.points.values()]
    return max(steps, default=0) / panel.forms.form("lota_n2n").value.steps


def wait(seconds):
    """Let the viewer live for some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def wait_until(condition):
    """Let the viewer live until something is so."""
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
