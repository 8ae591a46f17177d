"""The door: what an image must be before anything runs on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import channel_planes


@dataclass(frozen=True)
class Checked:
    """An image that passed the door, and a hash of its pixels, axes and shape."""

    image: Image
    digest: str


def check_image(image: Image, *, fill_nan: bool = False) -> Checked:
    """Read `image` once, plane by plane, and refuse what cannot be denoised.

    An image that was checked before is not read again.

    Parameters
    ----------
    image : Image
        Not modified.
    fill_nan : bool
        Replace NaN and infinite pixels by the mean of their finite neighbours (of all
        finite pixels where there are none) whenever they are read.

    Raises
    ------
    ImageError
        If pixels are not finite (counted, unless `fill_nan`) or all are equal.
    """
    if isinstance(image.data, _Passed) and image.data.axes == image.axes:
        return Checked(image, image.data.digest)
    nans = infinities = 0
    low, high, total, finite = np.inf, -np.inf, 0.0, 0
    digest = hashlib.sha256(f"{image.axes}{image.shape}{image.dtype}".encode())
    for planes in channel_planes(image):
        for plane in range(len(planes)):
            values = image.read(planes.index(plane))
            digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
            if image.dtype.kind == "f":
                nans += int(np.isnan(values).sum())
                infinities += int(np.isinf(values).sum())
                values = values[np.isfinite(values)]
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
                total, finite = total + float(values.sum(dtype=float)), finite + values.size
    if (nans or infinities) and not fill_nan:
        raise ImageError(_not_finite(image, nans, infinities))
    if finite == 0:
        raise ImageError(f"{image.name} has no finite pixel at all: nothing to denoise.")
    if low == high:
        raise ImageError(
            f"{image.name} is constant (every pixel is {low:g}): there is nothing to denoise."
        )
    if nans or infinities:
        image = image.like(_Filled(image, total / finite))
    found = digest.hexdigest()[:16]
    return Checked(passed(image, found), found)


def passed(image: Image, digest: str) -> Image:
    """Return an image that was checked elsewhere, so that `check_image` does not read it.

    Parameters
    ----------
    image : Image
        The one that was checked, or a part of it.
    digest : str
        What the check returned.
    """
    return image.like(_Passed(image, digest))


def check_alike(images: Sequence[Image], *, planes: bool = False) -> None:
    """Refuse images that cannot train one model: channels and colours must be the same.

    Parameters
    ----------
    images : sequence of Image
        Their sizes and other axes may differ.
    planes : bool
        Whether the number of planes must be the same, too.

    Raises
    ------
    ImageError
        Names the first image that differs from the very first.
    """
    first = images[0]
    for image in images[1:]:
        for axis, what in (("C", "channels"), ("S", "colour samples")):
            if image.size(axis) != first.size(axis):
                raise ImageError(
                    f"{image.name} has {image.size(axis)} {what}, but {first.name} has "
                    f"{first.size(axis)}; images that train one model need the same."
                )
        count, others = (len(channel_planes(each)[0]) for each in (image, first))
        if planes and count != others:
            raise ImageError(
                f"{image.name} has {count} planes, but {first.name} has {others}; images that "
                "train one network per plane need the same number."
            )


def check_takes_targets(who: str, what: str, targets: Sequence[Any]) -> None:
    """Refuse targets for a method that has no use for them.

    Parameters
    ----------
    who, what : str
        Title of the method, and what it compares with; empty if it compares with nothing.
    targets : sequence
        What was given.

    Raises
    ------
    UsageError
        If there are any, and `what` is empty.
    """
    if targets and not what:
        raise UsageError(
            f"{who} takes no target: it works from the noisy images alone. Leave the target "
            "out, or choose a method that learns from pairs, such as Noise2Noise."
        )


def check_targets(
    who: str, what: str, images: Sequence[Image], targets: Sequence[Image]
) -> None:
    """Refuse targets that do not fit the images to train on.

    Parameters
    ----------
    who, what : str
        Title of the method, and what it compares with, for messages.
    images, targets : sequence of Image
        A target is of the axes and the shape of its image.

    Raises
    ------
    UsageError
        If there is not one target for each image, or none at all.
    ImageError
        If a target is of another shape than its image.
    """
    if not targets or len(targets) != len(images):
        given = f"{len(targets)} for {len(images)} images" if targets else "none"
        raise UsageError(
            f"{who} learns from {what} for each image to train on, but {given} was given."
        )
    for image, target in zip(images, targets, strict=True):
        if (target.axes, target.shape) != (image.axes, image.shape):
            raise ImageError(
                f"{target.name} ({target.describe()}) cannot be the target of {image.name} "
                f"({image.describe()}): both must have the same axes and shape."
            )


def _not_finite(image: Image, nans: int, infinities: int) -> str:
    counts = [
        f"{count} {what} pixel{'s' if count > 1 else ''}"
        for count, what in ((nans, "NaN"), (infinities, "infinite"))
        if count
    ]
    return (
        f"{image.name} has {' and '.join(counts)}. Replace them by their neighbours' mean "
        "with 'fill NaN' (--fill-nan on the command line), or mask them before."
    )


class _Passed:
    """The data of an image that was checked."""

    def __init__(self, image: Image, digest: str) -> None:
        self._data, self.shape, self.dtype = image.data, image.shape, image.dtype
        self.axes, self.digest = image.axes, digest

    def __getitem__(self, key: Any, /) -> Any:
        return self._data[key]


class _Filled:
    """An image's data whose pixels that are not finite are filled when they are read."""

    def __init__(self, image: Image, mean: float) -> None:
        self._image, self._mean = image, mean
        self.shape, self.dtype = image.shape, image.dtype

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        values = np.array(self._image.data[key])
        bad = ~np.isfinite(values)
        if not bad.any():
            return values
        places = key if isinstance(key, tuple) else (key,)
        places += (slice(None),) * (len(self.shape) - len(places))
        kept = [
            axis
            for axis, place in zip(self._image.axes, places, strict=True)
            if isinstance(place, slice)
        ]
        size = [3 if axis in "YX" else 1 for axis in kept]
        share = uniform_filter((~bad).astype(float), size)
        total = uniform_filter(np.where(bad, 0, values).astype(float), size)
        near = bad & (share > 1e-9)
        values[near] = total[near] / share[near]
        values[bad & ~near] = self._mean
        return values
