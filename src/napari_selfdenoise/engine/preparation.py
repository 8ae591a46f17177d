"""What is done to an image so that its noise is what a method assumes, and undone after.

Any method that assumes noise of the same strength everywhere can be given an image whose
noise was made so; any method that assumes noise that is independent between pixels can be
given sub-images of every n-th pixel. Neither the method nor its listener needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.config import Config, setting
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.events import Preview, Progress, Run, T, finish
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.data.noise_model import NoiseModel
from napari_selfdenoise.data.planes import Planes, channel_planes
from napari_selfdenoise.data.stabilised import stabilised
from napari_selfdenoise.data.sub_images import (
    Interleaved,
    blend,
    region_of_image,
    region_of_sub_images,
    sub_images,
)


@dataclass(frozen=True, kw_only=True)
class Preparation(Config):
    """How an image is prepared for a method, and the result brought back."""

    stabilise: Literal["auto", "on", "off"] = setting(
        "auto",
        advanced=True,
        help="Make noise that grows with the signal even before denoising, and undo it "
        "without bias; auto does so where it matters to the method.",
    )
    decorrelate: Literal["auto", "off", "2", "3", "4", "5"] = setting(
        "auto",
        advanced=True,
        help="Denoise sub-images of every 2nd to 5th pixel, in which noise that is correlated "
        "between neighbours is nearly white; auto measures whether it is.",
    )


UNPREPARED = Preparation(stabilise="off", decorrelate="off")


@dataclass(frozen=True)
class Prepared:
    """What was chosen for an image; a model remembers it and repeats it on other images.

    Attributes
    ----------
    noise_models : tuple of NoiseModel
        With which the noise is made even: one for each channel (axis C) and in it each
        colour sample (axis S). Empty if it is not.
    stride : int
        Distance of neighbouring pixels of a sub-image; 1 if the image is not divided.
    """

    noise_models: tuple[NoiseModel, ...] = ()
    stride: int = 1

    def __bool__(self) -> bool:
        return bool(self.noise_models) or self.stride > 1

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "noise_models": [asdict(model) for model in self.noise_models],
            "stride": self.stride,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make it from what `to_json` returned."""
        models = (NoiseModel(**model) for model in values["noise_models"])
        return cls(tuple(models), values["stride"])

    def apply(self, image: Image) -> Image:
        """Return the image as the method gets it, computed where it is read.

        Raises
        ------
        ModelError
            If it was chosen for images of other channels.
        """
        channels = image.size("C") * image.size("S")
        if len(self.noise_models) not in (0, 1, channels):
            raise ModelError(
                f"The noise of {len(self.noise_models)} channels was measured when the model "
                f"was trained, but {image.name} has {channels} ({image.axes})."
            )
        if self.noise_models:
            image = stabilised(image, self.noise_models)
        return sub_images(image, self.stride) if self.stride > 1 else image

    def undo(
        self, denoised: ArrayLike, noisy: Image, out: WritableArray | None = None
    ) -> Run[WritableArray]:
        """Return what a method made of ``apply(noisy)`` in the intensities of `noisy`.

        Parameters
        ----------
        denoised : array
            Of the shape of ``apply(noisy)``.
        noisy : Image
            The image itself.
        out : array, optional
            Where to put it; `denoised` itself will do if the image was not divided.
        """
        if out is None:
            out = np.empty(noisy.shape, np.float32)
        if self.stride > 1:
            denoised = Interleaved(denoised, noisy, self.stride)
        groups = channel_planes(noisy)
        total, done = sum(map(len, groups)), 0
        for channel, planes in enumerate(groups):
            changed = Planes(noisy.like(denoised), planes.fixed)
            for at in range(len(planes)):
                plane = planes.read(at)
                if plane.min() < plane.max():  # a constant one holds no noise
                    plane = self._undo_plane(changed.read(at), plane, channel)
                planes.write(out, at, plane)
                done += 1
                yield Progress(done, total, "undoing the preparation")
        return out

    def _undo_plane(
        self, plane: NDArray[np.float32], noisy: NDArray[np.float32], channel: int
    ) -> NDArray[np.float32]:
        if self.noise_models:
            alike = len(self.noise_models) == 1
            first = 0 if alike else channel * len(plane)
            models = [
                self.noise_models[first + (0 if alike else at)] for at in range(len(plane))
            ]
            plane = np.stack(
                [m.restore(colour) for m, colour in zip(models, plane, strict=True)]
            )
            # The inverse is as good as the noise model, which an image of few photons, or
            # one without a dark place, tells only roughly; noise of zero mean keeps the mean.
            plane += (noisy - plane).mean(axis=(1, 2), keepdims=True)
        return blend(plane, self.stride) if self.stride > 1 else plane

    def undo_events(self, run: Run[T], noisy: Image, context: Context) -> Run[T]:
        """Pass the events of a run on ``apply(noisy)`` on, as if it ran on `noisy`."""
        if self.stride > 1:
            context.into_run = lambda region: region_of_sub_images(noisy, region, self.stride)
        try:
            while True:
                try:
                    event = next(run)
                except StopIteration as end:
                    result: T = end.value
                    return result
                yield self._undo_preview(event, noisy) if isinstance(event, Preview) else event
        finally:
            context.into_run = None

    def _undo_preview(self, preview: Preview, noisy: Image) -> Preview:
        region = preview.region
        if self.stride > 1:
            region = region_of_image(noisy, region, self.stride)
        shown = noisy.crop(region)
        alone = self._for_channels(noisy, region)
        values = finish(alone.undo(preview.image.data, shown))
        return Preview(preview.step, shown.like(values, preview.image.name), region)

    def _for_channels(self, image: Image, region: tuple[slice, ...]) -> Prepared:
        """Return what concerns the channels inside a region."""
        if len(self.noise_models) < 2 or "C" not in image.axes:
            return self
        colours = image.size("S")
        channels = range(image.size("C"))[region[image.axes.index("C")]]
        models = [self.noise_models[c * colours : (c + 1) * colours] for c in channels]
        return Prepared(tuple(model for group in models for model in group), self.stride)
