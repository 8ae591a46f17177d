"""A viewer with the panel in its dock, and a method that does as it is told."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.core.events import Metrics, Note, Preview, Progress
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.checks import check_image

WAIT = 20_000
"""Milliseconds after which a test gives up waiting."""


@dataclass(frozen=True, kw_only=True)
class ObedientConfig(Config):
    steps: int = setting(3, low=1, high=1000, help="Steps of the run.")
    factor: float = setting(
        0.5, low=0.0, high=1.0, step=0.1, help="The result is this times the image."
    )
    fail: bool = setting(False, help="Raise in the run, as a bug would.", advanced=True)


class Obedient(Method[ObedientConfig]):
    """Multiplies the image by a factor, and waits where the test tells it to."""

    title = "Obedient"
    summary = "Multiplies by a factor."
    assumes = "Nothing."
    reference = "This test."
    learns_from = "nothing"
    Config = ObedientConfig

    def __init__(self):
        self.go_on = threading.Event()
        self.go_on.set()
        self.ended = threading.Event()
        self.thread = None
        self.regions = []

    def forecast(self, image, config):
        return float(np.prod(image.shape)) * 1e-3

    def denoise(self, image, config, context):
        self.thread = threading.current_thread()
        self.ended.clear()
        try:
            return (yield from self._denoise(image, config, context))
        finally:
            self.ended.set()

    def _denoise(self, image, config, context):
        if config.fail:
            raise RuntimeError("a bug")
        checked = check_image(image, fill_nan=context.fill_nan)
        done = 0
        while done < config.steps and not context.stopping:
            if self.go_on.wait(0.01):
                done += 1
            self.regions.append(context.preview_region)
            yield Progress(done, config.steps, "obeying")
            yield Metrics(done, {"train/loss": 1 / (done + 1)})
            if context.preview_region is not None:
                shown = image.crop(context.preview_region)
                halved = shown.read().astype(np.float32) * config.factor
                yield Preview(done, shown.like(halved), context.preview_region)
        if context.stopping:
            context.honour_stop()
        yield Note("It obeyed.")
        noisy = checked.image.read().astype(np.float32)
        denoised = noisy * config.factor
        provenance = Provenance(
            method="obedient",
            settings=config.to_json(),
            seed=context.seed,
            input_name=image.name,
            input_hash=checked.digest,
            device="cpu",
            precision="float32",
            seconds=1.0,
            versions={},
            reference=self.reference,
            created="today",
        )
        images = {"denoised": image.like(denoised), "residual": image.like(noisy - denoised)}
        return Result(images, provenance, stopped=context.stopped)


_SHOWN = []
"""Notifications of former tests. They may hold errors, whose frames hold widgets, which Qt
does not bear to be collected after their viewer has gone."""


@pytest.fixture(autouse=True)
def _forget_notifications():
    """What napari was told to show in one test is not found in the next."""
    _SHOWN.extend(notification_manager.records)
    notification_manager.records.clear()


@pytest.fixture
def obedient():
    method = Obedient()
    yield method
    method.go_on.set()


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def open_panel(viewer, obedient):
    """Return what opens a panel in the viewer's dock."""
    from napari_selfdenoise.gui.denoise_panel import DenoisePanel

    def open_panel(methods=None):
        panel = DenoisePanel(viewer, methods or {"obedient": obedient})
        viewer.window.add_dock_widget(panel, name=f"Denoise {id(panel)}")
        return panel

    return open_panel


@pytest.fixture
def panel(open_panel):
    return open_panel()


@pytest.fixture
def run(qtbot):
    """Return what presses *Denoise* and waits for the end."""

    def run(panel):
        panel.run_bar.denoise_requested.emit()
        qtbot.waitUntil(lambda: not panel.controller.running, timeout=WAIT)

    return run


@pytest.fixture
def noisy():
    """Return what makes a noisy image of a shape."""

    def noisy(*shape, dtype=np.uint16):
        return np.random.default_rng(0).poisson(100, shape).astype(dtype)

    return noisy


@pytest.fixture
def names(viewer):
    """Return what lists the names of the viewer's layers."""
    return lambda: [layer.name for layer in viewer.layers]
