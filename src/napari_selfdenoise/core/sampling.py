"""How posterior samples are drawn, by methods that have a posterior."""

from __future__ import annotations

from dataclasses import dataclass

from napari_selfdenoise.core.config import Config, setting


@dataclass(frozen=True, kw_only=True)
class Sampling(Config):
    """How many posterior samples are drawn, and what is returned besides their mean."""

    samples: int = setting(
        100,
        low=0,
        high=100_000,
        step=10,
        help="Posterior samples to draw at most; the denoised image is their mean (MMSE). 0 "
        "takes the network for one pass, if the model has one.",
    )
    tolerance: float = setting(
        0.01,
        low=0.0,
        high=1.0,
        step=0.001,
        help="Sampling ends by itself when the variance of the mean is below this share of "
        "the noise's variance; 0 draws all samples.",
    )
    keep_samples: int = setting(
        10, low=0, high=10_000, help="Samples to return one by one, besides their mean."
    )
    mirrored: bool = setting(
        True,
        help="Draw the samples of the image as it is, mirrored along either axis, and along "
        "both, in turn, if training mirrored the patches, too: errors that depend on how "
        "the image lies average out.",
        title="Mirror in turn",
        advanced=True,
    )
    generated_noise: bool = setting(
        False,
        help="Also make a new noisy image of the same signal: if it looks like the noisy "
        "image, the noise was learned well.",
        advanced=True,
    )
    prior_images: int = setting(
        0,
        low=0,
        high=1000,
        help="Images to draw from the prior: what the method has learned that images look "
        "like.",
        advanced=True,
    )
