"""Transforms of small square blocks, for `solvers.bm3d`.

A transform is applied to every block of an image at once; its inverse puts weighted blocks
back into the image, once per place however many groups have used the block there.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]

# Biorthogonal 1.5: the long analysis filter that goes with Haar's short synthesis.
_LOW_PASS = np.array([3, -3, -22, 22, 128, 128, 22, -22, -3, 3]) * np.sqrt(2) / 256
_HIGH_PASS = np.array([1, -1]) / np.sqrt(2)


def dct(size: int) -> Array:
    """Return the orthonormal DCT-II as a matrix, lowest frequency first."""
    frequency, place = np.indices((size, size))
    matrix: Array = np.cos(np.pi * (place + 0.5) * frequency / size) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return matrix


def biorthogonal_wavelet(size: int) -> Array:
    """Return the full periodic bior1.5 decomposition as a matrix, coarsest scale first.

    The rows have unit norm, so that white noise has the same strength in each coefficient.
    """
    matrix: Array = np.eye(size)
    length = size
    while length > 1:
        step = np.zeros((size, size))
        step[length:, length:] = np.eye(size - length)
        for row in range(length // 2):
            for tap, weight in enumerate(_LOW_PASS):
                step[row, (2 * row + tap - 4) % length] += weight
            for tap, weight in enumerate(_HIGH_PASS):
                step[length // 2 + row, 2 * row + tap] += weight
        matrix = step @ matrix
        length //= 2
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix


def haar(size: int) -> Array:
    """Return the full orthonormal Haar transform as a matrix; its first row is the mean."""
    if size == 1:
        return np.ones((1, 1))
    half = size // 2
    coarse = np.kron(haar(half), [[1, 1]])
    fine = np.kron(np.eye(half), [[1, -1]])
    matrix: Array = np.vstack([coarse, fine]) / np.sqrt(2)
    return matrix


class BlockTransform:
    """A separable transform of all blocks of an image, and the way back.

    Parameters
    ----------
    matrix : ndarray (block, block)
        Transform of one axis.
    beta : float
        Of the Kaiser window that weighs the pixels of a block when blocks are put back.
    like : Tensor
        Gives device and dtype.
    """

    def __init__(self, matrix: Array, beta: float, like: Tensor) -> None:
        kaiser = np.kaiser(len(matrix), beta)
        window = np.outer(kaiser, kaiser)
        inverse = np.linalg.inv(matrix)
        backward = window.reshape(-1, 1) * np.kron(inverse, inverse)
        self._size = len(matrix)
        self._forward = torch.as_tensor(np.kron(matrix, matrix).T).to(like)
        self._backward = torch.as_tensor(backward).to(like)
        self._window = torch.as_tensor(window).to(like)[None, None]

    def blocks(self, image: Tensor) -> Tensor:
        """Return the coefficients of every block, (rows * columns of blocks, block ** 2)."""
        size = self._size
        every = image.unfold(0, size, 1).unfold(1, size, 1).reshape(-1, size**2)
        return every @ self._forward

    def put_back(
        self, coefficients: Tensor, weights: Tensor, columns: int
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of overlapping blocks and the sum of their weights.

        Parameters
        ----------
        coefficients : Tensor (rows * columns, block ** 2)
            Already weighted.
        weights : Tensor (rows * columns,)
        columns : int
            Columns of blocks.
        """
        size = self._size
        shape = (len(weights) // columns + size - 1, columns + size - 1)
        total = F.fold((self._backward @ coefficients.T)[None], shape, size)[0, 0]
        spread = weights.view(1, 1, -1, columns)
        return total, F.conv_transpose2d(spread, self._window)[0, 0]
