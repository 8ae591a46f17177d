"""Noise2Noise: learn to predict one noisy capture of a scene from another.

The noise of the second capture cannot be predicted from the first, so the best prediction
is what both have in common: the clean image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.beside import stacked_axis
from napari_selfdenoise.engine.unet_method import UNetConfig, UNetMethod

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn


ORDER = "TZ"
"""Frames are nearer to captures of one scene than planes at different depths are."""


@dataclass(frozen=True, kw_only=True)
class Noise2NoiseConfig(UNetConfig):
    """Settings of Noise2Noise."""


class Noise2Noise(UNetMethod[Noise2NoiseConfig]):
    """Noise2Noise on two captures of the same scene, or on neighbours in a stack.

    Assumes that the captures show the same scene and that their noise is independent and of
    zero mean; each is learned from the other. Without second captures the frames of a
    time-lapse (or the planes of a z-stack) are taken in pairs: what moves between them is
    blurred. Noise that repeats, as fixed patterns of a camera do, is kept.
    """

    title = "Noise2Noise"
    summary = "Learns to predict one noisy capture of a scene from another."
    assumes = (
        "Two captures of each scene, or a stack that changes slowly, and noise of zero mean "
        "that is independent between the captures."
    )
    handles_correlation = "any"
    reference = (
        "Lehtinen et al., Noise2Noise: Learning Image Restoration without Clean Data, ICML 2018"
    )
    learns_noise_as_it_is = True
    learns_from = "many images"
    target = "a second capture"
    Config = Noise2NoiseConfig

    def pairs(
        self, images: Sequence[Image], targets: Sequence[Image]
    ) -> Run[tuple[Sequence[Image], Sequence[Image]]]:
        """Return every capture with the other one of its scene; see `LearnedMethod.pairs`."""
        if targets:
            first, second = yield from super().pairs(images, targets)
            return [*first, *second], [*second, *first]
        for image in images:
            if stacked_axis(image, ORDER) is None:
                raise UsageError(
                    f"{image.name} is one capture only ({image.describe()}): Noise2Noise "
                    "learns from two captures of the same scene. Give the second one as the "
                    "target, or both as one stack."
                )
        axes = " and ".join(sorted({f"{stacked_axis(image, ORDER)}" for image in images}))
        yield Note(
            f"No second captures were given: neighbours along {axes} are taken for captures of "
            "the same scene."
        )
        return images, [image.like(_Exchanged(image), image.name) for image in images]

    def losses(
        self, network: nn.Module, batch: Tensor, config: Noise2NoiseConfig
    ) -> Mapping[str, Tensor]:
        """Return the squared distance from the other capture."""
        from torch.nn.functional import mse_loss

        first, second = batch.chunk(2, 1)
        return {"distance": mse_loss(network(first), second)}


class _Exchanged:
    """An image's data with neighbours along T (or Z) exchanged: 1, 0, 3, 2, ...

    The last one of an odd number is paired with the one before.
    """

    def __init__(self, image: Image) -> None:
        self._image, self.shape, self.dtype = image, image.shape, image.dtype
        self._axis = image.axes.index(stacked_axis(image, ORDER) or "")

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        places = list(key)
        at = int(places[self._axis])
        partner = at + 1 if at % 2 == 0 else at - 1
        places[self._axis] = partner if partner < self.shape[self._axis] else at - 1
        return self._image.read(tuple(places))
