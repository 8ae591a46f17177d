"""Napari's preferences dialog has a page of the plugin, and what it says counts."""

import pytest

from napari_selfdenoise.engine.preferences import VARIABLE, Preferences, prefer, preferences
from napari_selfdenoise.gui.models_panel import ModelsPanel

settings = pytest.importorskip("napari.settings")
if not hasattr(settings, "get_plugin_settings"):
    pytest.skip("napari has no preferences of plugins before 0.9", allow_module_level=True)


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "settings.toml"))
    page = settings.get_plugin_settings("napari-selfdenoise").computing
    yield page
    for each in Preferences.settings():
        setattr(page, each.name, each.default)
    prefer({})


def test_what_is_changed_in_the_dialog_counts_at_once(viewer, page, tmp_path):
    (tmp_path / "settings.toml").write_text("threads = 7", encoding="utf-8")
    page.models_folder = str(tmp_path / "mine")
    panel = ModelsPanel(viewer)
    viewer.window.add_dock_widget(panel)
    assert panel.folder == tmp_path / "mine"
    assert preferences().threads == 7
    page.threads = 2
    assert preferences().threads == 2
    page.threads = 0
    assert preferences().threads == 7
