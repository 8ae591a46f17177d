import numpy as np
import pytest
import torch

from napari_selfdenoise.solvers.block_transforms import (
    BlockTransform,
    biorthogonal_wavelet,
    dct,
    haar,
)


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_haar_is_orthonormal_and_starts_with_the_mean(size):
    matrix = haar(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(matrix[0], size**-0.5)


def test_dct_is_orthonormal_and_starts_with_the_mean():
    matrix = dct(8)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(matrix[0], 8**-0.5)


def test_wavelet_has_unit_rows_and_sees_no_detail_in_a_constant():
    matrix = biorthogonal_wavelet(8)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1)
    np.testing.assert_allclose(matrix @ np.ones(8), [8**0.5, *[0] * 7], atol=1e-12)
    assert np.linalg.cond(matrix) < 2


@pytest.mark.parametrize("matrix", [dct(8), biorthogonal_wavelet(8)])
def test_blocks_put_back_give_the_image(matrix):
    image = torch.randn(19, 30, dtype=torch.float64)
    transform = BlockTransform(matrix, 2.0, image)
    blocks = transform.blocks(image)
    assert blocks.shape == (12 * 23, 64)
    weights = torch.rand(len(blocks), dtype=torch.float64) + 0.1
    total, weight = transform.put_back(blocks * weights[:, None], weights, columns=23)
    torch.testing.assert_close(total / weight, image)
