"""What the panels have in common."""

from __future__ import annotations

from napari import Viewer
from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.gui.labels import scrolled_column
from napari_selfdenoise.gui.napari_preferences import follow_preferences

_SIZE = QSize(400, 800)
"""At this width no sentence is cut."""
_LEAST_WIDTH = 320


class Panel(QWidget):
    """A widget that napari docks, with its parts below each other.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # napari hands a contributed widget a proxy, whose layers are proxies too: each a new
        # object, which no list finds again and no `is` recognises.
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.setMinimumWidth(_LEAST_WIDTH)
        follow_preferences()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a width at which no sentence is cut."""
        return _SIZE

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Leave when napari takes the panel out of its dock."""
        moved = event is not None and event.type() == QEvent.Type.ParentChange
        if moved and self.parentWidget() is None:
            self._leave()
        super().changeEvent(event)

    def _show_below(self, *parts: QWidget) -> None:
        """Put the parts below each other, to be scrolled where the window is too low."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled_column(*parts))

    def _leave(self) -> None:
        """End what is on, and stop listening to the viewer."""
        raise NotImplementedError
