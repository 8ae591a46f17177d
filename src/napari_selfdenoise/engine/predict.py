"""Prediction with trained networks, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.core.events import Note, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import WHOLE, Planes, Window, channel_planes
from napari_selfdenoise.data.tiles import Tile, blended_tiles, tiles
from napari_selfdenoise.engine.device import Compute, Float32Outputs, place
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.planewise import unfinished

TILE_SIZE, TILE_HALOS = 512, 4
"""Side of a tile in pixels, without its halo: so much, or so many halos if that is more."""
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
    """

    network: nn.Module
    restore: Restore
    normalization: Normalization
    brightness: tuple[float, ...]
    compute: Compute
    halo: int
    tile_size: int = 0

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Return the tiles in which a plane of `height` x `width` pixels is denoised."""
        if self.tile_size:
            overlap = 2 * self.halo
            return list(blended_tiles(height, width, size=self.tile_size, overlap=overlap))
        size = max(TILE_SIZE, TILE_HALOS * self.halo)
        return list(tiles(height, width, size=size, halo=self.halo))

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
        noisy = planes.read(plane, window)
        if noisy.min() == noisy.max():
            return noisy
        _, height, width = noisy.shape
        missing = [(0, max(self.tile_size - side, 0)) for side in (height, width)]
        whole = np.pad(noisy, ((0, 0), *missing), mode="reflect")
        batch = torch.from_numpy(self.normalization.apply(whole)[np.newaxis])
        batch = batch.to(self.compute.device)
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
            middle = _middle(planes, at)
            noise = middle.read(0) - predict_plane(self, middle, 0)
            count = noise[0].size
            lost += count * centre(noise.reshape(len(noise), count))
            pixels += count
        return tuple(map(float, lost / pixels))


def predict(
    denoiser: Denoiser,
    planes: Planes,
    out: NDArray[np.float32],
    context: Context,
    *,
    label: str = "",
) -> Run[int]:
    """Denoise all planes, tile by tile, into `out`.

    Parameters
    ----------
    denoiser : Denoiser
        Network and normalisation.
    planes : Planes
        The noisy planes.
    out : ndarray
        Of the shape of the planes' image; only the planes' pixels are written.
    context : Context
        A stop ends it after the plane at hand.
    label : str
        Added to the stage's name.

    Returns
    -------
    int
        How many planes were denoised: all, unless a stop was asked for.
    """
    cut = denoiser.tiles(*planes.shape[1:])
    for plane in range(len(planes)):
        if context.stopping:
            return plane
        denoised = np.zeros(planes.shape, np.float32)
        for number, tile in enumerate(cut, 1):
            _add_tile(denoised, denoiser, planes, plane, tile)
            done = plane * len(cut) + number
            yield Progress(done, len(planes) * len(cut), "predicting" + label)
        planes.write(out, plane, denoised)
    return len(planes)


def predict_plane(denoiser: Denoiser, planes: Planes, plane: int) -> NDArray[np.float32]:
    """Denoise one plane, tile by tile; returns (channels, Y, X)."""
    denoised = np.zeros(planes.shape, np.float32)
    for tile in denoiser.tiles(*planes.shape[1:]):
        _add_tile(denoised, denoiser, planes, plane, tile)
    return denoised


def _add_tile(
    denoised: NDArray[np.float32], denoiser: Denoiser, planes: Planes, plane: int, tile: Tile
) -> None:
    values = denoiser.denoise(planes, plane, tile.read)[:, tile.inner[0], tile.inner[1]]
    denoised[:, tile.write[0], tile.write[1]] += tile.weight * values


def denoiser_of(
    method: LearnedMethod[Any],
    config: Any,
    member: Member,
    compute: Compute,
    restore: Restore | None = None,
) -> Denoiser:
    """Return what denoises with one network of a model, by default as its method does."""
    return Denoiser(
        place(member.network, compute.device),
        restore or method.restore,
        member.normalization,
        member.brightness,
        compute,
        method.halo(config),
        method.tile_size(config),
    )


def predict_image(
    model: Model, image: Image, context: Context, restore: Restore | None = None
) -> Run[NDArray[np.float32]]:
    """Denoise an image with a model; planes that a stop left out are NaN."""
    parts = parts_of(model, image, partial=context.stopped)
    out = np.full(image.shape, np.nan, np.float32)
    total = sum(len(planes) for planes in channel_planes(image))
    compute = Compute.of(context)
    done = 0
    for member, planes in parts:
        done += yield from predict(
            denoiser_of(model.method, model.config, member, compute, restore),
            planes,
            out,
            context,
            label=f", {planes.name}" if len(parts) > 1 else "",
        )
        if context.stopping:
            context.honour_stop()
            break
    if done < total:
        yield Note(unfinished(done, total), "warning")
    return out


def parts_of(model: Model, image: Image, *, partial: bool) -> list[tuple[Member, Planes]]:
    """Return which network denoises which planes.

    Raises
    ------
    ModelError
        If the model was trained on other channels or colour samples; unless `partial`, also
        if it lacks networks, because training was stopped.
    """
    if model.channels != image.size("S"):
        raise ModelError(
            f"The model was trained on images of {model.channels} colour sample(s) per pixel, "
            f"but {image.name} has {image.size('S')} ({image.axes}). Train one on such images."
        )
    groups = channel_planes(image)
    if model.config.network_per == "plane":
        groups = [alone for planes in groups for alone in planes.each_alone()]
    if len(model.members) == 1 and not partial:
        return [(model.members[0], planes) for planes in groups]
    if len(model.members) != len(groups) and not partial:
        raise ModelError(
            f"The model has {len(model.members)} networks, one for each "
            f"{'plane' if model.config.network_per == 'plane' else 'channel'} it was trained "
            f"on, but {image.name} has {len(groups)}."
        )
    return list(zip(model.members, groups, strict=False))


def _middle(planes: Planes, plane: int) -> Planes:
    """Return the middle of one plane, as far as brightness is measured on it."""
    rows, columns = (_middle_side(length) for length in planes.shape[1:])
    index = planes.index(plane, (rows, columns))
    region = [slice(at, at + 1) if isinstance(at, int) else at for at in index]
    return Planes(planes.image.crop(region), {})


def _middle_side(length: int) -> slice:
    start = max(0, (length - BRIGHTNESS_SIDE) // 2)
    return slice(start, start + min(length, BRIGHTNESS_SIDE))
