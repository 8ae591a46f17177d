"""Scores against a clean reference.

None of them says whether a structure is real: a smooth image that lost its finest
details can score higher than one that kept them with some noise. Look at the images too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_selfdenoise.core.axes import check_axes
from napari_selfdenoise.core.errors import ImageError

Plane = NDArray[np.float64]

_SSIM_WINDOW = 7
"""Side of the window within which SSIM compares, in pixels."""


def psnr(
    image: ArrayLike, reference: ArrayLike, *, data_range: float | None = None, axes: str = ""
) -> float:
    """Peak signal-to-noise ratio in decibels; higher is nearer to the reference.

    ``10 log10(data_range² / MSE)``, where MSE is the mean squared difference of a plane;
    a stack gets the mean of its planes' values.

    It misleads when the two images differ in brightness or offset (a shift counts as
    error: use `range_invariant_psnr`), when a few very bright pixels set the data range,
    and when the reference is noisy itself: then its noise limits the score.

    Parameters
    ----------
    image : array_like (..., Y, X)
        The image to score.
    reference : array_like (..., Y, X)
        The clean image, of the same shape.
    data_range : float, optional
        The "peak": maximum minus minimum of the whole reference if omitted. For 8-bit
        images one passes 255, so that values compare with published ones.
    axes : str
        For example ``"TYXS"``; Y and X are taken to be last if omitted.

    Returns
    -------
    float
        Infinite if the images are equal.

    Raises
    ------
    ImageError
        If the shapes differ, a pixel is not finite, or the data range is not positive.
    """
    pairs = _Pairs(image, reference, data_range, axes)
    return float(np.mean([_psnr(ours, clean, pairs.span) for ours, clean in pairs]))


def ssim(
    image: ArrayLike, reference: ArrayLike, *, data_range: float | None = None, axes: str = ""
) -> float:
    """Structural similarity, 1 for equal images; it compares local contrast and pattern.

    The mean over a sliding 7 x 7 window of

    ``(2 m_x m_y + c1)(2 s_xy + c2) / ((m_x² + m_y² + c1)(s_x² + s_y² + c2))``

    with the window's means m, variances s² and covariance s_xy, ``c1 = (0.01 R)²``,
    ``c2 = (0.03 R)²`` and the data range R (Wang et al. 2004, as in scikit-image); a
    stack gets the mean of its planes' values.

    It misleads on images that are mostly dark background: the score is then decided by
    how flat the background is, and the constants, thus the data range, weigh heavily.

    Parameters
    ----------
    image : array_like (..., Y, X)
        The image to score; planes of at least 7 x 7 pixels.
    reference : array_like (..., Y, X)
        The clean image, of the same shape.
    data_range : float, optional
        As in `psnr`.
    axes : str
        As in `psnr`.

    Raises
    ------
    ImageError
        As in `psnr`, and if the planes are smaller than the window.
    """
    from skimage.metrics import structural_similarity

    pairs = _Pairs(image, reference, data_range, axes)
    if min(pairs.plane) < _SSIM_WINDOW:
        raise ImageError(
            f"SSIM compares windows of {_SSIM_WINDOW} x {_SSIM_WINDOW} pixels; planes of "
            f"{_times(pairs.plane)} are too small for it."
        )
    scores = [
        structural_similarity(ours, clean, data_range=pairs.span, win_size=_SSIM_WINDOW)
        for ours, clean in pairs
    ]
    return float(np.mean(scores))


def range_invariant_psnr(
    image: ArrayLike, reference: ArrayLike, *, data_range: float | None = None, axes: str = ""
) -> float:
    """PSNR after the best scale and offset, plane by plane, as in CARE's evaluation.

    ``a image + b`` with the a and b of least squared error takes the place of the image
    (Weigert et al. 2018). For methods that return intensities on another scale.

    It misleads by forgiving: an image whose contrast or brightness is wrong scores as if
    they were right, and a plane without any relation to the reference scores as its mean.

    Parameters
    ----------
    image : array_like (..., Y, X)
        The image to score.
    reference : array_like (..., Y, X)
        The clean image, of the same shape.
    data_range : float, optional
        As in `psnr`.
    axes : str
        As in `psnr`.

    Raises
    ------
    ImageError
        As in `psnr`.
    """
    pairs = _Pairs(image, reference, data_range, axes)
    scores = [_psnr(_fitted(ours, clean), clean, pairs.span) for ours, clean in pairs]
    return float(np.mean(scores))


def _psnr(image: Plane, reference: Plane, span: float) -> float:
    error = float(np.mean((image - reference) ** 2))
    return 10 * float(np.log10(span**2 / error)) if error else float("inf")


def _fitted(image: Plane, reference: Plane) -> Plane:
    """Return ``a image + b`` that is nearest to `reference`."""
    centred: Plane = image - image.mean()
    power = float(np.mean(centred**2))
    factor = float(np.mean(centred * (reference - reference.mean()))) / power if power else 0.0
    fitted: Plane = factor * centred + reference.mean()
    return fitted


class _Pairs:
    """Planes of an image and its reference, one pair at a time, so that stacks stay small."""

    def __init__(
        self, image: ArrayLike, reference: ArrayLike, data_range: float | None, axes: str
    ) -> None:
        ours, clean = np.asarray(image), np.asarray(reference)
        if ours.shape != clean.shape:
            raise ImageError(
                f"The image is {_times(ours.shape)} and the reference {_times(clean.shape)}; "
                "they must show the same pixels. Crop or transpose one of them."
            )
        if ours.ndim < 2 or not ours.size:
            raise ImageError(f"A plane (Y, X) or stack is needed, not the shape {ours.shape}.")
        if axes:
            letters = check_axes(axes, ours.shape)
            last = [letters.index("Y"), letters.index("X")]
            ours, clean = (np.moveaxis(array, last, (-2, -1)) for array in (ours, clean))
        self._stacks = {"image": ours, "reference": clean}
        self.plane = ours.shape[-2:]
        self.span = _span(clean, data_range)

    def __iter__(self) -> Iterator[tuple[Plane, Plane]]:
        for at in np.ndindex(self._stacks["image"].shape[:-2]):
            yield self._plane("image", at), self._plane("reference", at)

    def _plane(self, name: str, at: tuple[int, ...]) -> Plane:
        plane: Plane = self._stacks[name][at].astype(float)
        wrong = plane.size - np.count_nonzero(np.isfinite(plane))
        if wrong:
            raise ImageError(f"The {name} has {wrong} pixels that are NaN or infinite.")
        return plane


def _span(reference: NDArray[Any], data_range: float | None) -> float:
    low, high = float(reference.min()), float(reference.max())
    span = high - low if data_range is None else float(data_range)
    if span <= 0:
        raise ImageError(
            "The reference is constant, so it gives no data range; pass one, for example 255."
            if data_range is None
            else f"The data range is {span:g}; it must be positive."
        )
    return span


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
