"""The plane of a layer of samples that a viewer shows, and what is in view of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray

from napari_selfdenoise.gui.layer_image import array_of, position_in, visible_in

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SamplePlane:
    """One plane through all samples.

    Attributes
    ----------
    layer : napari layer
        The samples, along its first axis.
    position : tuple of int
        Where the viewer's sliders stand, along each axis of the layer.
    axes : (int, int)
        Axes of the layer that are displayed, downwards and to the right.
    window : (slice, slice)
        What is in view along these.
    point : tuple of float
        Where the viewer's sliders stand in the world.
    """

    layer: ImageLayer
    position: tuple[int, ...]
    axes: tuple[int, int]
    window: tuple[slice, slice]
    point: tuple[float, ...]

    @classmethod
    def of(cls, layer: ImageLayer, viewer: Viewer) -> Self | None:
        """Return the plane that is shown; ``None`` if samples are shown side by side."""
        first = viewer.dims.ndim - layer.ndim
        down, right = (axis - first for axis in viewer.dims.displayed[-2:])
        if min(down, right) < 1:
            return None
        position = position_in(layer, viewer.dims.point)[: layer.ndim]
        seen = visible_in(layer, (down, right))
        window = (slice(*seen[down]), slice(*seen[right]))
        return cls(layer, position, (down, right), window, tuple(viewer.dims.point))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        sides = array_of(self.layer).shape
        return sides[self.axes[0]], sides[self.axes[1]]

    @property
    def place(self) -> tuple[Any, ...]:
        """What tells planes and views apart, whichever sample is shown."""
        parts = [(part.start, part.stop) for part in self.window]
        return (self.position[1:], self.axes, *parts)

    def read(self, number: int) -> NDArray[Any]:
        """Return the plane of one sample: (rows, columns), or with colours behind."""
        index: list[Any] = [number, *self.position[1:]]
        for axis in self.axes:
            index[axis] = slice(None)
        values = np.asarray(array_of(self.layer)[tuple(index)])
        return values if self.axes[0] < self.axes[1] else values.swapaxes(0, 1)

    def samples(self) -> Iterator[NDArray[Any]]:
        """Yield the plane of every sample."""
        for number in range(len(array_of(self.layer))):
            yield self.read(number)


def between(source: Layer, target: Layer, point: Sequence[float]) -> Callable[[Points], Points]:
    """Return what takes pixels of one layer to those of another, (points, axes) each.

    `point` is where a layer of fewer axes than the viewer lies along the others.
    """

    def one(pixel: Points) -> Points:
        world = np.array(point, dtype=float)
        world[-source.ndim :] = source.data_to_world(pixel)
        return np.asarray(target.world_to_data(world), dtype=float)

    origin = one(np.zeros(source.ndim))
    matrix = np.stack([one(step) - origin for step in np.eye(source.ndim)])
    return lambda pixels: origin + np.asarray(pixels, dtype=float) @ matrix
