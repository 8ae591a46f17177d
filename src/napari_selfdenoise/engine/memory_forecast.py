"""How much memory a run will take, before it begins.

The images of the result are counted. What computing takes meanwhile was measured for each
method, per pixel that it works on at a time: of the patches of a step, of a tile, of a plane.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.outputs import Outputs
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.data.plane_pool import POOL_BYTES
from napari_selfdenoise.data.tiles import FITTED_TILE_SIZE, TILE_HALOS, TILE_SIZE
from napari_selfdenoise.engine.free_memory import free_memory, gigabytes
from napari_selfdenoise.engine.learned import LearnedMethod

TABLE = Path(__file__).with_name("memory_per_pixel.json")
"""Bytes per pixel of each stage of each method, in float32; `benchmarks.working_memory`
measures them."""
_FLOAT32 = 4


@dataclass(frozen=True)
class Need:
    """What a run takes beyond what the program has already, in bytes.

    Attributes
    ----------
    results : int
        The images of the result, unless they are written to files while they are made.
    work : int
        What computing takes meanwhile; 0 if that was not measured for the method.
    tiles : int
        Tiles of all planes, one after the other; 0 for a method that takes whole planes.
    """

    results: int
    work: int
    tiles: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.results + self.work


def need(
    method: Method[Any],
    image: Image,
    config: Config,
    sampling: Sampling,
) -> Need:
    """Return what denoising an image takes.

    Parameters
    ----------
    method, image, config
        As for `Method.denoise`; no pixel is read.
    sampling : Sampling
        How many samples are kept, for a method that has a posterior.
    """
    pixels = int(np.prod(image.shape, dtype=np.int64))
    at_once, table = pixels_at_once(method, image, config), _table().get(method.name, {})
    work = max((at_once[stage] * each for stage, each in table.items()), default=0)
    tiles = 0
    if isinstance(method, LearnedMethod):
        planes = pixels // (image.size("Y") * image.size("X") * image.size("S"))
        tiles = planes * _tiles_of_a_plane(method, image, config)
        work += min(POOL_BYTES, pixels * _FLOAT32)
    return Need(result_bytes(method, image, sampling), work, tiles)


def result_bytes(method: Method[Any], image: Image, sampling: Sampling) -> int:
    """Return what the images of a result take in memory when a run ends."""
    pixels = int(np.prod(image.shape, dtype=np.int64))
    return images_in_memory(method, sampling) * pixels * _FLOAT32


def images_in_memory(method: Method[Any], sampling: Sampling) -> int:
    """Return how many images of the size of the noisy one there are when a run ends."""
    if not method.samples_posterior:
        return 2  # denoised, residual
    # Denoised, residual and spread; the running mean and the squares that more samples go on
    # from; and of samples that are kept the list and, in the end, a stack.
    return 5 + 2 * min(sampling.keep_samples, sampling.samples) + sampling.generated_noise


def check_results_fit(
    method: Method[Any], image: Image, sampling: Sampling, outputs: Outputs
) -> None:
    """Refuse a run whose images would be kept in memory and do not fit.

    Raises
    ------
    ImageError
        Says how large they are, how much is free, and what to do.
    """
    if not outputs.in_memory:
        return
    size, free = result_bytes(method, image, sampling), free_memory()
    if size > free:
        raise ImageError(
            f"The result of {image.name} does not fit into the memory: "
            f"{images_in_memory(method, sampling)} images of "
            f"{image.describe().rpartition(',')[0]} in float32 take {gigabytes(size)}, and "
            f"{gigabytes(free)} are free. Have them written to OME-Zarr while they are made: "
            "in the viewer choose a folder for the results, in Python name a file (out=...), "
            "or use the command line. Or denoise a part of the image."
        )


def pixels_at_once(method: Method[Any], image: Image, config: Config) -> dict[str, int]:
    """Return how many pixels of a plane are worked on at a time, by stage."""
    height, width = image.size("Y"), image.size("X")
    pixels = {
        "plane": height * width,
        "prediction": min(height, FITTED_TILE_SIZE) * min(width, FITTED_TILE_SIZE),
    }
    if isinstance(method, LearnedMethod):
        told: Any = config
        patch = [min(told.patch_size or side, side) for side in (height, width)]
        pixels["training"] = told.batch_size * patch[0] * patch[1]
        size, beyond = _tile(method, config)
        pixels["prediction"] = min(height, size + 2 * beyond) * min(width, size + 2 * beyond)
    return pixels


def _tile(method: LearnedMethod[Any], config: Any) -> tuple[int, int]:
    """Return the side of a tile, and how many pixels it sees beyond on each side."""
    halo, only = method.halo(config), method.tile_size(config)
    if only:
        return only, 0
    if method.samples_posterior:
        from napari_selfdenoise.engine import sampler  # loads torch

        return sampler.TILE_SIZE, halo
    return max(TILE_SIZE, TILE_HALOS * halo), halo


def _tiles_of_a_plane(method: LearnedMethod[Any], image: Image, config: Any) -> int:
    size, beyond = _tile(method, config)
    step = size if beyond else size - 2 * method.halo(config)  # those of one size overlap
    counts = (1 + ceil(max(image.size(axis) - size, 0) / step) for axis in "YX")
    return prod(counts)


@cache
def _table() -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table
