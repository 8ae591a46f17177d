"""What users install: the wheel and an editable install both show the plugin to napari."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

SHOW = """
import site, sys
site.addsitedir(sys.argv[1])
sys.path.insert(0, sys.path.pop())  # before the package that runs the tests
sys.path.insert(0, sys.argv[1])
from npe2 import PluginManifest
manifest = PluginManifest.from_distribution("napari-selfdenoise")
import napari_selfdenoise
print(napari_selfdenoise.__file__)
print(*(widget.command for widget in manifest.contributions.widgets))
print(*(sample.key for sample in manifest.contributions.sample_data))
assert "torch" not in sys.modules and "qtpy" not in sys.modules
"""


def build(target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.iterdir())


def unpack(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def shown(folder: Path) -> list[str]:
    """Return what npe2 finds in a process where `folder` is installed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHOW, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel:standard", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_shows_the_plugin(wheel, tmp_path):
    package, widgets, samples = shown(unpack(wheel, tmp_path))
    assert Path(package).is_relative_to(tmp_path)
    assert "napari-selfdenoise.denoise_panel" in widgets
    assert "cells" in samples.split()


def test_an_editable_install_shows_the_plugin(tmp_path):
    folder = tmp_path / "site"
    unpack(build("wheel:editable", tmp_path / "dist"), folder)
    package, widgets, _ = shown(folder)
    assert Path(package).is_relative_to(ROOT / "src")
    assert "napari-selfdenoise.denoise_panel" in widgets


def test_the_wheel_holds_what_it_should(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(next(n for n in names if n.endswith("entry_points.txt")))
    assert "napari_selfdenoise/napari.yaml" in names
    assert "napari_selfdenoise/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "docs"))]
    assert b"napari-selfdenoise = napari_selfdenoise.cli:main" in entry_points
    assert b"napari-selfdenoise = napari_selfdenoise:napari.yaml" in entry_points


def test_a_source_archive_holds_the_manifest_once(tmp_path):
    import tarfile

    with tarfile.open(build("sdist", tmp_path)) as archive:
        manifests = [name for name in archive.getnames() if name.endswith("napari.yaml")]
    assert len(manifests) == 1


def test_torch_is_a_range_and_qt_is_left_to_the_user():
    dependencies = PROJECT["dependencies"]
    torch = next(each for each in dependencies if each.startswith("torch"))
    assert "==" not in torch
    assert "<" not in torch
    assert not [each for each in dependencies if re.match("pyqt[56]|pyside", each.lower())]
    assert "napari[" not in " ".join(dependencies)
