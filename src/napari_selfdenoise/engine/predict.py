"""Prediction with trained networks, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from napari_selfdenoise.data.tiles import Tile, tiles
from napari_selfdenoise.engine.device import Compute, Float32Outputs, place
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.planewise import unfinished

TILE_SIZE, TILE_HALOS = 512, 4
"""Side of a tile in pixels, without its halo: so much, or so many halos if that is more."""
BRIGHTNESS_PLANES, BRIGHTNESS_SIDE = 8, 1024
"""Planes, and pixels of each along a side, on which the mean brightness is measured."""

Restore = Callable[[nn.Module, Tensor], Tensor]


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
    """

    network: nn.Module
    restore: Restore
    normalization: Normalization
    brightness: tuple[float, ...]
    compute: Compute

    @torch.inference_mode()
    def denoise(
        self, planes: Planes, plane: int, window: Window = WHOLE
    ) -> NDArray[np.float32]:
        """Denoise a window of one plane in float32; a constant one is returned as it is.

        Returns
        -------
        ndarray
            Intensities, (channels, height, width), float32.
        """
        noisy = planes.read(plane, window)
        if noisy.min() == noisy.max():
            return noisy
        batch = torch.from_numpy(self.normalization.apply(noisy)[np.newaxis])
        batch = batch.to(self.compute.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        training = self.network.training
        network = Float32Outputs(self.network, self.compute).eval()
        denoised = self.restore(network, batch)[0].cpu().numpy()
        self.network.train(training)
        shift = np.asarray(self.brightness, np.float32)[:, np.newaxis, np.newaxis]
        return self.normalization.undo(denoised) + shift

    def lost_brightness(self, sources: Sequence[Planes]) -> tuple[float, ...]:
        """Return how much darker the denoised planes are than the noisy ones, per colour.

        Noise has zero mean, so a denoised image should have the mean of the noisy one;
        networks are off by a few per cent where noise grows with the signal. Measured on
        the middle of some planes, evenly spaced.
        """
        places = [(planes, at) for planes in sources for at in range(len(planes))]
        step = -(-len(places) // BRIGHTNESS_PLANES)
        lost, pixels = np.zeros(sources[0].channels), 0
        for planes, at in places[::step]:
            window = _middle(planes.shape[1]), _middle(planes.shape[2])
            difference = planes.read(at, window) - self.denoise(planes, at, window)
            lost += difference.sum(axis=(1, 2), dtype=float)
            pixels += difference[0].size
        return tuple(map(float, lost / pixels))


def predict(
    denoiser: Denoiser,
    planes: Planes,
    out: NDArray[np.float32],
    context: Context,
    *,
    halo: int,
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
    halo : int
        Radius of the network's receptive field in pixels.
    label : str
        Added to the stage's name.

    Returns
    -------
    int
        How many planes were denoised: all, unless a stop was asked for.
    """
    cut = list(_tiles(planes, halo))
    for plane in range(len(planes)):
        if context.stopping:
            return plane
        for number, tile in enumerate(cut, 1):
            values = denoiser.denoise(planes, plane, tile.read)
            rows, columns = tile.inner
            planes.write(out, plane, values[:, rows, columns], tile.write)
            done = plane * len(cut) + number
            yield Progress(done, len(planes) * len(cut), "predicting" + label)
    return len(planes)


def predict_plane(
    denoiser: Denoiser, planes: Planes, plane: int, *, halo: int
) -> NDArray[np.float32]:
    """Denoise one plane, tile by tile; returns (channels, Y, X)."""
    out = np.empty(planes.shape, np.float32)
    for tile in _tiles(planes, halo):
        rows, columns = tile.inner
        values = denoiser.denoise(planes, plane, tile.read)
        out[:, tile.write[0], tile.write[1]] = values[:, rows, columns]
    return out


def _tiles(planes: Planes, halo: int) -> Iterator[Tile]:
    _, height, width = planes.shape
    return tiles(height, width, size=max(TILE_SIZE, TILE_HALOS * halo), halo=halo)


def denoiser_of(
    method: LearnedMethod[Any],
    member: Member,
    compute: Compute,
    restore: Restore | None = None,
) -> Denoiser:
    """Return what denoises with one network of a model, by default as its method does."""
    network = place(member.network, compute.device)
    restore = restore or method.restore
    return Denoiser(network, restore, member.normalization, member.brightness, compute)


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
            denoiser_of(model.method, member, compute, restore),
            planes,
            out,
            context,
            halo=model.method.halo(model.config),
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


def _middle(length: int) -> slice:
    start = max(0, (length - BRIGHTNESS_SIDE) // 2)
    return slice(start, start + min(length, BRIGHTNESS_SIDE))
