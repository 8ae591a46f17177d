"""How OME-TIFF files of an image are laid out: order of axes, sizes, metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.units import meters, ome_symbol

NAMESPACE = "napari-selfdenoise/provenance"
"""Of the OME annotation that holds the provenance as JSON."""

_BIG = 2**32 - 2**25
"""Bytes from which a TIFF needs 64-bit offsets, with room for the metadata."""


@dataclass(frozen=True)
class TiffLayout:
    """How an image lies in an OME-TIFF file.

    Attributes
    ----------
    axes : str
        Of the image, in OME's order.
    shape : tuple of int
        Length of each of these axes.
    options : dict
        For `tifffile.TiffWriter.write`.
    """

    axes: str
    shape: tuple[int, ...]
    options: dict[str, Any]


def tiff_layout(image: Image, dtype: np.dtype[Any], provenance: str = "") -> TiffLayout:
    """Return the layout of a file of `image` with pixels of `dtype`.

    Parameters
    ----------
    image : Image
        Its pixels are not read.
    dtype : dtype
        One that OME knows.
    provenance : str
        Text of an annotation; none if empty.
    """
    axes = ome_order(image.axes)
    shape = tuple(image.size(axis) for axis in axes)
    metadata: dict[str, Any] = {"axes": axes, "Name": image.name, **_sizes(image)}
    if "Q" in axes:
        metadata["TypeDescription"] = {"Q": "posterior sample"}
    if provenance:
        metadata["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": provenance}
    colour = image.size("S") in (3, 4)
    options = {
        "shape": shape,
        "dtype": dtype,
        "metadata": metadata,
        # Said always: tifffile takes a width of 3 for colour otherwise.
        "photometric": "rgb" if colour else "minisblack",
        "planarconfig": "contig" if "S" in axes else None,
        **_resolution(image),
    }
    return TiffLayout(axes, shape, options)


def is_big(layout: TiffLayout) -> bool:
    """Whether the file needs 64-bit offsets."""
    pixels = int(np.prod(layout.shape, dtype=np.int64))
    return int(pixels * np.dtype(layout.options["dtype"]).itemsize) > _BIG


def ome_order(axes: str) -> str:
    """Return the axes of an image in the order they have in a file."""
    colour = "S" if "S" in axes else ""
    outer = "".join(axis for axis in axes if axis not in "QYXS")
    if "Q" in axes:
        # OME has five axes; any other is told as a part ("modulo") of T, Z or C: of one that
        # is free, or of the one before it. C is not free where it holds colours.
        free = not set("TZ" if colour else "TZC") <= set(outer)
        outer = "Q" + outer if free else outer[0] + "Q" + outer[1:]
    return outer + "YX" + colour


def _sizes(image: Image) -> dict[str, Any]:
    """Return scale and units in OME's words; axes of no known size are left out."""
    found: dict[str, Any] = {}
    for axis, size, unit in zip(image.axes, image.scale, image.units, strict=True):
        symbol = ome_symbol(unit, axis)
        if symbol is None or (size, unit) == (1.0, "pixel"):
            continue
        name = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
        found[name], found[f"{name}Unit"] = size, symbol
    return found


def _resolution(image: Image) -> dict[str, Any]:
    """Return the pixel size for readers that do not know OME."""
    per_centimeter = []
    for axis in "XY":
        place = image.axes.index(axis)
        metre = meters(image.units[place])
        if metre is None or image.scale[place] <= 0:
            return {}
        per_centimeter.append(0.01 / (metre * image.scale[place]))
    return {"resolution": tuple(per_centimeter), "resolutionunit": "CENTIMETER"}
