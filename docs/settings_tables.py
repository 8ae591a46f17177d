"""MkDocs hook: puts tables into pages, so that none is typed by hand.

``<!-- settings: NAME -->`` becomes the table of a method's settings, made from its Config.
``<!-- measured: PATTERN -->`` becomes a section *Measured* with the files of
``docs/tables`` that match, which ``make bench`` writes; nothing if there is none.
"""

from __future__ import annotations

import re
from pathlib import Path

from napari_selfdenoise.core.config import Setting
from napari_selfdenoise.methods import get

TABLES = Path(__file__).parent / "tables"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the markers of a page; called by MkDocs."""
    markdown = re.sub(r"<!-- settings: (\w+) -->", lambda m: settings_table(m[1]), markdown)
    return re.sub(r"<!-- measured: (\S+) -->", lambda m: measured(m[1]), markdown)


def settings_table(method: str) -> str:
    """Return the settings of a method as a Markdown table, the folded ones last."""
    declared = sorted(get(method).Config.settings(), key=lambda each: each.advanced)
    rows = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    rows += [_row(each) for each in declared]
    table = "\n".join(rows)
    if any(each.advanced for each in declared):
        table += "\n\nSettings marked with * are folded away in the panel at first."
    return table + _presets(method)


def measured(pattern: str) -> str:
    """Return the section of measured tables, or nothing."""
    parts = [path.read_text(encoding="utf-8") for path in sorted(TABLES.glob(pattern))]
    return "\n\n".join(["## Measured", *parts]) if parts else ""


def _row(each: Setting) -> str:
    star = " *" if each.advanced else ""
    default = f"{each.default:g}" if isinstance(each.default, float) else f"{each.default}"
    # A pipe would end the cell.
    meaning = each.description.replace("|", "\\|")
    return f"| `{each.name}`{star} | `{default}` | {each.allowed} | {meaning} |"


def _presets(method: str) -> str:
    lines = [
        f"- `{name}`: " + ", ".join(f"`{key}={value}`" for key, value in values.items())
        for name, values in get(method).Config.presets.items()
    ]
    return (
        "\n\nPresets, each a set of values to start from:\n\n" + "\n".join(lines)
        if lines
        else ""
    )
