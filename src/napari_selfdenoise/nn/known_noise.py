"""The clean image under noise that is known: the networks of HDN in one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import Encoding, LadderVAE
from napari_selfdenoise.nn.noise_mixture import NoiseMixture
from napari_selfdenoise.nn.posterior_network import PosteriorNetwork
from napari_selfdenoise.nn.signal_decoder import SmoothSignalDecoder


class SignalUnderKnownNoise(PosteriorNetwork):
    """An encoder of the clean image and its decoder, under a model of the noise.

    Source: Prakash, Delbracio, Milanfar, Jug, Interpretable Unsupervised Diversity Denoising
    and Artefact Removal, ICLR 2022. A variational autoencoder whose decoder makes the clean
    image; that of the noisy one given the clean one is the model of the noise, which was
    measured before and is not trained.

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
    components, coefficients : int
        Of the model of the noise; see `NoiseMixture`.
    ignored : int
        Finest levels that learn nothing of the image; see `LadderVAE`.
    direct : bool
        Whether there is a network that restores an image in one pass.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        halves: Sequence[bool],
        patch: Sequence[int],
        *,
        components: int = 1,
        coefficients: int = 2,
        ignored: int = 0,
        direct: bool = False,
    ) -> None:
        super().__init__()
        dimensions = len(patch)
        self.encoder = LadderVAE(channels, features, halves, patch, ignored=ignored)
        self.noise = NoiseMixture(channels, components, coefficients)
        self.signal = SmoothSignalDecoder(channels, features, dimensions)
        self.direct = LadderUNet(channels, features, halves, dimensions) if direct else None

    def evidence(self, image: Tensor, draws: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return what training needs.

        Returns
        -------
        divergences : Tensor
            (B, levels), see `LadderVAE.forward`.
        signal : Tensor
            The clean image of one sample, like `image`.
        """
        code, divergences = self.encoder(image, draws)
        return divergences, self.signal(code)

    def sample_code(self, encoding: Encoding, draws: Sequence[Tensor]) -> Tensor:
        """Return clean images: of them alone depends the noise."""
        return self.sample(encoding, draws)
