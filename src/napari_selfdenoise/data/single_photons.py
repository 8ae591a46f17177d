"""Whether single photons stand out of the read noise."""

from __future__ import annotations

from collections.abc import Sequence

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_direction import white_distance
from napari_selfdenoise.data.noise_model import fit_noise_model
from napari_selfdenoise.data.planes import sample_planes


def single_photons(images: Sequence[Image]) -> str:
    """Return how the noise of some channel is unlike a normal distribution, or nothing.

    Few photons are spread unevenly. Under read noise of a photon or more that hardly shows;
    under less, a network that takes noise for normal makes up for the difference with noise
    in its image.

    Raises
    ------
    ImageError
        If the noise cannot be measured: see `fit_noise_model`.
    """
    for stack in sample_planes(images):
        model = fit_noise_model(stack, white_distance(stack))
        if model.read_noise < model.gain:
            return (
                f"a photon is {model.gain:.3g} grey levels, more than the read noise of "
                f"{model.read_noise:.3g}, so that noise is unevenly spread where photons are "
                "few."
            )
    return ""
