"""What posterior samples say of pixels and of regions.

A sample is one clean image that the noisy one may be of. Whatever is computed of each sample
has a posterior, too: its values over the samples. Samples are read one after the other, so
that they may lie on disk.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import ImageError

FEWEST = 2
"""Samples without which there is no spread."""


def exceedance(samples: Iterable[NDArray[Any]], threshold: float) -> NDArray[np.float32]:
    """Return the probability that the intensity exceeds a threshold, at each pixel.

    Parameters
    ----------
    samples : iterable of ndarray
        Posterior samples, all of one shape: an array with the samples along its first axis,
        or anything that yields them.
    threshold : float
        In the intensities of the image.

    Returns
    -------
    ndarray
        Share of the samples above the threshold, from 0 to 1; NaN where a sample is NaN.

    Raises
    ------
    ImageError
        If there is no sample.
    """
    above: NDArray[np.float32] | None = None
    count = 0
    for each in samples:
        sample = np.asarray(each)
        if above is None:
            above = np.zeros(sample.shape, np.float32)
        above += sample > threshold
        if sample.dtype.kind == "f":
            above[np.isnan(sample)] = np.nan
        count += 1
    if above is None:
        raise ImageError("There is no posterior sample, so there are no probabilities.")
    above /= count
    return above


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a plane, which may overlap.

    Attributes
    ----------
    names : tuple of str
        Name of each region.
    pixels : ndarray of int
        Pixels of all regions, as positions in the flattened plane.
    numbers : ndarray of int
        The region that each of these belongs to, from 0.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.intp]
    numbers: NDArray[np.intp]

    @classmethod
    def of_labels(cls, labels: NDArray[Any]) -> Self:
        """Return one region for each label of a plane, (Y, X) integers; 0 is none of them."""
        flat = np.asarray(labels).reshape(-1)
        pixels = np.flatnonzero(flat)
        found, numbers = np.unique(flat[pixels], return_inverse=True)
        return cls(tuple(map(str, found)), pixels, numbers.reshape(-1))

    @classmethod
    def of_polygons(
        cls, polygons: Sequence[NDArray[Any]], names: Sequence[str], shape: tuple[int, int]
    ) -> Self:
        """Return one region for each polygon.

        Parameters
        ----------
        polygons : sequence of ndarray (corners, 2)
            Rows and columns of the corners; the centre of a pixel has whole numbers. A pixel
            belongs to a polygon that holds its centre.
        names : sequence of str
            Name of each polygon.
        shape : (int, int)
            Rows and columns of the plane; what lies beyond is left out.
        """
        from skimage.draw import polygon

        parts = [
            np.ravel_multi_index(polygon(corners[:, 0], corners[:, 1], shape), shape)
            for corners in polygons
        ]
        numbers = [np.full(len(part), number) for number, part in enumerate(parts)]
        nothing = np.zeros(0, np.intp)
        return cls(
            tuple(names),
            np.concatenate([nothing, *parts]),
            np.concatenate([nothing, *numbers]),
        )

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class RegionMeans:
    """Mean intensities of regions, with the posterior's spread of each mean.

    Attributes
    ----------
    names : tuple of str
        Name of each region.
    pixels : ndarray of int (regions,)
        Size of each region.
    mean, std : ndarray (regions, colours)
        Mean and standard deviation over the samples, in the intensities of the image; one
        colour for a grey image. NaN for a region without pixels.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.intp]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def to_csv(self) -> str:
        """Return one line per region: name, pixels, then mean and std of each colour."""
        colours = self.mean.shape[1]
        suffixes = [""] if colours == 1 else [f" {number}" for number in range(1, colours + 1)]
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        titles = [f"{what}{each}" for each in suffixes for what in ("mean", "posterior std")]
        lines.writerow(["region", "pixels", *titles])
        for name, pixels, means, stds in zip(
            self.names, self.pixels, self.mean, self.std, strict=True
        ):
            values = np.stack([means, stds], axis=1).reshape(-1)
            lines.writerow([name, int(pixels), *(f"{value:.6g}" for value in values)])
        return text.getvalue()


def region_means(samples: Iterable[NDArray[Any]], regions: Regions) -> RegionMeans:
    """Return the mean intensity of each region, and how well the samples know it.

    The mean is taken in each sample, then its mean and standard deviation over the samples.
    This is not the mean of the pixels' standard deviations, nor that over the root of their
    number: neighbouring pixels of a sample are wrong together, and only the samples know how
    much.

    Parameters
    ----------
    samples : iterable of ndarray (Y, X) or (Y, X, colours)
        One plane of each posterior sample, at least two.
    regions : Regions
        Of a plane of that size.

    Raises
    ------
    ImageError
        If there are fewer than two samples.
    """
    pixels = np.bincount(regions.numbers, minlength=len(regions))
    means = []
    for sample in samples:
        colours = np.atleast_3d(np.asarray(sample))
        inside = colours.reshape(-1, colours.shape[2])[regions.pixels].astype(np.float64)
        sums = [
            np.bincount(regions.numbers, weights=each, minlength=len(regions))
            for each in inside.T
        ]
        with np.errstate(invalid="ignore"):  # regions without pixels
            means.append(np.stack(sums, axis=1) / pixels[:, np.newaxis])
    if len(means) < FEWEST:
        raise ImageError(
            f"The spread of a mean needs {FEWEST} posterior samples or more; there "
            f"{'is 1' if len(means) == 1 else 'is none'}."
        )
    of_samples = np.stack(means)
    return RegionMeans(
        regions.names, pixels, of_samples.mean(axis=0), of_samples.std(axis=0, ddof=1)
    )
