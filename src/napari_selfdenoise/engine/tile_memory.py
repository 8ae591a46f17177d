"""Tiles that fit into the memory, judged by what a small one takes."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.data.planes import Planes, Window
from napari_selfdenoise.engine.free_memory import free_memory, gigabytes
from napari_selfdenoise.engine.memory import release_memory

if TYPE_CHECKING:
    from napari_selfdenoise.engine.predict import Denoiser

SMALL_SIDE = 128
"""Side of the tile that is measured, in pixels."""
MOST_PER_PIXEL = 4096
"""Bytes: where there are so many for each pixel of a tile, nothing need be measured. The most
that any network here takes is less than half of it."""
BESIDE_TENSORS = 2.5
"""A process takes 1.5 to 2.3 times what its tensors do, as measured with networks of three
methods on a CPU: workspaces of libraries, and free blocks that are too small."""


def fitted(denoiser: Denoiser, planes: Planes) -> Run[Denoiser]:
    """Return a denoiser whose tiles fit into the memory that is free; says so if they shrink.

    Raises
    ------
    ImageError
        If not even the tensors of the smallest tile fit.
    """
    free, pixels = _free(denoiser), _largest(denoiser, planes)
    if pixels <= SMALL_SIDE**2 or pixels * MOST_PER_PIXEL <= free:
        return denoiser
    release_memory()
    free = _free(denoiser)
    each = tensor_bytes_per_pixel(denoiser, planes)
    chosen = denoiser
    while _largest(chosen, planes) * each * BESIDE_TENSORS > free:
        try:
            chosen = chosen.smaller(planes)
        except ImageError as error:
            least = _largest(chosen, planes) * each
            if least > free:
                raise ImageError(
                    f"{error} One takes {gigabytes(least)} at least, and {gigabytes(free)} "
                    "are free, or allowed by the preferences."
                ) from error
            break
    if chosen is not denoiser:
        takes = gigabytes(_largest(denoiser, planes) * each * BESIDE_TENSORS)
        yield Note(
            f"A tile of the usual size would take about {takes} of memory, and "
            f"{gigabytes(free)} are free; going on with tiles of {chosen.largest_tile} pixels.",
            "warning",
        )
    return chosen


def tensor_bytes_per_pixel(denoiser: Denoiser, planes: Planes) -> float:
    """Return what tensors take for each pixel of a tile, at most at a time.

    Measured on a small tile in the middle of the first plane; 0 if it is constant.
    """
    rows, columns = (
        slice((side - min(side, SMALL_SIDE)) // 2, (side + min(side, SMALL_SIDE)) // 2)
        for side in planes.shape[1:]
    )
    window: Window = (rows, columns)
    side = denoiser.tile_size  # up to which smaller windows are mirrored
    pixels = max(rows.stop - rows.start, side) * max(columns.stop - columns.start, side)
    counted = _CountedTensors()
    with counted:
        denoiser.denoise(planes, 0, window)
    return counted.most / pixels


class _CountedTensors(TorchDispatchMode):
    """Counts the bytes of the tensors that are made while it is entered, until they go."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = self._now = 0
        self._counted: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            storage = each.untyped_storage() if isinstance(each, torch.Tensor) else None
            if storage is None or storage in self._counted:
                continue  # a view, or written in place
            self._counted.add(storage)
            self._now += storage.nbytes()
            weakref.finalize(storage, self._forget, storage.nbytes())
        self.most = max(self.most, self._now)
        return made

    def _forget(self, size: int) -> None:
        self._now -= size


def _largest(denoiser: Denoiser, planes: Planes) -> int:
    """Return the pixels of the largest tile with its halo."""
    read = (tile.read for tile in denoiser.tiles(*planes.shape[1:]))
    return max(int((y.stop - y.start) * (x.stop - x.start)) for y, x in read)


def _free(denoiser: Denoiser) -> int:
    """Return the bytes that are free where the network computes."""
    free, device = free_memory(), denoiser.compute.device
    if device.type != "cuda":
        return free
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(free, torch.cuda.mem_get_info(device)[0] + kept)
