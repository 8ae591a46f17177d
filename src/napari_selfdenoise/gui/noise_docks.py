"""From the denoise panel to the noise check and back, by their entries in napari's menu."""

from __future__ import annotations

from typing import Any

from napari import Viewer

_PLUGIN = "napari-selfdenoise"


def raised(viewer: Viewer, title: str) -> Any:
    """Bring the panel of a menu entry to the front, opened if it is not; returns it."""
    dock, panel = viewer.window.add_plugin_dock_widget(_PLUGIN, title, tabify=True)
    dock.show()
    dock.raise_()
    return panel
