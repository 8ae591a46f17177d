"""Scores of a noisy and a denoised image against a clean one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_selfdenoise.analysis import metrics
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image


@dataclass(frozen=True)
class Scores:
    """PSNR in decibels and SSIM, before and after; ``None`` where there is no number."""

    psnr_noisy: float | None
    psnr: float | None
    ssim_noisy: float | None
    ssim: float | None

    def __str__(self) -> str:
        return (
            f"PSNR {_number(self.psnr_noisy, 2)} -> {_number(self.psnr, 2)} dB, "
            f"SSIM {_number(self.ssim_noisy, 3)} -> {_number(self.ssim, 3)}"
        )


def check_reference(reference: Image, noisy: Image) -> None:
    """Refuse a clean image of another shape before anything runs.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if reference.shape != noisy.shape:
        raise ImageError(
            f"The reference {reference.name} is {reference.describe()}, but {noisy.name} is "
            f"{noisy.describe()}; they must show the same pixels."
        )


def score(noisy: Image, denoised: Image, reference: Image) -> Scores:
    """Compare with a clean image.

    An 8-bit reference has the data range 255, and what is compared with it is clipped to
    that range, as in publications; the range of any other is its own.
    """
    return Scores(
        psnr_noisy=_compare(metrics.psnr, noisy, reference),
        psnr=_compare(metrics.psnr, denoised, reference),
        ssim_noisy=_compare(metrics.ssim, noisy, reference),
        ssim=_compare(metrics.ssim, denoised, reference),
    )


@dataclass(frozen=True)
class Likeness:
    """How like a clean image another is; ``None`` where there is no number.

    Attributes
    ----------
    psnr, range_invariant_psnr : float or None
        In decibels; the latter after the best scale and offset.
    ssim : float or None
        Up to 1.
    """

    psnr: float | None
    ssim: float | None
    range_invariant_psnr: float | None


def likeness(image: Image, reference: Image) -> Likeness:
    """Compare one image with a clean one, as `score` does.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    check_reference(reference, image)
    return Likeness(
        psnr=_compare(metrics.psnr, image, reference),
        ssim=_compare(metrics.ssim, image, reference),
        range_invariant_psnr=_compare(metrics.range_invariant_psnr, image, reference),
    )


def _compare(metric: Callable[..., float], image: Image, reference: Image) -> float | None:
    clean, pixels = reference.read(), image.read()
    byte = clean.dtype == np.uint8
    if byte:
        pixels = np.clip(pixels, 0, 255)
    try:
        value = metric(pixels, clean, data_range=255.0 if byte else None, axes=image.axes)
    except ImageError:
        return None  # a stopped run leaves planes of NaN; tiny planes have no SSIM
    return value if math.isfinite(value) else None


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
