import numpy as np
import pytest
import torch
from tensorly.decomposition import partial_tucker
from torch import nn

from napari_selfdenoise.solvers.tucker import channel_ranks, decompose, factorised


def random_kernel(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def low_rank_kernel(outputs=24, inputs=32, ranks=(3, 5), side=3):
    core = random_kernel(*ranks, side, side, seed=1)
    output_factor = random_kernel(outputs, ranks[0], seed=2)
    input_factor = random_kernel(inputs, ranks[1], seed=3)
    return torch.einsum("oa,abyx,ib->oiyx", output_factor, core, input_factor)


@pytest.mark.parametrize("ranks", [(4, 6), (1, 1), (12, 16), (12, 2)])
def test_is_tensorlys_partial_tucker(ranks):
    kernel = random_kernel(12, 16, 3, 3)
    (core, factors), _ = partial_tucker(kernel.double().numpy(), rank=list(ranks), modes=[0, 1])
    expected = np.einsum("abyx,oa,ib->oiyx", core, *factors)
    found = decompose(kernel, ranks)
    assert found.ranks == ranks
    torch.testing.assert_close(found.dense(), torch.as_tensor(expected).float())


def test_recovers_a_low_rank_kernel_under_noise():
    clean = low_rank_kernel()
    noisy = clean + 0.3 * random_kernel(*clean.shape, seed=4)
    assert channel_ranks(noisy) == (3, 5)
    recovered = decompose(noisy)
    assert recovered.ranks == (3, 5)
    assert (recovered.dense() - clean).norm() < 0.4 * (noisy - clean).norm()


def test_a_known_noise_variance_is_used():
    noisy = low_rank_kernel() + 0.3 * random_kernel(24, 32, 3, 3, seed=4)
    assert channel_ranks(noisy, 0.09) == (3, 5)
    assert channel_ranks(noisy, 1e6) == (1, 1)


def test_full_ranks_change_nothing_and_twice_is_once():
    kernel = random_kernel(6, 9, 3, 3)
    torch.testing.assert_close(decompose(kernel, (6, 9)).dense(), kernel)
    once = decompose(kernel, (2, 3)).dense()
    torch.testing.assert_close(decompose(once, (2, 3)).dense(), once)


def test_factors_are_orthonormal():
    found = decompose(random_kernel(12, 16, 3, 3), (4, 6))
    for factor, rank in zip((found.output_factor, found.input_factor), (4, 6), strict=True):
        torch.testing.assert_close(factor.T @ factor, torch.eye(rank))


def test_counts_the_numbers_it_saves():
    found = decompose(random_kernel(12, 16, 3, 3), (4, 6))
    assert found.compression_ratio == 9 * 12 * 16 / (9 * 4 * 6 + 12 * 4 + 16 * 6)


def test_pure_noise_and_nothing_keep_rank_one():
    assert channel_ranks(random_kernel(32, 32, 3, 3)) == (1, 1)
    nothing = decompose(torch.zeros(4, 5, 3, 3))
    assert nothing.ranks == (1, 1)
    assert not nothing.dense().any()


@pytest.mark.parametrize("ranks", [(0, 2), (7, 2), (2, 10)])
def test_impossible_ranks_are_refused(ranks):
    with pytest.raises(ValueError, match="rank"):
        decompose(random_kernel(6, 9, 3, 3), ranks)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"padding": 1, "stride": 2, "bias": False},
        {"padding": 2, "dilation": 2, "padding_mode": "reflect"},
    ],
)
def test_three_convolutions_do_what_one_does(options):
    torch.manual_seed(0)
    convolution = nn.Conv2d(8, 6, 3, **options)
    kernel = decompose(convolution.weight, (3, 4))
    three = factorised(convolution, kernel)
    with torch.no_grad():
        convolution.weight.copy_(kernel.dense())
        images = torch.randn(2, 8, 17, 20)
        torch.testing.assert_close(three(images), convolution(images))
    assert sum(p.numel() for p in three.parameters()) < convolution.weight.numel()


def test_groups_are_refused():
    convolution = nn.Conv2d(4, 4, 3, groups=2)
    with pytest.raises(ValueError, match="groups"):
        factorised(convolution, decompose(convolution.weight, (1, 1)))
