"""Parts of a viewer that napari 0.9 moved."""

from __future__ import annotations

from typing import Any

from napari import Viewer


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera."""
    return getattr(viewer, "scene", viewer).camera


def grid_of(viewer: Viewer) -> Any:
    """Return the viewer's grid."""
    return getattr(viewer, "canvas", viewer).grid
