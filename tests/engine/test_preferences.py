"""What a user prefers is read from a file; what is wrong in it is said."""

from pathlib import Path

import pytest
import torch
import yaml

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ConfigError, FileError, UsageError
from napari_selfdenoise.engine import preferences as preferred
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.models_folder import models_folder
from napari_selfdenoise.engine.preferences import Preferences, prefer, preferences

MANIFEST = Path(__file__).parents[2] / "napari.yaml"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return what writes the settings file."""
    path = tmp_path / "settings.toml"
    monkeypatch.setenv(preferred.VARIABLE, str(path))
    yield lambda text: path.write_text(text, encoding="utf-8")
    prefer({})


def test_without_a_file_there_are_the_defaults(settings):
    assert preferences() == Preferences()


def test_the_file_counts_and_what_is_put_on_top_of_it(settings):
    settings('device = "cpu"\nthreads = 3')
    assert preferences() == Preferences(device="cpu", threads=3)
    prefer({"threads": 2})
    assert preferences() == Preferences(device="cpu", threads=2)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("threads = -1", ConfigError, "threads is -1; it must be a whole number from 0 to"),
        ('thread = "2"', ConfigError, "threads"),
        ("models_folder = 3", ConfigError, "models_folder is 3; it must be a text"),
        ("device = cpu", FileError, "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_name(settings, text, error, says):
    settings(text)
    with pytest.raises(error, match=says) as raised:
        preferences()
    assert "settings.toml" in str(raised.value)


def test_wrong_values_on_top_change_nothing(settings):
    prefer({"threads": 2})
    with pytest.raises(ConfigError, match="device"):
        prefer({"device": "toaster"})
    assert preferences() == Preferences(threads=2)


@pytest.mark.parametrize(("allowed", "taken"), [("1", 1), ("3", 2), ("", 2), ("2,1", 2)])
def test_no_more_threads_than_the_environment_allows(settings, monkeypatch, allowed, taken):
    """A worker that shares a machine with others is told its part of the cores that way."""
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    try:
        settings("threads = 2")
        Compute.of(Context())
        assert torch.get_num_threads() == taken
    finally:
        torch.set_num_threads(before)


def test_a_run_takes_the_preferred_device_and_threads(settings):
    before = torch.get_num_threads()
    try:
        settings('device = "cpu"\nthreads = 1')
        assert Compute.of(Context()).device.type == "cpu"
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    if not torch.backends.mps.is_available():
        settings('device = "mps"')
        with pytest.raises(UsageError, match="'mps' is not available"):
            Compute.of(Context())
        assert Compute.of(Context(device="cpu")).device.type == "cpu"


def test_models_are_kept_where_the_user_wants_them(settings, tmp_path):
    usual = models_folder()
    settings(f"models_folder = {str(tmp_path / 'mine')!r}")
    assert models_folder() == tmp_path / "mine"
    settings('models_folder = "~/mine"')
    assert models_folder() == Path.home() / "mine"
    settings("")
    assert models_folder() == usual


def test_naparis_page_has_the_same_settings():
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    page = manifest["contributions"]["configurations"]["computing"]["properties"]
    declared = {each.name: each for each in Preferences.settings()}
    assert list(page) == list(declared)
    for name, shown in page.items():
        each = declared[name]
        assert (shown["default"], shown["description"]) == (each.default, each.description)
        assert shown["title"] == each.title
        assert tuple(shown.get("enum", ())) == each.choices
        assert (shown.get("minimum"), shown.get("maximum")) == (each.minimum, each.maximum)
