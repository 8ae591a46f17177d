"""NN+BM3D+T: a U-Net trained on one image by plug-and-play ADMM, with low-rank kernels.

A network turns the noisy image into one that a classical denoiser, the prior, would leave
as it is. In turn the network learns what the prior makes of its result, and the prior
denoises what the network has learned. Now and then the kernels of the network are replaced
by low-rank approximations, which is to keep it from learning this image by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event, Metrics
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.engine.plug_and_play_config import PlugAndPlayConfig
from napari_selfdenoise.engine.stages import Stage, Training

if TYPE_CHECKING:
    from torch import Tensor, nn

LEVELS = 5
PRIOR_NANOSECONDS = {"bm3d": 4000.0, "nl_means": 1000.0}
"""Cost of a prior per pixel, for the forecast."""


@dataclass(frozen=True, kw_only=True)
class TuckerPnPConfig(PlugAndPlayConfig):
    """Settings of NN+BM3D+T."""

    low_rank: bool = setting(
        False,
        help="Replace the kernels of the network by low-rank approximations now and then (the "
        "T of the name). Measured, it cost quality on this image and on others.",
    )
    low_rank_interval: int = setting(
        200,
        low=1,
        high=100_000,
        help="Steps between two low-rank approximations.",
        advanced=True,
    )
    all_orientations: bool = setting(
        True,
        help="Denoise in all eight orientations and average: better, and eight times as slow.",
        advanced=True,
    )
    width: int = setting(
        48, low=4, high=256, step=4, help="Channels of the network.", advanced=True
    )
    steps: int = with_default(TrainingConfig, "steps", 3200)
    batch_size: int = with_default(TrainingConfig, "batch_size", 4)
    patch_size: int = with_default(TrainingConfig, "patch_size", 64)
    weight_average: float = with_default(TrainingConfig, "weight_average", 0.99)
    augment: bool = with_default(TrainingConfig, "augment", True)
    # It trains on every pixel it denoises, and the prior keeps it from learning the noise.
    validation_fraction: float = with_default(TrainingConfig, "validation_fraction", 0.0)

    _published: ClassVar[Mapping[str, Any]] = {
        "learning_rate": 0.01,
        "schedule": "fifths",
        "weight_average": 0.0,
        "low_rank": True,
        "warm_up": 0.0,
        "updates": 99,
        "renoise": 0.0,
        "variety": 0.0,
        "dual": "ascent",
        "rho": 100.0,
        "all_orientations": False,
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 1000, "updates": 2},
        "paper": {**_published, "steps": 6000, "batch_size": 128, "patch_size": 32},
        "paper_micrograph": {
            **_published,
            "steps": 100_000,
            "batch_size": 4,
            "patch_size": 800,
        },
        "micrograph": {
            "steps": 200,
            "batch_size": 1,
            "patch_size": 800,
            "updates": 2,
            "all_orientations": False,
        },
    }


class TuckerPnP(LearnedMethod[TuckerPnPConfig]):
    """A U-Net trained on one noisy image, with a classical denoiser as its teacher.

    Assumes Gaussian noise that is independent between pixels and of the same strength
    everywhere, as the prior does; `engine.preparation` takes care of noise that is not.
    Fails where the prior fails: correlated noise is kept, and texture that the prior takes
    for noise is lost. The trained network denoises other images with the same noise.

    No code was published. Deviations of the default from algorithm 1 of the paper, each
    with a setting of its own (preset ``paper`` has none of them):

    - The auxiliary image M starts as what the prior makes of the noisy image Y, not as Y.
    - The dual variable A is kept at its value at the optimum (see `solvers.admm`).
    - Most patches are of M with fresh noise and varied contrast, and the network is
      to return M.
    - rho is twice the weight of the data, not 100, so that half of what the prior denoises
      is the noisy image itself.
    - Kernels are not made low-rank: in a training of minutes it cost 0.6 dB on the image
      and 0.1 to 0.2 dB on others.
    - The average of the weights predicts, in all eight orientations.
    - Fewer, larger patches with a learning rate that falls along a cosine.

    What the paper leaves open, here in every preset: the prior's strength is the noise that
    is measured in X + A (`data.noise_level`; where sigma is given, scaled so that it is
    right for Y); the weight of the data is 1 / (2 sigma^2), as
    in equation 5; the ranks are those of an empirical VBMF that estimates the noise of the
    weights, because the noise of the image has another scale.
    """

    title = "NN+BM3D+T"
    summary = "Trains a U-Net on one image, with BM3D as its teacher."
    assumes = (
        "Gaussian noise, independent between pixels and equally strong everywhere; keeps "
        "noise that is correlated, or stronger in bright parts."
    )
    assumes_even_noise = True
    assumes_white_noise = True
    extra_stride = 1
    psnr_gain = 8.15
    reference = (
        "Gao, Yang, Zhang, Self-supervised Denoising via Low-rank Tensor Approximated "
        "Convolutional Neural Network, arXiv:2209.12715 (2022)"
    )
    learns_from = "one image"
    Config = TuckerPnPConfig
    normalization = "standard"
    multiple = 2**LEVELS

    def network(self, config: TuckerPnPConfig, channels: int) -> nn.Module:
        """Return the U-Net, which predicts the clean image."""
        from napari_selfdenoise.nn.orientations import Orientations
        from napari_selfdenoise.nn.unet import UNet

        network = UNet(channels, config.width, LEVELS)
        return Orientations(network) if config.all_orientations else network

    def halo(self, config: TuckerPnPConfig) -> int:
        """Return the radius of the receptive field, up to a multiple of the coarsest pixel.

        So tiles begin where a coarsest pixel of the whole image does. The paper's padding of
        500 pixels adds nothing to it.
        """
        from napari_selfdenoise.nn.unet import radius

        coarsest: int = self.multiple
        return coarsest * ceil(radius(LEVELS) / coarsest)

    def work(self, config: TuckerPnPConfig) -> float:
        """Count the convolutions."""
        from napari_selfdenoise.nn.unet import multiplications

        return multiplications(1, config.width, LEVELS)

    def prediction_work(self, config: TuckerPnPConfig) -> float:
        """Count the orientations."""
        return self.work(config) * (8 if config.all_orientations else 1)

    def forecast(self, image: Image, config: TuckerPnPConfig) -> float:
        """Add the prior to the training; see `Method.forecast`."""
        planes = image.size("T") * image.size("Z")
        trained = min(config.planes or planes, planes) / planes
        pixels = trained * prod(image.shape)
        updates = config.updates + (config.warm_up > 0)
        prior = pixels * updates * PRIOR_NANOSECONDS[config.prior] * 1e-9
        return super().forecast(image, config) + prior

    def restore(self, network: nn.Module, tile: Tensor) -> Tensor:
        """Denoise a tile of any size."""
        from napari_selfdenoise.nn.unet import padded

        height, width = tile.shape[2:]
        denoised: Tensor = network(padded(tile, self.multiple))
        return denoised[..., :height, :width]

    def stages(self, training: Training, config: TuckerPnPConfig) -> Iterator[Stage | Event]:
        """Yield the training, between whose steps the prior and the low ranks have turns."""
        from napari_selfdenoise.engine.plug_and_play import PlugAndPlay

        plug_and_play = PlugAndPlay(training, config)
        yield from plug_and_play.start()
        updates, low_ranks = config.update_steps, _low_ranks(config)

        def between(step: int) -> Iterator[Event]:
            if step in low_ranks:
                yield _make_low_rank(training.network, step)
            if step in updates:
                yield from plug_and_play.update(step)

        yield Stage(
            "training", config.steps, plug_and_play.losses, config.learning_rate, between
        )


def _low_ranks(config: TuckerPnPConfig) -> range:
    """Return the steps after which the kernels are made low-rank."""
    if not config.low_rank:
        return range(0)
    every = config.low_rank_interval
    return range(every, config.steps + 1, every)


def _make_low_rank(network: nn.Module, step: int) -> Metrics:
    """Make the kernels low-rank and tell ranks and compression ratio (eq. 9) of each."""
    from napari_selfdenoise.solvers.tucker import make_low_rank

    values = {}
    kernels = make_low_rank(network)
    for name, kernel in kernels.items():
        layer = name.removeprefix("network.").replace(".", " ")
        values[f"compression/{layer}"] = kernel.compression_ratio
        values[f"output rank/{layer}"], values[f"input rank/{layer}"] = map(float, kernel.ranks)
    return Metrics(step, values)
