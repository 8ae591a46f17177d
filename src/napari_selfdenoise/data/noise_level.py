"""The strength of white Gaussian noise, from one image.

Chen, Zhu and Heng, "An Efficient Statistical Method for Image Noise Level Estimation",
ICCV 2015: small patches of a natural image lie near a low-dimensional subspace, so most
eigenvalues of their covariance hold noise alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import ImageError

_BAND_ROWS = 64
"""Rows of patches handled at once, which bounds the memory on large images."""


def estimate_sigma(image: NDArray[Any], *, patch_size: int = 7, stride: int = 3) -> float:
    """Estimate the standard deviation of the noise in a 2-D image.

    Assumes additive noise that is Gaussian, of equal strength everywhere and independent
    between pixels. Noise that is correlated between pixels, and an image of fine texture
    alone, mislead it.

    Parameters
    ----------
    image : ndarray (Y, X)
        Finite values of any real type.
    patch_size : int
        Side of the square patches, in pixels; less is used in an image that holds too few.
    stride : int
        Distance of neighbouring patches, in pixels.

    Returns
    -------
    float
        Standard deviation in the units of the image. An image too small to tell noise
        from signal (less than about 5 x 5 pixels) gets its own standard deviation.

    Raises
    ------
    ImageError
        If the image has not two axes.
    """
    if image.ndim != 2:
        raise ImageError(f"A noise level is of one 2-D plane, but the shape is {image.shape}.")
    plane = np.asarray(image, dtype=np.float64)
    plane = plane - plane.mean()  # keeps the covariance exact on a large background
    size, stride = _fitting_patches(plane.shape, patch_size, stride)
    if size < 2:
        return float(plane.std())
    return float(np.sqrt(_noise_variance(_patch_eigenvalues(plane, size, stride))))


def _fitting_patches(shape: tuple[int, ...], size: int, stride: int) -> tuple[int, int]:
    """Return the patch side and stride nearest to those asked that give enough patches.

    The covariance of n numbers from fewer than a few times n patches has eigenvalues that
    are far too small.
    """

    def count(size: int, stride: int) -> int:
        rows, columns = (max(0, (side - size) // stride + 1) for side in shape)
        return rows * columns

    if count(size, stride) >= 8 * size**2:
        return size, stride
    while size > 1 and count(size, 1) < 4 * size**2:
        size -= 1
    return size, 1


def _patch_eigenvalues(plane: NDArray[Any], size: int, stride: int) -> NDArray[Any]:
    """Return the eigenvalues of the covariance of all patches, largest first."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (size, size))[::stride, ::stride]
    total = np.zeros(size**2)
    products = np.zeros((size**2, size**2))
    count = windows.shape[0] * windows.shape[1]
    for start in range(0, windows.shape[0], _BAND_ROWS):
        patches = windows[start : start + _BAND_ROWS].reshape(-1, size**2)
        total += patches.sum(axis=0)
        products += patches.T @ patches
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    return np.clip(np.linalg.eigvalsh(covariance)[::-1], 0, None)


def _noise_variance(eigenvalues: NDArray[Any]) -> float:
    """Return the mean of the eigenvalues that hold noise alone.

    Those of the signal are dropped from the top until the mean of the rest is also their
    median, as it is for noise (algorithm 1 of the paper). A single one is its own median,
    so the loop always finds it.
    """
    for first in range(len(eigenvalues)):
        rest = eigenvalues[first:]
        mean = rest.mean()
        if np.sum(rest < mean) <= np.sum(rest >= mean):
            break
    return float(mean)
