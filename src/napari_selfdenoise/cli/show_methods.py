"""The methods in words."""

from __future__ import annotations

import textwrap
from typing import Any

from napari_selfdenoise.cli.running import DONE, print_json
from napari_selfdenoise.core.config import Setting
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.methods import METHODS, get

_WIDTH = 96


def show(name: str, *, as_json: bool) -> int:
    """Print all methods, or all about the one called `name`."""
    if as_json:
        print_json(_json(get(name)) if name else {each: _json(get(each)) for each in METHODS})
    elif name:
        print(_page(get(name)))
    else:
        print("\n\n".join(_entry(get(each)) for each in METHODS))
        print("\nnapari-selfdenoise methods NAME tells a method's settings.")
    return DONE


def _entry(method: Method[Any]) -> str:
    lines = [f"{method.name:<12}{method.title}"]
    for text in (method.summary, f"Assumes: {method.assumes}"):
        lines.append(
            textwrap.fill(text, _WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12)
        )
    return "\n".join(lines)


def _page(method: Method[Any]) -> str:
    parts = [_entry(method)]
    parts.append(textwrap.fill(f"Reference: {method.reference}", _WIDTH))
    settings = method.Config.settings()
    for title, folded in (("Settings", False), ("More settings", True)):
        chosen = [each for each in settings if each.advanced is folded]
        if chosen:
            parts.append(f"{title} (--set NAME=VALUE)\n" + "\n".join(map(_setting, chosen)))
    if method.Config.presets:
        rows = [
            f"  {preset:<12}" + ", ".join(f"{name}={value}" for name, value in values.items())
            for preset, values in method.Config.presets.items()
        ]
        parts.append("Presets (--preset NAME)\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _setting(each: Setting) -> str:
    default = str(each.default).lower() if each.type is bool else str(each.default)
    head = f"  {each.name} = {default}  ({each.allowed})"
    indent = " " * 6
    text = textwrap.fill(
        each.description, _WIDTH, initial_indent=indent, subsequent_indent=indent
    )
    return f"{head}\n{text}"


def _json(method: Method[Any]) -> dict[str, Any]:
    return {
        "name": method.name,
        "title": method.title,
        "summary": method.summary,
        "assumes": method.assumes,
        "reference": method.reference,
        "learns_from": method.learns_from,
        "presets": {name: dict(values) for name, values in method.Config.presets.items()},
        "settings": [
            {
                "name": each.name,
                "default": each.default,
                "description": each.description,
                "allowed": each.allowed,
                "minimum": each.minimum,
                "maximum": each.maximum,
                "choices": list(each.choices),
                "advanced": each.advanced,
            }
            for each in method.Config.settings()
        ],
    }
