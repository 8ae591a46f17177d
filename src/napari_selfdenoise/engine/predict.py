"""Prediction tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import WHOLE, Planes, Window
from napari_selfdenoise.data.tiles import tiles

TILE_SIZE = 512
"""Side of a tile in pixels, without its halo."""

Restore = Callable[[nn.Module, Tensor], Tensor]


@torch.inference_mode()
def predict_window(
    network: nn.Module,
    restore: Restore,
    normalization: Normalization,
    planes: Planes,
    plane: int,
    window: Window = WHOLE,
) -> NDArray[np.float32]:
    """Denoise a window of one plane in float32; a constant window is returned as it is.

    Returns
    -------
    ndarray
        Intensities, (channels, height, width), float32.
    """
    noisy = planes.read(plane, window)
    if noisy.min() == noisy.max():
        return noisy
    device = next(network.parameters()).device
    batch = torch.from_numpy(normalization.apply(noisy)[np.newaxis]).to(device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    training = network.training
    network.eval()
    denoised = restore(network, batch)[0].float().cpu().numpy()
    network.train(training)
    return normalization.undo(denoised)


def predict(
    network: nn.Module,
    restore: Restore,
    normalization: Normalization,
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
    network : torch.nn.Module
        The trained network.
    restore : callable
        ``restore(network, batch)`` returns the denoised batch.
    normalization : Normalization
        Applied before and undone after.
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
    _, height, width = planes.shape
    each = math.ceil(height / TILE_SIZE) * math.ceil(width / TILE_SIZE)
    done, total = 0, len(planes) * each
    for plane in range(len(planes)):
        if context.stopping:
            return plane
        for tile in tiles(height, width, size=TILE_SIZE, halo=halo):
            values = predict_window(network, restore, normalization, planes, plane, tile.read)
            rows, columns = tile.inner
            planes.write(out, plane, values[:, rows, columns], tile.write)
            done += 1
            yield Progress(done, total, "predicting" + label)
    return len(planes)
