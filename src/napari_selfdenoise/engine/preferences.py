"""What a user prefers on this machine, whatever the image and the method."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.core.errors import ConfigError, FileError

VARIABLE = "NAPARI_SELFDENOISE_SETTINGS"
"""Environment variable that names another settings file."""


@dataclass(frozen=True, kw_only=True)
class Preferences(Config):
    """Read from a settings file; in napari, those of its preferences dialog come on top."""

    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto",
        help="Where to compute when a run does not say; auto takes a graphics card if there "
        "is one.",
    )
    threads: int = setting(
        0, low=0, high=1024, help="Threads for computing; 0 takes as many as there are cores."
    )
    memory_limit: float = setting(
        0.0,
        low=0.0,
        high=100_000.0,
        step=0.1,
        title="Memory limit (GB)",
        help="Memory that a run may take, in GB; 0 for what the machine has free.",
    )
    models_folder: str = setting(
        "", help="Folder of your models; empty for the usual place of your system."
    )


_on_top: dict[str, Any] = {}


def preferences() -> Preferences:
    """Return what is preferred now.

    Raises
    ------
    FileError, ConfigError
        If the settings file cannot be read, or a value in it is not usable.
    """
    return Preferences.from_json(_read(settings_file()) | _on_top)


def prefer(values: Mapping[str, Any]) -> None:
    """Put values on top of those of the settings file, for this process.

    Raises
    ------
    ConfigError
        If a name or a value is not usable; nothing is changed then.
    """
    Preferences.from_json(values)
    _on_top.clear()
    _on_top.update(values)


def settings_file() -> Path:
    """Return the settings file, which need not exist."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else user_config_path("napari-selfdenoise") / "settings.toml"


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"The settings file {path} cannot be read: {error}.") from error
    try:
        Preferences.from_json(values)
    except ConfigError as error:
        raise ConfigError(f"In the settings file {path}: {error}") from error
    return values
