"""Methods that learn from an image to which noise like its own is added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import SigmaConfig, setting
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.data.noise_model import NoiseModel, fit_noise_model
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import SAMPLED_PLANES
from napari_selfdenoise.engine.unet_method import OneImageConfig, OneImageMethod

if TYPE_CHECKING:
    from napari_selfdenoise.nn.recorruption import NoiseStrength


@dataclass(frozen=True, kw_only=True)
class AddedNoiseConfig(SigmaConfig, OneImageConfig):
    """Settings of methods that add noise to the image."""

    sigma: float = setting(
        0.0,
        low=0.0,
        high=1e6,
        step=0.01,
        help="Standard deviation of the noise in the image's intensities, equal everywhere; 0 "
        "measures it at every intensity.",
    )


A = TypeVar("A", bound=AddedNoiseConfig)


class AddedNoiseMethod(OneImageMethod[A]):
    """A method that knows how strong the noise is, and adds as much."""

    assumes_white_noise = True

    def set_strength(self, strength: NoiseStrength, patches: Patches, config: A) -> Run[None]:
        """Set how strong the noise of the normalised images is, and say so.

        As the settings give it, or measured on planes evenly spaced over all images.
        """
        import torch

        scale = np.asarray(patches.normalization.scale)
        models = [[NoiseModel(0.0, 0.0, config.sigma / each) for each in scale]]
        if config.sigma == 0:
            places = patches.places()
            spaced = places[:: -(-len(places) // SAMPLED_PLANES)]
            planes = [patches.normalised(*place) for place in spaced]
            # A constant plane holds no noise, and tells nothing.
            telling = [plane for plane in planes if np.ptp(plane) > 0] or planes
            models = [[_noise_model(colour) for colour in plane] for plane in telling]
            yield Note(_found(models, scale))
        each = np.array([[(m.gain, m.offset, m.read_noise**2) for m in row] for row in models])
        values = torch.tensor(each.mean(0), dtype=torch.float32)[..., None, None]
        for buffer, value in zip(strength.buffers(), values.unbind(1), strict=True):
            buffer.copy_(value)


def _noise_model(plane: NDArray[np.float32]) -> NoiseModel:
    """Measure the noise of one colour; equal everywhere if it is too small for more."""
    try:
        return fit_noise_model(plane)
    except ImageError:
        return NoiseModel(0.0, 0.0, estimate_sigma(plane))


def _found(models: list[list[NoiseModel]], scale: NDArray[Any]) -> str:
    gains = np.mean([[model.gain for model in row] for row in models], axis=0) * scale
    floors = np.mean([[model.read_noise**2 for model in row] for row in models], axis=0)
    told = [
        f"gain {gain:.3g} grey levels per photon, standard deviation {dark:.3g} in the dark"
        if gain > 0
        else f"standard deviation {dark:.3g} everywhere"
        for gain, dark in zip(gains, np.sqrt(floors) * scale, strict=True)
    ]
    return f"Noise is added as strong as it was measured: {'; '.join(told)}."
