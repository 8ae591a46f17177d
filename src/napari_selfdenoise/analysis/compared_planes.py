"""The planes of a comparison that are looked at: noisy, clean, and what each way made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.disagreement import disagreement
from napari_selfdenoise.analysis.residual import noise_strength
from napari_selfdenoise.analysis.residual_map import follows_signal
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_model import NoiseModel
from napari_selfdenoise.data.planes import Planes, Window, channel_planes

Plane = NDArray[Any]

SIDE = 320
"""Pixels along Y and X that are shown at most."""


@dataclass(frozen=True, eq=False)
class ComparedPlane:
    """The middle of one plane of one channel, or of one colour of it.

    Attributes
    ----------
    name : str
        Which channel and colour; empty if there is one.
    noisy : ndarray (Y, X)
        As recorded.
    reference : ndarray (Y, X) or None
        Without noise, if that is known.
    denoised : mapping of str to ndarray (Y, X)
        By the names of the ways.
    follows : mapping of str to ndarray (Y, X)
        Where each residual follows the signal (`residual_map.follows_signal`).
    removed : mapping of str to ndarray (Y, X)
        The same for the held-out part of the noise, which is surer (`heldout.heldout_map`):
        of the middle that was scored, and for those that were.
    disagreement : ndarray (Y, X) or None
        Standard deviation between the ways, in multiples of the noise; ``None`` for one way.
    noise : float
        Typical standard deviation of the noise.
    pixel, unit : float, str
        Size of a pixel along X.
    """

    name: str
    noisy: Plane
    reference: Plane | None
    denoised: Mapping[str, Plane]
    follows: Mapping[str, Plane]
    removed: Mapping[str, Plane]
    disagreement: Plane | None
    noise: float
    pixel: float
    unit: str

    @property
    def limits(self) -> tuple[float, float]:
        """Intensities that are shown black and white, the same in every picture.

        Of the clean plane, or of the median of the results, because noise widens them.
        """
        shown = self.reference
        if shown is None:
            shown = np.median(list(self.denoised.values()), axis=0)
        low, high = (float(np.percentile(shown, share)) for share in (0.3, 99.7))
        return (low, high) if high > low else (low, low + 1.0)


def compared_planes(
    noisy: Image,
    reference: Image | None,
    denoised: Mapping[str, Image],
    models: Sequence[NoiseModel],
    maps: Mapping[str, NDArray[np.float32]],
) -> tuple[ComparedPlane, ...]:
    """Return the middle plane of each channel and colour, at most 320 x 320 of its middle.

    Parameters
    ----------
    noisy, reference, denoised
        Of the same region.
    models : sequence of NoiseModel
        One for each channel and colour; none if unknown.
    maps : mapping of str to ndarray
        Of the middle of the region, with its axes but Y and X last (`Ranked.map`).
    """
    images = {name: _middles(image) for name, image in denoised.items()}
    scored = {name: _middles(_as(noisy.axes, each)) for name, each in maps.items()}
    before = _middles(noisy)
    clean = None if reference is None else _middles(reference)
    at = noisy.axes.index("X")
    found = []
    for number, (name, plane) in enumerate(before):
        results = {way: planes[number][1] for way, planes in images.items()}
        mean = np.mean(list(results.values()), axis=0)
        # Where the noise is not known, what all took away is the best guess of it.
        guess = NoiseModel(0.0, 0.0, float(np.std(plane - mean)) or 1.0)
        model = models[number] if models else guess
        sigma = noise_strength(model, mean)
        several = len(results) > 1
        found.append(
            ComparedPlane(
                name=name if len(before) > 1 else "",
                noisy=plane,
                reference=None if clean is None else clean[number][1],
                denoised=results,
                follows={
                    way: follows_signal((plane - result) / sigma, model.stabilise(result))
                    for way, result in results.items()
                },
                removed={way: planes[number][1] for way, planes in scored.items()},
                disagreement=disagreement(list(results.values()), sigma) if several else None,
                noise=float(np.median(sigma)),
                pixel=noisy.scale[at],
                unit=noisy.units[at],
            )
        )
    return tuple(found)


def _middles(image: Image) -> list[tuple[str, Plane]]:
    """Return name and pixels of the middle plane of each channel and colour."""
    found = []
    for channel, planes in enumerate(channel_planes(image)):
        values = planes.read(_middle_of(planes), _window(planes.shape[1:]))
        for colour, plane in enumerate(values):
            parts = [f"channel {channel}"] if image.size("C") > 1 else []
            parts += [f"colour {colour}"] if len(values) > 1 else []
            found.append((", ".join(parts), plane.astype(np.float64)))
    return found


def _as(axes: str, values: Plane) -> Image:
    """Return an array that has Y and X last as an image of the given axes."""
    return Image(np.moveaxis(values, (-2, -1), (axes.index("Y"), axes.index("X"))), axes=axes)


def _middle_of(planes: Planes) -> int:
    """Return the number of the plane that is in the middle of every axis."""
    image = planes.image
    sizes = [image.size(axis) for axis in image.axes if axis not in {*"YXS", *planes.fixed}]
    return int(np.ravel_multi_index([size // 2 for size in sizes], sizes)) if sizes else 0


def _window(shape: tuple[int, ...]) -> Window:
    rows, columns = (
        slice((side - min(side, SIDE)) // 2, (side - min(side, SIDE)) // 2 + min(side, SIDE))
        for side in shape
    )
    return rows, columns
