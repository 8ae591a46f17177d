"""What a method must provide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Generic, Literal, TypeVar

from napari_selfdenoise.core.config import Config, SigmaConfig
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Result

C = TypeVar("C", bound=Config)


class Method(ABC, Generic[C]):
    """A way to denoise an image.

    The class attributes tell a user what it is before anything runs; a method's module
    imports neither torch nor anything else that is slow.
    """

    title: ClassVar[str]
    """Name as shown to users."""
    summary: ClassVar[str]
    """What it does, in one sentence."""
    assumes: ClassVar[str]
    """What it assumes of the noise, and with that when it fails."""
    assumes_even_noise: ClassVar[bool] = False
    """Whether it assumes noise of the same strength at every intensity."""
    assumes_white_noise: ClassVar[bool] = False
    """Whether it assumes noise that is independent between neighbouring pixels."""
    extra_stride: ClassVar[int] = 0
    """How much farther apart the pixels of its sub-images are than makes their noise nearly
    white (decorrelate=auto), in pixels. Methods that tell signal from noise by what repeats
    keep the little correlation that is left; to others the detail is worth more."""
    handles_correlation: ClassVar[Literal["none", "one axis", "any"]] = "none"
    """How noise may be correlated between neighbours for it to be removed, unprepared."""
    psnr_gain: ClassVar[float | None] = None
    """Decibels over the noisy image with default settings: the mean over the ten captures of
    docs/tables/methods.md; ``None`` where that was not measured. Advice is in this order."""
    samples_posterior: ClassVar[bool] = False
    """Whether it draws samples of the clean image; the denoised one is then their mean."""
    target: ClassVar[str] = ""
    """What each image to learn from must come with, ``"a clean image"`` for example, in
    ``context.targets``."""
    learns_noise_as_it_is: ClassVar[bool] = False
    """Whether images must not be prepared for it: it knows any noise, or gives the spread of
    samples in the image's intensities, or is taught by targets, which are not prepared."""
    reference: ClassVar[str]
    """The paper."""
    learns_from: ClassVar[Literal["nothing", "one image", "many images"]]
    Config: ClassVar[type[Config]]

    @property
    def name(self) -> str:
        """The key in the table of methods, which is the name of its module."""
        return type(self).__module__.rpartition(".")[2]

    def with_sigma(self, config: C, sigma: float) -> C | None:
        """Return the settings for noise whose standard deviation is known to be `sigma`.

        ``None`` if the settings tell the strength of the noise already, in the image's
        intensities. A method whose settings do not ask for it gets by without.
        """
        if not isinstance(config, SigmaConfig):
            return config
        return None if config.sigma > 0 else replace(config, sigma=sigma)

    def check_images(self, config: C, images: Sequence[Image], stride: int = 1) -> None:
        """Refuse images that do not go with the settings; by default none.

        Parameters
        ----------
        config : Config
            The method's settings.
        images : sequence of Image
            To learn from or to denoise, as they were given.
        stride : int
            Above 1 if their planes are divided into sub-images, which follow each other
            along T.

        Raises
        ------
        UsageError
            If one of them does not; it says why.
        """
        return None

    @abstractmethod
    def denoise(self, image: Image, config: C, context: Context) -> Run[Result]:
        """Denoise `image`; yields events and returns the result."""

    @abstractmethod
    def forecast(self, image: Image, config: C) -> float:
        """Return the seconds that `denoise` is expected to take on an ordinary CPU core.

        The engine corrects it by what earlier runs took on this machine.
        """
