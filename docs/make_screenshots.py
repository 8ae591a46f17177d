"""Screenshots of the real viewer with the panels.

    python docs/make_screenshots.py [--only SCENE] [--image FILE] [--out FOLDER] [--steps N]

Without an image it takes the sample ``cells`` and writes the pictures of the docs. Needs a
display (``xvfb-run -a -s "-screen 0 1600x1000x24"`` gives one).
"""

import argparse
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine import model as model_files
from napari_selfdenoise.engine import runs as engine_runs
from napari_selfdenoise.gui.comparison_panel import ComparisonPanel
from napari_selfdenoise.gui.denoise_panel import DenoisePanel
from napari_selfdenoise.gui.methods_panel import MethodsPanel
from napari_selfdenoise.gui.models_panel import ModelsPanel
from napari_selfdenoise.gui.noise_panel import NoisePanel
from napari_selfdenoise.gui.samples_panel import SamplesPanel
from napari_selfdenoise.methods import get_learned

SIZE = (1440, 900)
PANEL_WIDTH = 400
SAMPLED_STEPS = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SCENES)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--axes", default="")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scenes = SCENES if options.image is None else ["run"]
    for name in [options.only] if options.only else scenes:
        SCENES[name](options)


def run(options):
    """Show the denoise panel before, during and after a run."""
    if options.image is None:
        image, axes = make_sample("cells").noisy, ""
    else:
        image, axes = read_image(options.image, options.axes), options.axes
    viewer, panel = open_viewer(image, named=bool(axes) or options.image is None)
    save(viewer, options.out / "panel_before.png")
    config = panel.forms.form("lota_n2n").value
    panel.forms.form("lota_n2n").set_value(type(config)(steps=options.steps))
    panel.run_bar.denoise_requested.emit()
    wait_until(lambda: progress_of(panel) > 0.5 or not panel.controller.running)
    wait(2.5)
    save(viewer, options.out / "panel_during.png")
    wait_until(lambda: not panel.controller.running)
    save(viewer, options.out / "panel_after.png")
    side_by_side(viewer)
    save(viewer, options.out / "side_by_side.png")
    viewer.close()


def train_on(options):
    """Show a training on two layers, each with its second capture."""
    sample = make_sample("cells")
    viewer, panel = open_viewer(sample.noisy, named=True)
    first = viewer.layers[0]
    first.name = "field 1"
    for name, seed, capture in (
        ("field 2", 1, 0),
        ("field 2, again", 1, 1),
        ("field 1, again", 0, 1),
    ):
        viewer.add_image(
            captured(make_sample("cells", seed), capture),
            name=name,
            scale=first.scale,
            units=first.units,
            axis_labels=first.axis_labels,
            contrast_limits=first.contrast_limits,
        )
    viewer.layers.move(0, len(viewer.layers))
    viewer.layers.selection.active = first
    panel.method_picker.pick("noise2noise")
    panel.train_on.choose_source("layers")
    panel.train_on.layers.choose([viewer.layers[name] for name in ("field 1", "field 2")])
    panel.train_on.target_layers.choose(
        [viewer.layers[name] for name in ("field 1, again", "field 2, again")]
    )
    wait_until(lambda: panel.noise_line.diagnosis is not None)
    save(viewer, options.out / "train_on.png")
    viewer.close()


def models(options):
    """Show the models panel with models of some methods, one of which was applied."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
        viewer, denoise = open_viewer(make_sample("cells", 2).noisy, named=True)
        panel = ModelsPanel(viewer, folder)
        dock = viewer.window.add_dock_widget(
            panel, name="Denoising models", area="right", tabify=True
        )
        panel.setMinimumWidth(PANEL_WIDTH)
        dock.raise_()
        panel.models.pick(folder / "cells 60x.safetensors")
        panel.run_bar.denoise_requested.emit()
        wait_until(lambda: not panel.runs.controller.running)
        save(viewer, options.out / "models_panel.png")
        denoise.close()
        viewer.close()


def fill(folder):
    """Train and save some models, each in a few seconds."""
    samples = [make_sample("cells", seed).noisy for seed in range(2)]
    stripes = make_sample("cells_striped", shape=(256, 256)).noisy
    for name, method, images, steps in (
        ("stripes", "iddp", [stripes], 200),
        ("cells 60x", "lota_n2n", samples, 400),
    ):
        chosen = get_learned(method)
        config = chosen.Config(steps=steps)
        context = Context(targets=images if chosen.target else ())
        model = finish(engine_runs.train(chosen, images, config, context))
        model_files.save(model, folder / f"{name}.safetensors", author="Ada Lovelace")


def captured(sample, capture):
    """Return the noisy image of a sample, or another capture of the same scene."""
    if capture == 0:
        return sample.noisy.read()
    camera = sample.camera
    photons = (sample.clean.read() - camera.offset) / camera.gain
    return camera.expose(photons, np.random.default_rng(capture))


def samples(options):
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
    save(viewer, options.out / "samples_panel.png")
    viewer.close()


def noise(options):
    """Show the noise check of cells."""
    viewer, denoise = open_viewer(make_sample("cells").noisy, named=True)
    panel = NoisePanel(viewer)
    dock = viewer.window.add_dock_widget(panel, name="Noise check", area="right", tabify=True)
    panel.setMinimumWidth(PANEL_WIDTH)
    dock.raise_()
    viewer.window.resize(SIZE[0], 1140)  # all plots at a glance
    wait(1)
    viewer.reset_view()
    panel.runs.check()
    wait_until(lambda: not panel.runs.controller.running)
    save(viewer, options.out / "noise_panel.png")
    denoise.close()
    viewer.close()


def comparison(options):
    """Show a curtain, profiles and scores of cells that were denoised."""
    sample = make_sample("cells")
    viewer, denoise = open_viewer(sample.noisy, named=True)
    noisy = viewer.layers[0]
    placed = {"scale": noisy.scale, "units": noisy.units, "axis_labels": noisy.axis_labels}
    viewer.add_image(sample.clean.read(), name="clean", visible=False, **placed)
    viewer.layers.selection.active = noisy
    denoise.method_picker.pick("bm3d")
    denoise.run_bar.denoise_requested.emit()
    wait_until(lambda: not denoise.controller.running)
    denoised = next(layer for layer in viewer.layers if layer.name.endswith("denoised"))
    panel = ComparisonPanel(viewer)
    dock = viewer.window.add_dock_widget(
        panel, name="Comparison desk", area="right", tabify=True
    )
    panel.setMinimumWidth(PANEL_WIDTH)
    dock.raise_()
    panel.layers.choose([noisy, denoised])
    panel.ways.left.pick(str(noisy.unique_id))
    panel.ways.right.pick(str(denoised.unique_id))
    rows, columns = sample.clean.shape[-2:]
    panel.profiles.probe.draw_line(noisy)
    line = viewer.layers["profile line"]
    line.add_lines(np.array([[0.42 * rows, 0.15 * columns], [0.55 * rows, 0.85 * columns]]))
    line.mode = "pan_zoom"
    panel.clean.pick(str(viewer.layers["clean"].unique_id))
    panel._score.click()
    wait_until(lambda: not panel.controller.running)
    panel.ways.choose("curtain")
    viewer.layers.selection.active = noisy
    wait(1)
    save(viewer, options.out / "comparison_desk.png")
    denoise.close()
    viewer.close()


def methods(options):
    """Show methods that were compared on a part of cells, without a clean image."""
    sample = make_sample("cells", shape=(256, 256))
    viewer, denoise = open_viewer(sample.noisy, named=True)
    panel = MethodsPanel(viewer)
    dock = viewer.window.add_dock_widget(
        panel, name="Compare methods", area="right", tabify=True
    )
    panel.setMinimumWidth(PANEL_WIDTH)
    dock.raise_()
    panel.methods.choose(["lota_n2n", "bm3d", "nl_means", "gaussian"])
    panel.run_bar.denoise_requested.emit()
    wait_until(lambda: not panel.runs.controller.running)
    save(viewer, options.out / "methods_panel.png")
    denoise.close()
    viewer.close()


SCENES = {
    "run": run,
    "samples": samples,
    "train_on": train_on,
    "models": models,
    "noise": noise,
    "comparison": comparison,
    "methods": methods,
}


def save(viewer, path):
    """Write a picture of the whole window."""
    wait(0.5)
    viewer.screenshot(path, canvas_only=False, flash=False)


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
    wait_until(lambda: panel.noise_line.diagnosis is not None)
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
