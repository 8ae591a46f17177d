"""An image with its axes, scale and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.axes import check_axes, guess_axes
from napari_selfdenoise.core.errors import AxesError, ImageError


class ArrayLike(Protocol):
    """What an image's data must offer: numpy, dask and zarr arrays all do."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of the values, as `numpy.dtype` understands it."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return a part, as anything `numpy.asarray` understands."""


@dataclass(frozen=True, eq=False)
class Image:
    """An image: data that is read by slices, with axes, scale and units.

    Attributes
    ----------
    data : numpy, dask or zarr array
        Never read as a whole; use `read`.
    axes : str
        One letter per axis out of T, C, Z, Y, X; first, Q for posterior samples, where
        there are several of the image (see `sampled`); last, S for the colour samples of
        an RGB image. Guessed from the number of axes if empty, see `axes_guessed`.
    scale : tuple of float
        Size of a pixel along each axis, in `units`.
    units : tuple of str
        Unit of each axis, for example ``("second", "micrometer", "micrometer")``.
    name : str
        For layer names, file names and messages.

    Raises
    ------
    ImageError
        If the data is empty, or not of real numbers.
    AxesError
        If `axes` does not fit the data.
    """

    data: ArrayLike
    axes: str = ""
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    name: str = "image"
    axes_guessed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        shape = tuple(self.data.shape)
        if 0 in shape:
            raise ImageError(f"{self.name} is empty: its shape is {shape}.")
        kind = np.dtype(self.data.dtype).kind
        if kind == "b":
            raise ImageError(
                f"{self.name} is boolean (a mask); only intensity images can be denoised."
            )
        if kind not in "uif":
            raise ImageError(
                f"{self.name} holds {self.data.dtype} values; an image of real numbers "
                "(integer or float) is needed. Denoise real and imaginary part one by one."
                if kind == "c"
                else f"{self.name} holds {self.data.dtype} values, not numbers."
            )
        guessed = not self.axes
        axes = guess_axes(shape) if guessed else check_axes(self.axes, shape)
        fix = object.__setattr__
        fix(self, "axes", axes)
        fix(self, "axes_guessed", guessed)
        fix(self, "scale", tuple(map(float, self.scale)) or (1.0,) * len(shape))
        fix(self, "units", tuple(map(str, self.units)) or ("pixel",) * len(shape))
        for what, values in (("scale", self.scale), ("units", self.units)):
            if len(values) != len(shape):
                raise ImageError(
                    f"{self.name}: {what} {values} has {len(values)} entries, "
                    f"but the image has {len(shape)} axes ({axes})."
                )

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, in the order of `axes`."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    def size(self, axis: str) -> int:
        """Length of the axis named by one letter; 1 if the image has no such axis."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def read(self, region: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Return the pixels of a region as a numpy array; only these are read."""
        return np.asarray(self.data[region])

    def like(self, data: ArrayLike, name: str | None = None) -> Self:
        """Return an image of the same axes, scale and units with other pixels."""
        guessed = self.axes_guessed
        image = replace(self, data=data, name=self.name if name is None else name)
        object.__setattr__(image, "axes_guessed", guessed)
        return image

    def sampled(self, data: ArrayLike, name: str | None = None) -> Self:
        """Return an image of samples of this one, along an axis Q in front of its axes.

        Parameters
        ----------
        data : array
            Of one axis more than this image, the samples along the first. Y and X may be
            of other lengths, for images that are drawn and not estimated.
        name : str, optional
            Name of the new image; that of this one if omitted.

        Raises
        ------
        AxesError
            If this image has an axis Q already, or `data` another number of axes.
        """
        if "Q" in self.axes:
            raise AxesError(
                f"{self.name} holds samples already ({self.axes}); no samples of samples can "
                "be drawn. Take one of them, or their mean."
            )
        image = replace(
            self,
            data=data,
            axes="Q" + self.axes,
            scale=(1.0, *self.scale),
            units=("pixel", *self.units),
            name=self.name if name is None else name,
        )
        object.__setattr__(image, "axes_guessed", self.axes_guessed)
        return image

    def crop(self, region: Sequence[slice]) -> Self:
        """Return the part of the image inside `region`, one slice per axis."""
        return self.like(self.read(tuple(region)))

    def part(self, region: Sequence[slice]) -> Self:
        """Return the part of the image inside `region`, of which nothing is read yet.

        Parameters
        ----------
        region : sequence of slice
            One per axis, without steps.
        """
        return self.like(_Part(self, tuple(region)))

    def describe(self) -> str:
        """Say what it is in a few words: ``"TYX, 5 x 256 x 256, uint16"``."""
        sides = " x ".join(map(str, self.shape))
        return f"{self.axes}, {sides}, {self.dtype.name}"


class _Part:
    """The data of a part of an image, read where the image's own are."""

    def __init__(self, image: Image, region: tuple[slice, ...]) -> None:
        self._data, self.dtype = image.data, image.dtype
        self._ranges = [
            range(length)[side] for length, side in zip(image.shape, region, strict=True)
        ]
        self.shape = tuple(map(len, self._ranges))

    def __getitem__(self, key: Any, /) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        keys += (slice(None),) * (len(self.shape) - len(keys))
        places = [side[each] for side, each in zip(self._ranges, keys, strict=True)]
        return self._data[
            tuple(
                slice(at.start, at.stop, at.step) if isinstance(at, range) else at
                for at in places
            )
        ]
