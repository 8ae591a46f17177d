"""Signal and noise of an image, told apart: the networks of COSDD in one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_selfdenoise.nn import posterior_network
from napari_selfdenoise.nn.autoregressive import DILATIONS, AutoregressiveDecoder, Direction
from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import Encoding, LadderVAE
from napari_selfdenoise.nn.linear_noise import LinearNoise
from napari_selfdenoise.nn.posterior_network import PosteriorNetwork
from napari_selfdenoise.nn.signal_decoder import SignalDecoder, SmoothSignalDecoder


class SignalAndNoise(PosteriorNetwork):
    """An encoder of the clean image, a model of the noise, and a decoder of the signal.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated
    Imaging Noise, WACV 2025. The encoder is a variational autoencoder whose decoder, for the
    noisy image, sees back along one axis alone: it can follow noise along that axis, but what
    has two dimensions must come through the code. A second decoder makes the clean image of
    the code.

    Images are (B, channels, [Z,] Y, X), normalised.

    Parameters
    ----------
    channels : int
        Channels of the image.
    features : int
        Channels of the code and of every level of the encoder.
    halves : sequence of bool
        Whether a level halves the resolution; see `nn.ladder.halving_levels`.
    patch : sequence of int
        ([Z,] Y, X) of the training patches.
    direction : {"x", "y", "z", "none"}
        Along which axis the noise is correlated.
    linear : tuple of int, optional
        Components and coefficients of a `LinearNoise`, which is made before, in place of the
        paper's `AutoregressiveDecoder`, which is learned. Structures that the clean image
        lacks cannot pass for noise then, and so come through the code.
    components, filters, blocks : int
        Of the model of the noise that is learned: normal distributions per mixture, channels
        and number of blocks.
    direct : bool
        Whether there is a network that restores an image in one pass.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        halves: Sequence[bool],
        patch: Sequence[int],
        direction: Direction,
        *,
        linear: tuple[int, int] | None = None,
        components: int = 3,
        filters: int = 64,
        blocks: int = len(DILATIONS),
        direct: bool = False,
    ) -> None:
        super().__init__()
        dimensions = len(patch)
        self.linear = linear is not None
        self.encoder = LadderVAE(channels, features, halves, patch)
        self.noise = (
            LinearNoise(channels, direction, *linear)
            if linear
            else AutoregressiveDecoder(
                channels,
                features,
                direction,
                components=components,
                filters=filters,
                dilations=DILATIONS[:blocks],
                dimensions=dimensions,
            )
        )
        decoder = SmoothSignalDecoder if linear else SignalDecoder
        self.signal = decoder(channels, features, dimensions)
        self.direct = LadderUNet(channels, features, halves, dimensions) if direct else None

    def evidence(self, image: Tensor, draws: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what training needs: how well one sample explains the noisy image.

        Returns
        -------
        divergences : Tensor
            (B, levels), see `LadderVAE.forward`.
        likelihoods : Tensor
            Log-density of every value of the noisy image, in nats; like `image`.
        signal : Tensor
            The clean image of the sample, like `image`. Learned noise has seen its code, and
            its gradient stays in its decoder, so that only the likelihood of the noisy image
            shapes the code. Linear noise has seen the image itself.
        """
        code, divergences = self.encoder(image, draws)
        if self.linear:
            signal = self.signal(code)
            return divergences, self.noise.log_likelihood(image, signal), signal
        likelihoods = self.noise.log_likelihood(image, code)
        return divergences, likelihoods, self.signal(code.detach())

    def sample_code(self, encoding: Encoding, draws: Sequence[Tensor]) -> Tensor:
        """Return what the model of the noise sees: codes, or clean images if it is linear."""
        if self.linear:
            return self.sample(encoding, draws)
        return super().sample_code(encoding, draws)


def multiplications(
    features: int, halves: Sequence[bool], *, linear: bool, filters: int, blocks: int
) -> float:
    """Count those of `SignalAndNoise.evidence` per pixel, for one channel in two dimensions."""
    noise = 0 if linear else blocks * (4.5 * filters**2 + features * filters)
    return posterior_network.multiplications(features, halves) + noise
