"""What the README and the docs say is what is there."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_selfdenoise import methods
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import SAMPLES, make_sample

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
METHODS = methods.METHODS
PAGES = [TOP / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page, language, title=None):
    """Return the code blocks of a page, as (title, code)."""
    text = (TOP / page).read_text(encoding="utf-8")
    found = re.findall(rf'^```{language}(?: title="(.+?)")?\n(.*?)^```', text, re.M | re.S)
    return [code for name, code in found if title is None or name.endswith(title)]


def table_rows(page):
    """Return the cells of the rows that name a method, by method."""
    text = page.read_text(encoding="utf-8")
    rows = [
        line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| [")
    ]
    return {re.search(r"`(\w+)`", cells[0])[1]: cells for cells in rows}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_table_holds_exactly_the_methods_and_what_they_assume(page):
    rows = table_rows(TOP / page)
    assert list(rows) == list(METHODS)
    for name, cells in rows.items():
        method = methods.get(name)
        assert cells[0].startswith(f"[{method.title}](")
        assert cells[0].count(f"methods/{name}.md") == 1
        assert cells[1:3] == [method.learns_from, method.assumes]


def test_every_method_has_its_page_and_no_other():
    assert {path.stem for path in (DOCS / "methods").glob("*.md")} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_page_says_what_its_method_says_of_itself(name):
    text = (DOCS / "methods" / f"{name}.md").read_text(encoding="utf-8")
    method = methods.get(name)
    assert text.startswith(f"# {method.title}\n")
    assert f"**Name** `{name}` · **learns from** {method.learns_from}" in text
    assert f"**Assumes** {method.assumes}\n" in text
    assert f"<!-- settings: {name} -->" in text
    for heading in ("Idea", "When it fails", "Settings", "Cost", "Reference"):
        assert f"\n## {heading}\n" in text


@pytest.mark.parametrize("name", METHODS)
def test_the_settings_table_is_made_from_the_config(name, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    page = importlib.import_module("settings_tables").on_page_markdown(
        f"<!-- settings: {name} -->\n<!-- measured: none_such*.md -->"
    )
    for each in methods.get(name).Config.settings():
        assert f"| `{each.name}`" in page
        assert each.description in page
    assert "<!--" not in page


def test_measured_tables_appear_once_they_exist(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    hook = importlib.import_module("settings_tables")
    monkeypatch.setattr(hook, "TABLES", tmp_path)
    (tmp_path / "gaussian_fmd.md").write_text("| image | PSNR |\n|---|---|\n| a | 30 |\n")
    page = hook.on_page_markdown("before\n\n<!-- measured: gaussian*.md -->\n\nafter")
    assert "## Measured\n\n| image | PSNR |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text)
    missing = [
        target
        for target in targets
        if target and "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing


def test_the_samples_are_named():
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == list(SAMPLES)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Images under the names that the docs use, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(["cells", "day1", "day2", "day3", "day4"]):
        sample = make_sample("cells", seed=seed, shape=(48, 48))
        write_tiff(f"{name}.tif", sample.noisy)
        if name == "cells":
            write_tiff("clean.tif", sample.clean)
    return tmp_path


QUICKER = {
    '"lota_n2n", seed=1)': '"lota_n2n", seed=1, settings={"steps": 10})',
    '"steps": 50': '"steps": 10',
    "Timer(3": "Timer(0.5",
}
"""Fewer steps and a shorter wait than a reader would want; all else runs as written."""


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_on_the_page_runs(page, files):
    for code in blocks(page, "python"):
        for written, quicker in QUICKER.items():
            code = code.replace(written, quicker)
        exec(compile(code, page, "exec"), {})


def command_lines():
    """Return every command line of the docs as (page, words)."""
    return [
        (str(page.relative_to(TOP)), line.split())
        for page in PAGES
        for code in blocks(page, "bash")
        for line in code.splitlines()
        if line.startswith("napari-selfdenoise")
    ]


def test_command_lines_on_the_pages_are_understood(capsys):
    from napari_selfdenoise.cli import main

    helps = {}
    for page, (_, command, *words) in command_lines():
        if command not in helps:
            assert main([command, "--help"]) == 0, f"{page}: {command}"
            helps[command] = capsys.readouterr().out
        for word in words:
            if word.startswith("-"):
                assert re.search(rf"(?<!\S){word}(?!\S)", helps[command]), f"{page}: {word}"


def test_every_option_of_denoise_is_on_the_page(capsys):
    from napari_selfdenoise.cli import main

    main(["denoise", "--help"])
    offered = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out))
    text = (DOCS / "command_line.md").read_text(encoding="utf-8")
    told = set(re.findall(r"--[a-z-]+", text.split("## Train once")[0]))
    assert offered <= told | {"--help"}


def quickly(words):
    """Return options with which a command line of the README ends within a second."""
    if "lota_n2n" in words:
        return ["--set", "steps=10"]
    if "cosdd" in words:
        small = {"steps": 4, "features": 4, "levels": 3, "patch_size": 32}
        return [f"--set={name}={value}" for name, value in small.items()] + ["--samples", "3"]
    return []


def test_command_lines_of_the_readme_work(files, capsys):
    from napari_selfdenoise.cli import main

    for page, (_, command, *words) in command_lines():
        if page == "README.md" and command in ("denoise", "train", "apply"):
            assert main([command, *words, *quickly(words), "--overwrite"]) == 0
            printed = capsys.readouterr().out.splitlines()
            assert all(Path(line).exists() or line.startswith("PSNR") for line in printed)
            assert printed


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Add a method of *Adding a method* to the table, from the page's own code."""

    def add(name):
        (code,) = blocks("docs/adding_a_method.md", "python", f"methods/{name}.py")
        # Put beside the other methods as a reader would, but only while the test runs.
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(
            importlib.import_module("napari_selfdenoise.methods"),
            "__path__",
            [*methods.__path__, str(tmp_path)],
        )
        importlib.invalidate_caches()
        class_name = re.search(r"^class (\w+)\((?:Planewise|Learned)Method", code, re.M)[1]
        monkeypatch.setitem(METHODS, name, f"napari_selfdenoise.methods.{name}:{class_name}")
        monkeypatch.delitem(sys.modules, f"napari_selfdenoise.methods.{name}", raising=False)
        return methods.get(name)

    yield add
    for name in ("median", "hidden_pixels"):
        sys.modules.pop(f"napari_selfdenoise.methods.{name}", None)


def test_the_example_of_adding_a_method_works_and_so_does_its_test(add):
    method = add("median")
    assert method.name == "median"
    (line,) = [
        line.strip()
        for code in blocks("docs/adding_a_method.md", "python")
        for line in code.splitlines()
        if line.strip().startswith('"median":')
    ]
    assert line == f'"median": "{METHODS["median"]}",'
    (code,) = blocks("docs/adding_a_method.md", "python", "test_median.py")
    names = {}
    exec(compile(code, "test_median.py", "exec"), names)
    names["test_single_wrong_pixels_disappear"]()


def test_the_example_with_a_network_learns(add):
    from napari_selfdenoise.analysis.metrics import psnr
    from napari_selfdenoise.core.context import Context

    method = add("hidden_pixels")
    sample = make_sample("cells", shape=(64, 64))
    config = method.Config(steps=100, patch_size=32, batch_size=4, learning_rate=3e-3)
    result = finish(method.denoise(sample.noisy, config, Context()))
    clean = sample.clean.read()
    assert psnr(result["denoised"].read(), clean) > psnr(sample.noisy.read(), clean) + 3
    assert np.isfinite(result["residual"].read()).all()


def test_the_menu_entries_are_named_as_in_napari():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-selfdenoise")
    first, *others = (
        f"*Layers > Filter > {widget.display_name} ({manifest.display_name})*"
        for widget in manifest.contributions.widgets
    )
    for page in ("README.md", "docs/index.md", "docs/panel.md"):
        text = (TOP / page).read_text(encoding="utf-8")
        assert first in text
    assert all(other in text for other in others)
    assert f"*File > Open Sample > {manifest.display_name}*" in text
