"""Partial Tucker decomposition of convolution kernels, on their channels.

A kernel (output channels, input channels, side, side) is written as a small core with one
factor for the output channels and one for the input channels; the pixels of the kernel are
left alone. De Lathauwer, De Moor and Vandewalle, "On the Best Rank-1 and Rank-(R1, ..., RN)
Approximation of Higher-Order Tensors" (2000), by `tensorly`; as layers of a network: Kim et
al., "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile
Applications" (2016).
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import tensorly
import torch
from tensorly.decomposition import partial_tucker
from torch import Tensor, nn

from napari_selfdenoise.solvers.vbmf import empirical_vbmf


@dataclass(frozen=True, eq=False)
class LowRankKernel:
    """A convolution kernel as core and factors.

    Attributes
    ----------
    core : Tensor (output rank, input rank, side, side)
    output_factor : Tensor (output channels, output rank)
        With orthonormal columns.
    input_factor : Tensor (input channels, input rank)
        With orthonormal columns.
    """

    core: Tensor
    output_factor: Tensor
    input_factor: Tensor

    @property
    def ranks(self) -> tuple[int, int]:
        """Ranks of the output and of the input channels."""
        return self.core.shape[0], self.core.shape[1]

    @property
    def compression_ratio(self) -> float:
        """Numbers of the dense kernel for each number of core and factors."""
        channels = len(self.output_factor) * len(self.input_factor)
        dense = channels * math.prod(self.core.shape[2:])
        stored = self.core.numel() + self.output_factor.numel() + self.input_factor.numel()
        return dense / stored

    def dense(self) -> Tensor:
        """Return the kernel that core and factors stand for."""
        return torch.einsum(
            "oa,ab...,ib->oi...", self.output_factor, self.core, self.input_factor
        )


def channel_ranks(kernel: Tensor, noise_variance: float | None = None) -> tuple[int, int]:
    """Return the ranks of the output and of the input channels that stand out of the noise.

    By variational Bayes on the two unfoldings of the kernel; at least 1, because a layer of
    rank 0 would be dead.

    Parameters
    ----------
    kernel : Tensor (output channels, input channels, side, side)
    noise_variance : float, optional
        Variance of the noise of one weight; estimated from each unfolding if omitted.
    """
    weights = kernel.detach().cpu().double().numpy()
    unfoldings = (
        np.moveaxis(weights, mode, 0).reshape(weights.shape[mode], -1) for mode in (0, 1)
    )
    output, input_ = (max(1, empirical_vbmf(each, noise_variance).rank) for each in unfoldings)
    return output, input_


def decompose(kernel: Tensor, ranks: tuple[int, int] | None = None) -> LowRankKernel:
    """Return the best low-rank approximation of a kernel that alternating least squares finds.

    Parameters
    ----------
    kernel : Tensor (output channels, input channels, side, side)
        It is not changed; core and factors have its device and dtype.
    ranks : tuple of int, optional
        Of the output and of the input channels; by `channel_ranks` if omitted.
    """
    ranks = ranks or channel_ranks(kernel)
    for rank, channels in zip(ranks, kernel.shape, strict=False):
        if not 1 <= rank <= channels:
            raise ValueError(f"rank {rank} of {channels} channels; it must be 1 to {channels}")
    if not kernel.any():  # tensorly divides by the norm
        output_factor, input_factor = (
            torch.eye(channels, rank).to(kernel)
            for channels, rank in zip(kernel.shape, ranks, strict=False)
        )
        return LowRankKernel(
            kernel[: ranks[0], : ranks[1]].detach().clone(), output_factor, input_factor
        )
    weights = kernel.detach().cpu().double().numpy()
    with tensorly.backend_context("numpy", local_threadsafe=True):
        (core, factors), _ = partial_tucker(
            weights, rank=list(ranks), modes=[0, 1], random_state=0
        )
    return LowRankKernel(*(torch.as_tensor(each).to(kernel) for each in (core, *factors)))


@torch.no_grad()
def make_low_rank(network: nn.Module) -> dict[str, LowRankKernel]:
    """Replace every kernel but the first by its low-rank approximation, in place.

    Gao, Yang and Zhang (2022), algorithm 1: the architecture stays, the numbers change.

    Returns
    -------
    dict
        The decomposition of each convolution, by its name in the network.
    """
    convolutions = [
        (name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d)
    ]
    kernels = {}
    for name, convolution in convolutions[1:]:
        kernels[name] = decompose(convolution.weight)
        convolution.weight.copy_(kernels[name].dense())
    return kernels


def factorised(convolution: nn.Conv2d, kernel: LowRankKernel) -> nn.Sequential:
    """Return three convolutions that do what `convolution` does with a low-rank kernel.

    A 1x1 convolution to the input rank, one with the core, and a 1x1 convolution to the
    output channels: far fewer products where the ranks are small.

    Parameters
    ----------
    convolution : Conv2d
        Gives stride, padding, dilation and bias; without groups.
    kernel : LowRankKernel
        Decomposition of its weight.
    """
    if convolution.groups != 1:
        raise ValueError(f"a convolution of {convolution.groups} groups cannot be factorised")
    output_rank, input_rank = kernel.ranks
    reduce = nn.Conv2d(convolution.in_channels, input_rank, 1, bias=False)
    middle = copy.deepcopy(convolution)  # with its stride, padding and dilation
    middle.in_channels, middle.out_channels = input_rank, output_rank
    expand = nn.Conv2d(output_rank, convolution.out_channels, 1)
    reduce.weight = nn.Parameter(kernel.input_factor.T[:, :, None, None].clone())
    middle.weight = nn.Parameter(kernel.core.clone())
    expand.weight = nn.Parameter(kernel.output_factor[:, :, None, None].clone())
    expand.bias, middle.bias = middle.bias, None
    return nn.Sequential(reduce, middle, expand)
