"""A napari layer seen as an `Image`: its axes, its pixels as they lie, and parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_selfdenoise.core.axes import check_axes, guess_axes
from napari_selfdenoise.core.errors import AxesError, ImageError
from napari_selfdenoise.core.image import Image

Use = Literal["all", "stack", "plane", "region"]
"""What to use of a layer: all of it, this stack, this plane, or the visible region."""

SAMPLE = "sample"
"""Label of the axis of posterior samples (Q)."""

Region = tuple[slice, ...]
"""One slice with start and stop per axis."""


@dataclass(frozen=True)
class Axes:
    """The axes of a layer, and whether nothing but its number of axes told them."""

    letters: str
    guessed: bool


def read_axes(layer: Layer) -> Axes:
    """Return the axes that the layer's labels name, or likely ones.

    Labels count when they are letters out of Q, T, C, Z, Y, X in either case; the label
    "sample" of a first axis counts as Q, whatever the others are.

    Raises
    ------
    ImageError
        If the layer is no image, or has too few or too many axes.
    """
    check_layer(layer)
    shape = array_of(layer).shape
    labels = [str(label) for label in layer.axis_labels]
    sampled = len(labels) > 2 and labels[0].lower() == SAMPLE
    if sampled:
        labels[0] = "Q"
    letters = "".join(labels) + ("S" if layer.rgb else "")
    if len(letters) == len(shape):
        try:
            return Axes(check_axes(letters, shape), guessed=False)
        except AxesError:
            pass  # labels such as "-2", "-1", or words of the user's own
    rest = shape[1:] if sampled else shape
    guess = guess_axes(rest, rgb=layer.rgb)
    spatial = len(rest) - int(layer.rgb)
    return Axes("Q" + guess if sampled else guess, guessed=spatial > 2)


def check_layer(layer: Layer) -> None:
    """Raise `ImageError` unless `layer` is an image layer."""
    if not isinstance(layer, ImageLayer):
        kind = type(layer).__name__.lower()
        raise ImageError(f"{layer.name} is a {kind} layer; only image layers can be denoised.")


def array_of(layer: ImageLayer) -> Any:
    """Return the layer's pixels as they lie, at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def read_layer(layer: Layer, axes: str = "", region: Region | None = None) -> Image:
    """Return a part of a layer, or all of it, as an image; no pixel is read.

    Parameters
    ----------
    layer : napari layer
        An image layer; anything else raises `ImageError`.
    axes : str
        One letter per axis; empty for what `read_axes` finds.
    region : tuple of slice, optional
        One slice per axis.

    Raises
    ------
    ImageError, AxesError
        With a sentence saying why the layer cannot be used.
    """
    check_layer(layer)
    axes = axes or read_axes(layer).letters
    data = array_of(layer)
    samples = 1 if layer.rgb else 0
    return Image(
        data=data if region is None else part_of(data, region),
        axes=axes,
        scale=(*map(float, layer.scale), *(1.0,) * samples),
        units=(*map(str, layer.units), *("pixel",) * samples),
        name=layer.name,
    )


def part_of(data: Any, region: Region) -> Any:
    """Return a part of `data` without reading pixels of an array that lies on disk."""
    if all(
        part.start == 0 and part.stop == side
        for part, side in zip(region, data.shape, strict=True)
    ):
        return data
    lazy_slices = isinstance(data, np.ndarray) or hasattr(data, "dask") or hasattr(data, "isel")
    if not lazy_slices:
        import dask.array

        data = dask.array.from_array(data)  # type: ignore[no-untyped-call]
    return data[region]


def choose_region(
    use: Use,
    axes: str,
    shape: Sequence[int],
    position: Sequence[int],
    visible: Sequence[tuple[int, int]],
) -> Region:
    """Return the part of an array that `use` means.

    Parameters
    ----------
    use : {"all", "stack", "plane", "region"}
        A stack is all planes along Z, or along T if there is no Z, of one channel.
    axes : str
        One letter per axis.
    shape : sequence of int
        Length of each axis.
    position : sequence of int
        Where the viewer's sliders stand along each axis.
    visible : sequence of (int, int)
        Start and stop of what is in view along each axis.
    """
    whole = {
        "all": axes,
        "stack": "ZYXS" if "Z" in axes else "TYXS",
        "plane": "YXS",
        "region": "S",
    }[use]
    parts = []
    for axis, side, at, (start, stop) in zip(axes, shape, position, visible, strict=True):
        if axis in whole:
            parts.append(slice(0, side))
        elif axis in "YX":
            parts.append(slice(start, stop))
        else:
            parts.append(slice(at, at + 1))
    return tuple(parts)


def position_in(layer: ImageLayer, point: Sequence[float]) -> tuple[int, ...]:
    """Return the pixel of the layer's array at a point of the viewer, along each axis."""
    spatial = array_of(layer).shape[: layer.ndim]
    at = np.nan_to_num(layer.world_to_data(point))
    inside = np.clip(np.round(at), 0, np.subtract(spatial, 1)).astype(int)
    return (*map(int, inside), *(0,) * int(layer.rgb))


def visible_in(layer: ImageLayer, displayed: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return start and stop of what is in view along each axis of the layer's array.

    Axes that are not `displayed`, and all axes of a layer that was not drawn or is out of
    view, count as visible from end to end.
    """
    shape = array_of(layer).shape
    parts = [(0, side) for side in shape]
    if len(displayed) != 2:
        return tuple(parts)
    corners = np.asarray(layer.corner_pixels, dtype=float)
    if layer.multiscale:
        corners = corners * layer.downsample_factors[layer.data_level]
    for axis in displayed:
        start, stop = (int(corner) for corner in corners[:, axis])
        start, stop = max(start, 0), min(stop + 1, shape[axis])
        if stop - start > 1:
            parts[axis] = (start, stop)
    return tuple(parts)
