"""Drawn shapes and labels as regions of the plane of samples that is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_selfdenoise.analysis.posterior_regions import Regions
from napari_selfdenoise.gui.layer_image import array_of
from napari_selfdenoise.gui.sample_plane import Points, SamplePlane, between

_WITHOUT_INSIDE = ("line", "path")
_OUTLINE = np.linspace(0, 2 * np.pi, 72, endpoint=False)
"""Angles of the corners that stand for an ellipse."""
_SAME = 1e-6


def has_regions(layer: Layer) -> bool:
    """Whether a layer can hold regions."""
    return isinstance(layer, (Labels, Shapes))


def regions_of(layer: Layer, plane: SamplePlane) -> Regions:
    """Return the regions of a Labels or Shapes layer in a plane of samples.

    Those of other planes are left out. Of layers that have an axis of samples themselves, as
    napari makes new ones, regions of every sample count.
    """
    return _labels(layer, plane) if isinstance(layer, Labels) else _shapes(layer, plane)


def _labels(layer: Labels, plane: SamplePlane) -> Regions:
    """Look up the label at the centre of each pixel."""
    corners = np.tile(np.array(plane.position, dtype=float), (3, 1))
    corners[:, plane.axes] = [(0, 0), (1, 0), (0, 1)]
    origin, down, right = between(plane.layer, layer, plane.point)(corners)
    steps = np.stack([down - origin, right - origin])
    moving = [axis for axis in range(layer.ndim) if np.abs(steps[:, axis]).max() > _SAME]
    read = _read_fixed(layer, origin, moving, layer.ndim - plane.layer.ndim)
    labels = np.zeros(plane.shape, np.int64)
    if read is not None:
        rows, columns = np.indices(plane.shape, sparse=True)
        places, inside = [], np.ones(plane.shape, bool)
        for axis, side in zip(moving, read.shape, strict=True):
            at = origin[axis] + rows * steps[0, axis] + columns * steps[1, axis]
            place = np.rint(at).astype(np.intp) + np.zeros(plane.shape, np.intp)
            inside &= (place >= 0) & (place < side)
            places.append(place)
        labels[inside] = read[tuple(place[inside] for place in places)]
    return Regions.of_labels(labels)


def _read_fixed(
    layer: Labels, origin: Points, moving: list[int], of_samples: int
) -> NDArray[Any] | None:
    """Read the part of the labels that a plane goes through; None if it goes past them."""
    index: list[Any] = []
    kept = []
    for axis, side in enumerate(array_of(layer).shape):
        at = int(np.rint(origin[axis]))
        whole = axis in moving or axis == of_samples
        if whole:
            kept.append(axis)
        elif not 0 <= at < side:
            return None
        index.append(slice(None) if whole else at)
    read = np.asarray(array_of(layer)[tuple(index)])
    return read.max(axis=kept.index(of_samples)) if of_samples in kept else read


def _shapes(layer: Shapes, plane: SamplePlane) -> Regions:
    to_samples = between(layer, plane.layer, plane.point)
    others = [axis for axis in range(1, plane.layer.ndim) if axis not in plane.axes]
    polygons, names = [], []
    for number, (corners, kind) in enumerate(
        zip(layer.data, layer.shape_type, strict=True), start=1
    ):
        if kind in _WITHOUT_INSIDE:
            continue
        pixels = to_samples(_outline(np.asarray(corners, dtype=float), kind))
        away = np.abs(pixels - plane.position)[:, others]
        if away.size and away.max() > 0.5 + _SAME:
            continue
        polygons.append(pixels[:, plane.axes])
        names.append(str(number))
    return Regions.of_polygons(polygons, names, plane.shape)


def _outline(corners: Points, kind: str) -> Points:
    """Return the corners of a shape; of an ellipse, those of a polygon like it."""
    if kind != "ellipse":
        return corners
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    around = np.cos(_OUTLINE)[:, None] * first + np.sin(_OUTLINE)[:, None] * second
    outline: Points = corners.mean(axis=0) + around
    return outline
