"""Zero-Shot Noise2Noise: learn one half of the image from the other.

The image is split into two half-size images whose noise is independent, and a network so
small that it can learn little else than to denoise learns to predict one from the other.
"""

from __future__ import annotations

from napari_selfdenoise.engine.zero_shot import ZeroShotConfig, ZeroShotMethod


class ZSN2N(ZeroShotMethod[ZeroShotConfig]):
    """Zero-shot denoising with two half-size images and a network of three layers.

    Assumes zero-mean noise that is independent between pixels, and structures wider than
    a pixel: neighbouring clean pixels must be alike. Fails where noise is correlated
    between neighbours (it is kept) and blurs structures of a single pixel.

    Deviations: random crops instead of the whole image (the network sees 5x5 pixels, so
    nothing is lost; `preset=paper` has the whole one), and no clipping of the output, which
    would shift the mean of dark images.
    """

    title = "Zero-Shot Noise2Noise"
    summary = "Trains a small network to predict one half of a noisy image from the other."
    assumes = (
        "Noise of zero mean, independent between pixels; keeps noise that is correlated "
        "between neighbours."
    )
    assumes_even_noise = True
    assumes_white_noise = True
    extra_stride = 1
    psnr_gain = 6.6
    reference = (
        "Mansour, Heckel, Zero-Shot Noise2Noise: Efficient Image Denoising without any Data, "
        "CVPR 2023, arXiv:2303.11253"
    )
    learns_from = "one image"
    Config = ZeroShotConfig
