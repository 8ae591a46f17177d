"""Posterior samples of one plane, tile by tile, from one encoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import Planes, Window
from napari_selfdenoise.data.tiles import Tile, tiles
from napari_selfdenoise.engine.draws import Draws
from napari_selfdenoise.engine.predict import Denoiser

TILE_SIZE = 1024
"""Side of a tile in pixels, without its halo."""
KEPT_BYTES = 2**30
"""Encodings kept for the next sample; tiles beyond it are encoded again."""

Plane = NDArray[np.float32]
Mirror = tuple[int, int]
"""Steps along Y and X: -1 mirrors."""
MIRRORS: tuple[Mirror, ...] = ((1, 1), (-1, 1), (1, -1), (-1, -1))
"""The image as it is, mirrored along either axis, and along both."""
_SIGNAL, _NOISE, _PRIOR = range(3)
"""What draws are for."""


class PlaneSampler:
    """Draws posterior samples of one plane.

    The noisy image is encoded once; of planes that are too large for that, as many tiles as
    `KEPT_BYTES` allow. Tiles get the draws of their place, so that together they show one
    sample. The receptive field of a deep network is larger than any halo, so tiles agree at
    their borders up to what is beyond it.

    Parameters
    ----------
    denoiser : Denoiser
        Network (in ``eval`` mode), normalisation and brightness. The network offers
        ``multiple``, ``latent_shapes``, ``encode``, ``sample``, ``sample_code`` and ``noise``
        as `nn.posterior_network.PosteriorNetwork` does.
    planes, plane : Planes, int
        Where the noisy pixels come from.
    halo : int
        Pixels that a tile sees beyond its own.
    seed : sequence of int
        Of this plane.
    mirrored : bool
        Whether samples are of the plane mirrored as `MIRRORS` says, in turn, and mirrored
        back. The first is of the plane as it is.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        planes: Planes,
        plane: int,
        halo: int,
        seed: Sequence[int],
        mirrored: bool,
    ) -> None:
        self._denoiser, self._planes, self._plane = denoiser, planes, plane
        self._seed, self._mirrors = list(seed), MIRRORS if mirrored else MIRRORS[:1]
        self._network = cast(Any, denoiser.network)
        multiple: int = self._network.multiple
        # Two pixels at the coarsest level, which its convolutions need in order to mirror.
        self._size = tuple(max(2, -(-side // multiple)) * multiple for side in planes.shape[1:])
        size, halo = (-(-each // multiple) * multiple for each in (TILE_SIZE, halo))
        self._tiles = list(tiles(self._size[0], self._size[1], size=size, halo=halo))
        self.forget()

    @cached_property
    def _constant(self) -> Plane | None:
        """The plane, if it holds one value: then there is nothing to sample."""
        whole = self._planes.read(self._plane)
        return whole if whole.min() == whole.max() else None

    def forget(self) -> None:
        """Drop the encodings."""
        self._kept: dict[tuple[Mirror, int], Any] = {}
        self._room = KEPT_BYTES

    @property
    def noise_steps(self) -> int:
        """How many steps `noisy_again` takes."""
        return 1 if self._constant is not None else 1 + self._size[self._network.noise.axis]

    def draw(self, number: int, context: Context) -> Plane | None:
        """Return sample `number`, (channels, Y, X) in intensities; None after a stop."""
        if self._constant is not None:
            return self._constant
        out = np.empty((self._planes.channels, *self._size), np.float32)
        draws = self._draws(number, _SIGNAL)
        mirror = self._mirrors[number % len(self._mirrors)]
        for at, tile in enumerate(self._tiles):
            if context.stopping:
                return None
            encoding = self._encoding(at, mirror)
            clean = self._run("sample", encoding, self._window(draws, tile))
            rows, columns = tile.inner
            out[:, tile.write[0], tile.write[1]] = clean[:, rows, columns]
        return self._cropped(in_intensities(self._denoiser, out))[:, :: mirror[0], :: mirror[1]]

    def noisy_again(self, context: Context) -> Iterator[Plane | None]:
        """Make a new noisy image of the signal of the first sample.

        Yields None after each step, and the image, (channels, Y, X) in intensities, last;
        ends before after a stop.
        """
        if self._constant is not None:
            yield self._constant
            return
        decoder = self._network.noise
        code = self._first_code()
        generator = self._generator([*self._seed, 0, _NOISE])
        draws = decoder.draws(1, self._size, generator)
        out = torch.empty_like(draws[0])
        with torch.inference_mode():
            for place, column in enumerate(decoder.columns(code, draws)):
                out.select(decoder.axis, place).copy_(column)
                if context.stopping:
                    return
                yield None
        yield self._cropped(self._denoiser.normalization.undo(out[0].cpu().numpy()))

    def _first_code(self) -> Tensor:
        """Return the code of sample 0 of the whole plane, in the precision of the network."""
        draws = self._draws(0, _SIGNAL)
        whole = torch.empty(0)
        for at, tile in enumerate(self._tiles):
            tile_draws = self._window(draws, tile)
            part: Tensor = self._call("sample_code", self._encoding(at, MIRRORS[0]), tile_draws)
            if at == 0:
                whole = part.new_empty(1, part.shape[1], *self._size)
            rows, columns = tile.inner
            whole[:, :, tile.write[0], tile.write[1]] = part[:, :, rows, columns]
        return whole

    def _encoding(self, at: int, mirror: Mirror) -> Any:
        if (mirror, at) in self._kept:
            return self._kept[mirror, at]
        values = self._denoiser.normalization.apply(self._read(self._tiles[at].read, mirror))
        batch = torch.from_numpy(values[np.newaxis]).to(self._denoiser.compute.device)
        encoding = self._call("encode", batch.contiguous(memory_format=torch.channels_last))
        size = sum(each.numel() * each.element_size() for each in encoding.prepared)
        if size <= self._room:
            self._room -= size
            self._kept[mirror, at] = encoding
        return encoding

    def _read(self, window: Window, mirror: Mirror) -> Plane:
        """Read a window of the mirrored, padded plane; what lies beyond it is reflected."""
        inside = []
        for part, side, step in zip(window, self._planes.shape[1:], mirror, strict=True):
            start, stop = min(part.start, side - 1), min(part.stop, side)
            inside.append(slice(start, stop) if step == 1 else slice(side - stop, side - start))
        values = self._planes.read(self._plane, (inside[0], inside[1]))
        values = values[:, :: mirror[0], :: mirror[1]]
        missing = [
            (0, part.stop - part.start - side)
            for part, side in zip(window, values.shape[1:], strict=True)
        ]
        return np.pad(values, ((0, 0), *missing), mode="reflect")

    def _draws(self, number: int, purpose: int) -> Draws:
        shapes = self._network.latent_shapes(self._size)
        device = self._denoiser.compute.device
        return Draws([*self._seed, number, purpose], shapes, device)

    def _window(self, draws: Draws, tile: Tile) -> list[Tensor]:
        rows, columns = tile.read
        size = rows.stop - rows.start, columns.stop - columns.start
        multiple: int = self._network.multiple
        start = rows.start // multiple, columns.start // multiple
        return draws.window(start, self._network.latent_shapes(size))

    def _generator(self, seed: Sequence[int]) -> torch.Generator:
        words = int(np.random.SeedSequence(seed).generate_state(1, np.uint32)[0])
        return torch.Generator(self._denoiser.compute.device).manual_seed(words)

    def _call(self, name: str, *arguments: Any) -> Any:
        return _call(self._denoiser, name, *arguments)

    def _run(self, name: str, *arguments: Any) -> Plane:
        image: Plane = self._call(name, *arguments)[0].float().cpu().numpy()
        return image

    def _cropped(self, image: Plane) -> Plane:
        _, height, width = self._planes.shape
        return image[:, :height, :width]


def from_prior(denoiser: Denoiser, size: Sequence[int], seed: Sequence[int]) -> Plane:
    """Return a clean image drawn from the prior, (channels, Y, X) in intensities."""
    network = cast(Any, denoiser.network)
    shapes = network.latent_shapes(size)
    draws = Draws([*seed, _PRIOR], shapes, denoiser.compute.device).window((0, 0), shapes)
    image = _call(denoiser, "generate", draws, size)
    return in_intensities(denoiser, image[0].float().cpu().numpy())


def in_intensities(denoiser: Denoiser, image: Plane) -> Plane:
    """Return a normalised clean image, (channels, Y, X), in intensities."""
    shift = np.asarray(denoiser.brightness, np.float32)[:, np.newaxis, np.newaxis]
    return denoiser.normalization.undo(image) + shift


@torch.inference_mode()
def _call(denoiser: Denoiser, name: str, *arguments: Any) -> Any:
    with denoiser.compute.cast():
        return getattr(denoiser.network, name)(*arguments)


def prior_image(drawn: list[Plane], image: Image) -> Image:
    """Return images drawn from the prior with the scale and units of an image's planes."""
    colours = "S" in image.axes
    data = np.stack([each.transpose(1, 2, 0) if colours else each[0] for each in drawn])
    axes = "YXS" if colours else "YX"
    places = [image.axes.index(axis) for axis in axes]
    plane = Image(
        data[0],
        axes,
        tuple(image.scale[place] for place in places),
        tuple(image.units[place] for place in places),
    )
    return plane.sampled(data, f"{image.name} prior")
