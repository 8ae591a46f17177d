"""Who may import whom: arrows go down the list in `LAYERS`, never up or sideways."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "napari_selfdenoise"
LAYERS = [
    {"core"},
    {"data", "nn", "solvers"},
    {"engine", "analysis"},
    {"methods"},
    {"api", "cli"},
    {"gui"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ONLY_GUI = {"napari", "qtpy", "magicgui", "superqt", "pyqtgraph", "vispy", "PyQt6", "PySide6"}
TORCH_AT_ONCE = {"nn", "solvers", "engine"}
"""Layers that may import torch when they are imported; the others do so when they need it."""

FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every imported module, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            # `from package import module` names a module, too
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layers_imported(path: Path) -> set[str]:
    names = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    inside = [name.split(".") for name in names if name.startswith("napari_selfdenoise.")]
    return {parts[1] for parts in inside} & set(RANK)


def outside(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(ast.parse(path.read_text(encoding="utf-8")))}


def test_every_module_has_a_layer():
    assert {layer_of(path) for path in FILES} - {""} <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_go_down(path):
    layer = layer_of(path)
    if not layer:
        return  # the package itself only names the API, lazily
    for used in layers_imported(path) - {layer}:
        assert RANK[used] < RANK[layer], f"{layer} imports {used}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_gui_imports_napari_and_qt(path):
    if layer_of(path) != "gui":
        assert not outside(path) & ONLY_GUI


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda p: p.name)
def test_core_needs_numpy_alone(path):
    assert outside(path) <= {*sys.stdlib_module_names, "numpy", "napari_selfdenoise"}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "methods").glob("*.py")), ids=lambda p: p.name
)
def test_methods_never_import_each_other(path):
    names = imports(ast.parse(path.read_text(encoding="utf-8")))
    assert not {name for name in names if name.startswith("napari_selfdenoise.methods")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_torch_is_imported_late(path):
    """Methods are listed, help is shown and the menu is opened without torch."""
    if layer_of(path) in TORCH_AT_ONCE:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    module = ast.Module(body=list(at_once), type_ignores=[])
    assert not {name for name in imports(module) if name.split(".")[0] == "torch"}


def test_modules_stay_short():
    for path in FILES:
        limit = 420 if layer_of(path) == "nn" else 320
        assert len(path.read_text(encoding="utf-8").splitlines()) <= limit, path.name
