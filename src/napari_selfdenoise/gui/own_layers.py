"""Layers that come in by an action of ours: the selection stays, and they can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from napari import Viewer
from napari.layers import Layer

_Action = tuple[str, list[ReferenceType[Layer]]]
_ACTIONS: WeakKeyDictionary[Viewer, list[_Action]] = WeakKeyDictionary()

_ADDING: WeakSet[Viewer] = WeakSet()


@contextmanager
def added(viewer: Viewer, title: str = "") -> Iterator[None]:
    """Keep the user's selection while layers are added.

    Within another, layers belong to the outer one.

    Parameters
    ----------
    viewer : napari.Viewer
        To which they are added.
    title : str
        What they are, for `take_back`; empty for layers that come and go by themselves.
    """
    if viewer in _ADDING:
        yield
        return
    _ADDING.add(viewer)
    layers = viewer.layers
    before, selected, active = list(layers), set(layers.selection), layers.selection.active
    try:
        yield
    finally:
        _ADDING.discard(viewer)
        layers.selection = selected
        layers.selection.active = active
        new = [ref(layer) for layer in layers if layer not in before]
        if title and new:
            _ACTIONS.setdefault(viewer, []).append((title, new))


def take_back(viewer: Viewer) -> str:
    """Remove the layers that were added last, all of one action; older actions come next.

    Layers of the user's own and those of other plugins stay.

    Returns
    -------
    str
        A sentence for the user.
    """
    actions = _ACTIONS.get(viewer, [])
    while actions:
        title, layers = actions.pop()
        there = [layer for each in layers if (layer := each()) in viewer.layers]
        for layer in there:
            viewer.layers.remove(layer)
        if there:
            return f"Taken back: {title} ({_counted(len(there))})."
    return "There is nothing to take back: no layer of this plugin is left."


def _counted(count: int) -> str:
    return f"{count} layer{'s' * (count != 1)}"
