"""Intensities of layers along a line in view, and along a slider's axis through a point.

Where they lie is found in the viewer; they are read later, elsewhere. Of lazy layers only what
lies around the line, or at the point, is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.gui.layer_image import array_of, position_in

Array = NDArray[np.float64]
_MOST = 4096
"""Points of a profile: more cannot be told apart in a plot."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Intensities of one layer.

    Attributes
    ----------
    distances : ndarray (points,)
        In units of the world, from the beginning of the line, or along the axis.
    values : ndarray (points,)
        NaN outside the layer; the mean of red, green and blue where there are colours.
    """

    distances: Array
    values: Array


Reader = Callable[[], Profile]
"""Reads a profile; nothing of the viewer is needed for it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What one plot is to show.

    Attributes
    ----------
    along : str
        What the distance is, with its unit.
    readers : mapping of str to callable
        By the layers' names.
    marker : float or None
        Where the viewer's slider stands.
    """

    along: str
    readers: Mapping[str, Reader]
    marker: float | None = None


def reading(plans: Sequence[Plan]) -> Run[list[tuple[Plan, dict[str, Profile]]]]:
    """Read the profiles of some plots."""
    found, done, total = [], 0, sum(len(plan.readers) for plan in plans)
    for plan in plans:
        profiles = dict[str, Profile]()
        found.append((plan, profiles))
        for name, read in plan.readers.items():
            yield Progress(done, total, f"reading {name}")
            profiles[name] = read()
            done += 1
    return found


def along_line(
    layer: ImageLayer,
    viewer: Viewer,
    start: Array,
    stop: Array,
    step: float,
) -> Reader:
    """Return what reads the intensities of what a layer shows along a straight line.

    Linear interpolation between pixels, at full resolution.

    Parameters
    ----------
    layer : napari layer
        An image layer.
    viewer : napari.Viewer
        Whose sliders say which plane.
    start, stop : ndarray (2,)
        Ends of the line in the world, along the viewer's displayed axes.
    step : float
        Distance between two points in the world; more where they would be too many.
    """
    ends = np.tile(np.array(viewer.dims.point, dtype=float), (2, 1))
    ends[:, list(viewer.dims.displayed[-2:])] = start, stop
    length = float(np.linalg.norm(ends[1] - ends[0]))
    count = min(max(round(length / step), 1) + 1, _MOST)
    first, last = (np.asarray(layer.world_to_data(end), np.float64) for end in ends)
    places = np.linspace(first, last, count)
    still = position_in(layer, layer.data_to_world(first))[: layer.ndim]
    array, rgb = array_of(layer), layer.rgb
    distances = np.linspace(0, length, count)
    return lambda: Profile(distances, _sampled(array, rgb, places, np.array(still)))


def along_axis(layer: ImageLayer, viewer: Viewer, axis: int, point: Array) -> Reader:
    """Return what reads the intensities of a layer at a point along one of the sliders.

    Parameters
    ----------
    layer : napari layer
        An image layer; one that has no such axis gives a profile without points.
    viewer : napari.Viewer
        Whose other sliders say where.
    axis : int
        Axis of the viewer.
    point : ndarray (2,)
        In the world, along the viewer's displayed axes.
    """
    own = axis - (viewer.dims.ndim - layer.ndim)
    if own < 0:
        return lambda: Profile(np.zeros(0), np.zeros(0))
    world = np.array(viewer.dims.point, dtype=float)
    world[list(viewer.dims.displayed[-2:])] = point
    at = np.round(np.asarray(layer.world_to_data(world), float)).astype(int)
    array, rgb = array_of(layer), layer.rgb
    sides = np.array(array.shape[: layer.ndim])
    steps = np.arange(sides[own])
    distances = float(layer.translate[own]) + float(layer.scale[own]) * steps
    others = np.arange(layer.ndim) != own
    if ((at < 0) | (at >= sides))[others].any():
        return lambda: Profile(distances, np.full(len(steps), np.nan))
    place: list[Any] = list(map(int, at))
    place[own] = slice(None)
    return lambda: Profile(distances, _values(array, tuple(place), rgb))


def sliders(viewer: Viewer) -> list[tuple[int, str]]:
    """Return the axes along which the viewer has sliders to move, with their names."""
    shown = viewer.dims.displayed
    return [
        (axis, viewer.dims.axis_labels[axis])
        for axis, steps in enumerate(viewer.dims.nsteps)
        if axis not in shown and steps > 1
    ]


def pixel_of(layer: ImageLayer) -> float:
    """Return the side of a pixel in the world, the shorter one along the last two axes."""
    return float(min(abs(side) for side in layer.scale[-2:]))


def _sampled(array: Any, rgb: bool, pixels: Array, still: NDArray[np.int_]) -> Array:
    """Return the values at pixels (points, axes); what lies around them is read.

    Along axes on which the line does not move, the plane at `still` (axes,) is taken.
    """
    sides = np.array(array.shape[: pixels.shape[1]])
    moves = np.ptp(pixels, axis=0) > 0
    inside = ((pixels >= -0.5) & (pixels <= sides - 0.5)).all(axis=1)
    if not inside.any():
        return np.full(len(pixels), np.nan)
    pixels = np.clip(pixels, 0, sides - 1)
    first = np.floor(pixels.min(axis=0)).astype(int)
    last = np.ceil(pixels.max(axis=0)).astype(int) + 1
    part = tuple(
        slice(int(low), int(high)) if moving else int(at)
        for moving, low, high, at in zip(moves, first, last, still, strict=True)
    )
    values = _values(array, part, rgb)
    if values.ndim == 0:  # a line of no length
        return np.full(len(pixels), float(values))
    found = map_coordinates(values, (pixels - first)[:, moves].T, order=1, mode="nearest")
    return np.asarray(np.where(inside, found, np.nan), np.float64)


def _values(array: Any, part: tuple[Any, ...], rgb: bool) -> Array:
    values = np.asarray(array[part]).astype(np.float64)
    return values[..., :3].mean(axis=-1) if rgb else values
