"""Sub-images of an image: neighbouring pixels apart, so that their noise is independent."""

from __future__ import annotations

from torch import Tensor


def pair_downsample(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return two half-size images, each the mean of one diagonal of every 2x2 block.

    Source: Mansour and Heckel, Zero-Shot Noise2Noise, CVPR 2023, section 3.1: the fixed
    kernels [[0, 1/2], [1/2, 0]] and [[1/2, 0], [0, 1/2]] with stride 2.

    Parameters
    ----------
    images : Tensor
        (B, C, Y, X) with even Y and X.

    Returns
    -------
    anti, main : Tensor
        (B, C, Y/2, X/2). Noise that is independent between pixels is independent between
        the two.
    """
    anti = 0.5 * (images[..., 0::2, 1::2] + images[..., 1::2, 0::2])
    main = 0.5 * (images[..., 0::2, 0::2] + images[..., 1::2, 1::2])
    return anti, main
