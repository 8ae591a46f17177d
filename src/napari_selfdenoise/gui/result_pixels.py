"""The pixels of a result's images, in the order of axes and the type that a layer shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui.lazy_pixels import pixels_or_lazy

NO_COLOURS = ("residual", "posterior_std", "exceedance")
"""Images that are differences, spreads and probabilities, and cannot be shown as colours."""


def pixels_of(
    kind: str, image: Image, noisy: Image, *, rgb: bool, dtype: DTypeLike
) -> tuple[NDArray[Any], str, bool]:
    """Return an image of a result as a layer holds it: lazy, if it is not in memory.

    Parameters
    ----------
    kind : str
        Its name in the result.
    image, noisy : Image
        The image, and the one that was denoised.
    rgb : bool
        Whether the noisy image's layer shows colours.
    dtype : numpy dtype
        Type of that layer's pixels; colours are shown in it.

    Returns
    -------
    pixels, leading, rgb
        The pixels, the letters of the axes in front of those of the noisy image, and
        whether they are colours.
    """
    data = _with_axes_of(noisy, image)
    leading = "".join(axis for axis in image.axes if axis not in noisy.axes)
    colours = rgb and "S" in image.axes
    if colours and kind in NO_COLOURS:
        return np.moveaxis(data, -1, 0), "S" + leading, False
    return (as_colours(data, dtype) if colours else data), leading, colours


def as_colours(data: Any, dtype: DTypeLike) -> NDArray[Any]:
    """Return colours in the type they came in: napari shows float colours from 0 to 1."""
    shown: NDArray[Any]
    if np.dtype(dtype).kind == "f":
        shown = data
        return shown
    if not isinstance(data, np.ndarray):
        shown = data.map_blocks(as_colours, dtype, dtype=dtype)
        return shown
    info = np.iinfo(np.dtype(dtype))
    whole = np.clip(np.rint(np.nan_to_num(data)), info.min, info.max)
    shown = whole.astype(dtype)
    return shown


def _with_axes_of(noisy: Image, image: Image) -> NDArray[Any]:
    """Return the pixels of a result's image, repeated along axes that only the input has.

    What is drawn from a prior belongs to no time, depth or channel: it is there at each.
    """
    pixels: NDArray[Any] = pixels_or_lazy(image.data)
    if image.axes == noisy.axes:
        return pixels
    leading = [axis for axis in image.axes if axis not in noisy.axes]
    axes = [*leading, *(axis for axis in noisy.axes if axis in image.axes or axis != "S")]
    order = [image.axes.index(axis) for axis in axes if axis in image.axes]
    places = tuple(slice(None) if axis in image.axes else np.newaxis for axis in axes)
    own = [axis in "YX" or image.size(axis) > 1 for axis in axes]
    sizes = [
        (image if mine else noisy).size(axis) for axis, mine in zip(axes, own, strict=True)
    ]
    return np.broadcast_to(pixels.transpose(order)[places], sizes)
