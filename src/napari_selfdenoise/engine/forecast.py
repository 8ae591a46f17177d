"""How long a run will take on this machine, learned from the runs before.

Methods forecast for an ordinary CPU core. The ratio of what a run took to its forecast is
kept per method in a small file and corrects the next forecast.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method

SHORTEST = 0.2
"""Runs shorter than this, in seconds, say nothing about the machine."""
MEMORY = 0.5
"""Weight of the newest run."""


def seconds(method: Method[Any], image: Image, config: Config) -> float:
    """Return the seconds that ``method.denoise(image, config)`` is expected to take here."""
    return method.forecast(image, config) * _read().get(method.name, 1.0)


def remember(method: Method[Any], image: Image, config: Config, took: float) -> None:
    """Learn from a finished run that `took` so many seconds."""
    forecast = method.forecast(image, config)
    if took < SHORTEST or forecast < SHORTEST:
        return
    ratios = _read()
    ratio = took / forecast
    ratios[method.name] = MEMORY * ratio + (1 - MEMORY) * ratios.get(method.name, ratio)
    path = _path()
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(ratios), encoding="utf-8")
        partial.replace(path)
    except OSError:
        return  # a forecast is a convenience: a read-only home must not fail a run


def _path() -> Path:
    return user_cache_path("napari-selfdenoise") / "seconds-per-forecast.json"


def _read() -> dict[str, float]:
    try:
        ratios = json.loads(_path().read_text(encoding="utf-8"))
        return {str(name): float(ratio) for name, ratio in ratios.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
