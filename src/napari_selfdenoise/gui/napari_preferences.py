"""The plugin's page in napari's preferences dialog, which napari has from 0.9 on.

The page is made from ``configurations`` in the manifest. What differs there from the defaults
comes on top of the settings file that counts without a window, too.
"""

from __future__ import annotations

from typing import Any

from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.engine.preferences import Preferences, prefer

_PLUGIN, _PAGE = "napari-selfdenoise", "computing"


def follow_preferences() -> None:
    """Take over what napari's preferences say, now and whenever they change."""
    page = _page()
    if page is None:
        return
    _take_over()
    for each in Preferences.settings():
        changed = getattr(page.events, each.name)
        changed.disconnect(_take_over)
        changed.connect(_take_over)


def _page() -> Any:
    """Return the values of the page; ``None`` if napari has none."""
    try:
        from napari.settings import get_plugin_settings

        return getattr(get_plugin_settings(_PLUGIN), _PAGE)
    except (ImportError, KeyError, AttributeError):  # before 0.9, or the plugin is disabled
        return None


def _take_over(*_: Any) -> None:
    page = _page()
    values = {each.name: getattr(page, each.name) for each in Preferences.settings()}
    defaults = Preferences().to_json()
    try:
        prefer({name: each for name, each in values.items() if each != defaults[name]})
    except SelfDenoiseError as error:
        from napari.utils.notifications import show_warning

        show_warning(str(error))
