"""Prediction with trained networks, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.outputs import WritableArray
from napari_selfdenoise.data.beside import as_channels, read_beside
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import WHOLE, Planes, Window
from napari_selfdenoise.data.tiles import (
    TILE_HALOS,
    TILE_SIZE,
    Tile,
    blended_tiles,
    tiles,
)
from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.engine.memory import is_out_of_memory, release_memory
from napari_selfdenoise.engine.tile_memory import fitted

SMALLEST_TILE = 32
"""Side of the tiles, in pixels, below which they are not halved any more."""
BAND_BYTES = 64 * 2**20
"""Rows of a plane wait until they are so many, and are written together."""
BRIGHTNESS_PLANES, BRIGHTNESS_SIDE = 8, 1024
"""Planes, and pixels of each along a side, on which the mean brightness is measured."""

Restore = Callable[[nn.Module, Tensor], Tensor]
Centre = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]
"""Returns what is taken for the centre of noise, (channels, pixels), for each channel."""


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A trained network with all that turns intensities into denoised intensities.

    Attributes
    ----------
    network : torch.nn.Module
        The trained network.
    restore : callable
        ``restore(network, batch)`` returns the denoised batch.
    normalization : Normalization
        Applied before and undone after.
    brightness : tuple of float
        Added at the end, per colour sample, so that the mean is that of the noisy image.
    compute : Compute
        Device, on which the network is already, and precision of the convolutions.
    halo : int
        Pixels that a tile sees beyond its own; see `LearnedMethod.halo`.
    tile_size : int
        Side of the only tiles the network takes, in pixels; 0 if it takes any.
    largest_tile : int
        Side of a tile, without its halo, that fits into the memory; 0 if that is not known.
    beside : int
        Planes on each side of the one to denoise that the network sees with it.
    """

    network: nn.Module
    restore: Restore
    normalization: Normalization
    brightness: tuple[float, ...]
    compute: Compute
    halo: int
    tile_size: int = 0
    largest_tile: int = 0
    beside: int = 0

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Return the tiles in which a plane of `height` x `width` pixels is denoised."""
        if self.tile_size:
            overlap = 2 * self.halo
            return list(blended_tiles(height, width, size=self.tile_size, overlap=overlap))
        size = self.largest_tile or max(TILE_SIZE, TILE_HALOS * self.halo)
        return list(tiles(height, width, size=size, halo=self.halo))

    def smaller(self, planes: Planes) -> Denoiser:
        """Return one whose tiles are half as large along each side, or somewhat less.

        Their sides are powers of two: so a network that pools has its coarse pixels where it
        has them in the whole plane.

        Raises
        ------
        ImageError
            If they are as small as can be.
        """
        first = self.tiles(*planes.shape[1:])[0]
        longest = max(part.stop - part.start for part in first.write)
        side = 1 << (longest // 2).bit_length() >> 1
        if self.tile_size or side < SMALLEST_TILE:
            raise ImageError(
                f"The memory does not suffice to denoise {planes.name}, not even in tiles of "
                f"{longest} pixels. Close other programs, or compute on another device."
            )
        return replace(self, largest_tile=side)

    @torch.inference_mode()
    def denoise(
        self, planes: Planes, plane: int, window: Window = WHOLE
    ) -> NDArray[np.float32]:
        """Denoise a window of one plane in float32; a constant one is returned as it is.

        A window that is smaller than the network's tiles is mirrored up to their size.

        Returns
        -------
        ndarray
            Intensities, (channels, height, width), float32.
        """
        read = read_beside(planes, plane, self.beside, window)
        noisy: NDArray[np.float32] = read[0]
        if noisy.min() == noisy.max():
            return noisy
        _, height, width = noisy.shape
        missing = [(0, max(self.tile_size - side, 0)) for side in (height, width)]
        whole = np.pad(
            as_channels(self.normalization.apply(read)), ((0, 0), *missing), mode="reflect"
        )
        batch = torch.from_numpy(whole[np.newaxis]).to(self.compute.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        training = self.network.training
        network = Float32Outputs(self.network, self.compute).eval()
        denoised = self.restore(network, batch)[0, :, :height, :width].cpu().numpy()
        self.network.train(training)
        shift = np.asarray(self.brightness, np.float32)[:, np.newaxis, np.newaxis]
        return self.normalization.undo(denoised) + shift

    def lost_brightness(self, sources: Sequence[Planes], centre: Centre) -> tuple[float, ...]:
        """Return how much darker the denoised planes are than the noisy ones, per colour.

        Noise has zero mean, so a denoised image should have the mean of the noisy one;
        networks are off by a few per cent where noise grows with the signal. Measured on
        the middle of some planes, evenly spaced; `centre` says what of the noise is zero.
        """
        places = [(planes, at) for planes in sources for at in range(len(planes))]
        step = -(-len(places) // BRIGHTNESS_PLANES)
        lost, pixels = np.zeros(sources[0].channels), 0
        for planes, at in places[::step]:
            middle = _middle(planes)
            noise = middle.read(at) - predict_plane(self, middle, at)
            count = noise[0].size
            lost += count * centre(noise.reshape(len(noise), count))
            pixels += count
        return tuple(map(float, lost / pixels))


def predict(
    denoiser: Denoiser,
    planes: Planes,
    out: WritableArray,
    context: Context,
    *,
    label: str = "",
) -> Run[int]:
    """Denoise all planes, tile by tile, into `out`.

    Tiles are halved until they fit into the memory that is free; when it does not suffice all
    the same, they are halved again and the plane at hand begins anew.

    Parameters
    ----------
    denoiser : Denoiser
        Network and normalisation.
    planes : Planes
        The noisy planes.
    out : array
        Of the shape of the planes' image; only the planes' pixels are written.
    context : Context
        A stop ends it after the plane at hand.
    label : str
        Added to the stage's name.

    Returns
    -------
    int
        How many planes were denoised: all, unless a stop was asked for.

    Raises
    ------
    ImageError
        If the memory does not suffice for the smallest tiles either.
    """
    if not context.stopping:
        denoiser = yield from fitted(denoiser, planes)
    for plane in range(len(planes)):
        if context.stopping:
            return plane
        while True:
            try:
                yield from _predict_plane(denoiser, planes, plane, out, label)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                denoiser = denoiser.smaller(planes)
            else:
                break
            release_memory()  # after the error, which holds the tile that failed
            yield Note(
                f"The memory does not suffice; going on with tiles of {denoiser.largest_tile} "
                "pixels.",
                "warning",
            )
    return len(planes)


def predict_plane(denoiser: Denoiser, planes: Planes, plane: int) -> NDArray[np.float32]:
    """Denoise one plane, tile by tile; returns (channels, Y, X)."""
    denoised = np.empty(planes.shape, np.float32)
    for rows, values in _bands(denoiser, planes, plane, denoiser.tiles(*planes.shape[1:])):
        denoised[:, rows] = values
    return denoised


def _predict_plane(
    denoiser: Denoiser, planes: Planes, plane: int, out: WritableArray, label: str
) -> Run[None]:
    cut = denoiser.tiles(*planes.shape[1:])
    finished = _bands(denoiser, planes, plane, cut)
    for number, (rows, values) in enumerate(finished, plane * len(cut) + 1):
        if rows.start < rows.stop:
            planes.write(out, plane, values, (rows, slice(None)))
        yield Progress(number, len(planes) * len(cut), "predicting" + label)


def _bands(
    denoiser: Denoiser, planes: Planes, plane: int, cut: Sequence[Tile]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Denoise tile by tile, from top to bottom, and yield after each which rows are finished.

    These are none after most: only what no tile below touches is finished, and small parts
    wait for others.
    """
    channels, height, width = planes.shape
    first, band = 0, np.zeros((channels, 0, width), np.float32)
    for number, tile in enumerate(cut, 1):
        rows, columns = tile.write
        missing = rows.stop - first - band.shape[1]
        if missing > 0:
            below = np.zeros((channels, missing, width), np.float32)
            band = np.concatenate([band, below], axis=1)
        values = denoiser.denoise(planes, plane, tile.read)[:, tile.inner[0], tile.inner[1]]
        band[:, rows.start - first : rows.stop - first, columns] += tile.weight * values
        stop = cut[number].write[0].start if number < len(cut) else height
        if number < len(cut) and band[:, : stop - first].nbytes < BAND_BYTES:
            stop = first
        yield slice(first, stop), band[:, : stop - first]
        first, band = stop, band[:, stop - first :]


def _middle(planes: Planes) -> Planes:
    """Return the middle of all planes, as far as brightness is measured on it."""
    sides = dict(zip("YX", map(_middle_side, planes.shape[1:]), strict=True))
    region = [sides.get(axis, slice(None)) for axis in planes.image.axes]
    return Planes(planes.image.part(region), planes.fixed)


def _middle_side(length: int) -> slice:
    start = max(0, (length - BRIGHTNESS_SIDE) // 2)
    return slice(start, start + min(length, BRIGHTNESS_SIDE))
