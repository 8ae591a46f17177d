"""The entry of napari's menu that takes back what the plugin added last."""

from __future__ import annotations

from napari import Viewer
from napari.utils.notifications import show_info

from napari_selfdenoise.gui import own_layers


def take_back(viewer: Viewer) -> None:
    """Remove the layers of the last action, and say which."""
    show_info(own_layers.take_back(getattr(viewer, "__wrapped__", viewer)))
