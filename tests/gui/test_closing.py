"""Closing a panel; closing the window during a training, in a process of its own."""

import gc
import os
import subprocess
import sys
import time
import weakref

import pytest

from napari_selfdenoise.gui.comparison_panel import ComparisonPanel
from napari_selfdenoise.gui.denoise_panel import DenoisePanel
from napari_selfdenoise.gui.methods_panel import MethodsPanel
from napari_selfdenoise.gui.models_panel import ModelsPanel
from napari_selfdenoise.gui.noise_panel import NoisePanel
from napari_selfdenoise.gui.samples_panel import SamplesPanel

CLOSE_DURING_TRAINING = """
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_selfdenoise.gui.denoise_panel import DenoisePanel

viewer = napari.Viewer(show_welcome_screen=False)
viewer.add_image(np.random.default_rng(0).poisson(50, (64, 64)), name="cells")
panel = DenoisePanel(viewer)
viewer.window.add_dock_widget(panel)
panel.method_picker.pick("lota_n2n")
form = panel.forms.form("lota_n2n")
form.set_value(type(form.value)(steps=1_000_000))

def close():
    print("closing", flush=True)
    viewer.close()

timer = QTimer(singleShot=True, interval=300)
timer.timeout.connect(close)
panel.controller.progress.connect(lambda _: None if timer.isActive() else timer.start())
panel.run_bar.denoise_requested.emit()
napari.run()
print("ended", flush=True)
"""


def test_closing_the_window_ends_the_process(display):
    process = subprocess.Popen(
        [sys.executable, "-c", CLOSE_DURING_TRAINING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert process.stdout.readline() == "closing\n"
        start = time.monotonic()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert time.monotonic() - start < 15
        assert "Traceback" not in errors
    finally:
        process.kill()


@pytest.mark.parametrize(
    "panel",
    [ComparisonPanel, DenoisePanel, MethodsPanel, ModelsPanel, NoisePanel, SamplesPanel],
)
def test_nothing_holds_a_closed_panel(panel, viewer):
    """Collected as garbage it crashed Qt: a slot of it was taken apart before it was called."""
    shown = panel(viewer)
    viewer.window.add_dock_widget(shown)
    gc.collect()  # what is there is old now, and comes first when all is collected
    viewer.window.remove_dock_widget(shown)
    seen = weakref.ref(shown)
    del shown
    gc.collect()
    assert seen() is None
