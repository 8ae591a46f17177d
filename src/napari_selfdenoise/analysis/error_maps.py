"""Where in the image a result differs from a clean reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.core.axes import check_axes
from napari_selfdenoise.core.errors import ImageError, UsageError

WIDTH = 4.0
"""Standard deviation of the Gaussian window, in pixels."""


def error_map(
    image: ArrayLike, reference: ArrayLike, *, width: float = WIDTH, axes: str = ""
) -> NDArray[np.float32]:
    """Return the root of the local mean squared error, in the intensities of the image.

    A picture of what PSNR averages over: whether the error sits in the structures (lost
    detail) or in the background (noise that was left).

    It misleads as PSNR does: a shift of brightness is an error everywhere, and the noise of
    the reference is one, too. Bright places have more noise, and with it larger errors, in
    any result.

    Parameters
    ----------
    image : array_like (..., Y, X)
        The image to score.
    reference : array_like (..., Y, X)
        The clean image, of the same shape.
    width : float
        Standard deviation of the Gaussian window, in pixels; 0 for each pixel on its own.
    axes : str
        For example ``"TYXS"``; Y and X are taken to be last if omitted.

    Returns
    -------
    ndarray
        Of the shape of the image, from 0.

    Raises
    ------
    ImageError
        If the shapes differ, or a pixel is not finite.
    UsageError
        If the width is negative.
    """
    return np.sqrt(_local_error(image, reference, width, axes)).astype(np.float32)


def local_psnr(
    image: ArrayLike,
    reference: ArrayLike,
    *,
    data_range: float | None = None,
    width: float = WIDTH,
    axes: str = "",
) -> NDArray[np.float32]:
    """Return the PSNR of the surroundings of each pixel, in decibels.

    ``10 log10(data_range² / local MSE)`` with one data range for the whole image, so that
    the map compares places with each other. Misleads as `error_map` does.

    Parameters
    ----------
    image, reference, width, axes
        As in `error_map`.
    data_range : float, optional
        Maximum minus minimum of the whole reference if omitted.

    Returns
    -------
    ndarray
        Infinite where the two are equal.

    Raises
    ------
    ImageError
        As in `error_map`, and if the data range is not positive.
    """
    errors = _local_error(image, reference, width, axes)
    span = float(np.ptp(np.asarray(reference))) if data_range is None else float(data_range)
    if span <= 0:
        raise ImageError(
            f"The data range is {span:g}; it must be positive. Pass one, for example 255."
        )
    with np.errstate(divide="ignore"):
        return (10 * np.log10(span**2 / errors)).astype(np.float32)


def _local_error(
    image: ArrayLike, reference: ArrayLike, width: float, axes: str
) -> NDArray[np.float64]:
    ours, clean = np.asarray(image), np.asarray(reference)
    if ours.shape != clean.shape:
        raise ImageError(
            f"The image has the shape {ours.shape} and the reference {clean.shape}; they must "
            "show the same pixels. Crop or transpose one of them."
        )
    if width < 0:
        raise UsageError(
            f"The width of the window is {width:g} pixels; it must not be negative."
        )
    if ours.ndim < 2:
        raise ImageError(f"A plane (Y, X) or stack is needed, not the shape {ours.shape}.")
    plane = {ours.ndim - 2, ours.ndim - 1}
    if axes:
        letters = check_axes(axes, ours.shape)
        plane = {letters.index("Y"), letters.index("X")}
    squares: NDArray[Any] = (ours.astype(np.float64) - clean.astype(np.float64)) ** 2
    if not np.isfinite(squares).all():
        wrong = squares.size - int(np.isfinite(squares).sum())
        raise ImageError(f"The images have {wrong} pixels that are NaN or infinite.")
    widths = [width if axis in plane else 0.0 for axis in range(ours.ndim)]
    # Filtering may leave what is less than rounding below 0.
    local: NDArray[np.float64] = gaussian_filter(squares, widths) if width else squares
    return np.maximum(local, 0)
