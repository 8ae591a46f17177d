"""Opening the menu and the panel's module import neither torch nor a network."""

import subprocess
import sys

import pytest

LIST_CONTRIBUTIONS = """
import sys
from npe2 import PluginManager
manager = PluginManager.instance()
manager.discover()
contributions = manager.get_manifest("napari-selfdenoise").contributions
offered = {command.id for command in contributions.commands}
menu = {item.command for item in contributions.menus["napari/layers/filter"]}
widgets = {widget.command for widget in contributions.widgets}
assert menu == widgets | {"napari-selfdenoise.take_back"}
assert menu < offered
for module in ("torch", "qtpy"):
    assert module not in sys.modules, module + " was imported"
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_opening_the_menu_imports_no_torch():
    run(LIST_CONTRIBUTIONS)


@pytest.mark.parametrize(
    "panel",
    [
        "denoise_panel",
        "samples_panel",
        "models_panel",
        "noise_panel",
        "comparison_panel",
        "methods_panel",
    ],
)
def test_the_panels_import_no_torch(panel):
    run(
        f"import sys, napari_selfdenoise.gui.{panel}\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
