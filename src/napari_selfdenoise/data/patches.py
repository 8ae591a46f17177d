"""Random training patches, and validation patches from a place of their own."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.beside import as_channels, read_beside
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.plane_pool import Place, PlanePool
from napari_selfdenoise.data.planes import Planes, Window

SMALLEST = 16
"""Sides of patches in pixels, at least."""
MANY_IMAGES = 5
"""From this number on whole images are held out, not places."""
VALIDATION_PATCHES = 16


class Patches:
    """Random training patches, and validation patches from a place of their own.

    The validation patches never overlap a training patch: a band of every plane is held
    out, or whole images where there are many. (Neighbouring planes of a stack show nearly
    the same thing, so holding out planes of one stack would not be independent.)

    However many images there are, only some planes are in memory, see `PlanePool`; the
    patches of one step come from different ones.

    Parameters
    ----------
    sources : sequence of Planes
        Where patches come from, all of one number of colour channels.
    normalization : Normalization
        Applied to every patch.
    patch_size : int
        Side of a patch in pixels; 0 for whole planes. Cut down if most planes are smaller;
        if only some are, these are mirrored up to the size of a patch.
    validation_fraction : float
        Share of the pixels that is held out; 0 for none.
    rng : numpy.random.Generator
        All random numbers come from it.
    multiple : int
        The sides of a patch are multiples of this.
    targets : sequence of Planes
        One for each source and of its shape, or none at all: every patch comes with the
        channels of its target, normalised alike, after its own.
    planned : int
        Training patches that will be drawn in all, if that is known.
    beside : int
        Planes on each side of its own that a patch shows, too: their channels come after its
        own, see `read_beside`, and before those of a target.
    quarter_turns : bool
        Whether augmented patches may be turned by 90 degrees: not if noise has a direction.
    """

    def __init__(
        self,
        sources: Sequence[Planes],
        normalization: Normalization,
        *,
        patch_size: int,
        validation_fraction: float,
        rng: np.random.Generator,
        multiple: int = 1,
        targets: Sequence[Planes] = (),
        planned: int = 0,
        beside: int = 0,
        quarter_turns: bool = True,
    ) -> None:
        self.rng, self._targets, self._beside = rng, targets, beside
        self.sources = sources
        """Where patches come from."""
        self._companions: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.normalization = normalization
        """Applied to every patch."""
        sides = np.array([planes.shape[1:] for planes in sources])
        typical = map(statistics.median_low, sides.T.tolist())
        self.shape = tuple(_patch_side(side, patch_size, multiple) for side in typical)
        """Height and width of a patch in pixels."""
        self._quarter_turns = quarter_turns and self.shape[0] == self.shape[1]
        self.mirrored = int((sides < self.shape).any(axis=1).sum())
        """Number of sources that are smaller than a patch."""
        self._validation_patches: NDArray[np.float32] | None = None
        self._held_out: list[Place] = []
        self._split(validation_fraction)
        self._places = [(s, p) for s, planes in enumerate(sources) for p in range(len(planes))]
        self._order = [place for place in self._places if place[0] in self._training]
        self._planned = planned
        self._pool = self._new_pool()

    @property
    def validates(self) -> bool:
        """Whether anything is held out."""
        return bool(self._held_out)

    def places(self) -> list[Place]:
        """Return the planes in use, as (source, plane): trained on or held out."""
        return list(self._places)

    def thin_out(self, most: int) -> None:
        """Use no more than `most` planes, evenly spaced, and as many that are held out."""
        held_out = sorted({*self._held_out} - {*self._order})
        kept = {*_spaced(sorted(self._order), most), *_spaced(held_out, most)}
        self._places = [place for place in self._places if place in kept]
        self._order = [place for place in self._order if place in kept]
        self._held_out = [place for place in self._held_out if place in kept]
        self._pool = self._new_pool()

    def normalised(self, source: int, plane: int) -> NDArray[np.float32]:
        """Return a whole plane as patches are cut from it, without companions."""
        return self.normalization.apply(self.sources[source].read(plane))

    def accompany(self, source: int, plane: int, images: NDArray[np.float32]) -> None:
        """Give a plane companions, (channels, Y, X): every patch of it comes with theirs.

        They follow the plane's own channels, cut from the same place. Given anew, they
        replace the former ones. Either every plane has as many of them or none.
        """
        self._companions[source, plane] = images
        self._validation_patches = None
        self._pool.reload((source, plane))

    def companion(self, source: int, plane: int) -> NDArray[np.float32]:
        """Return the companions of a plane, (channels, Y, X)."""
        return self._companions[source, plane]

    def companions(self) -> dict[str, NDArray[np.float32]]:
        """Return all companions under plain names, for `load_companions`."""
        return {f"{s}/{p}": images for (s, p), images in self._companions.items()}

    def load_companions(self, companions: Mapping[str, NDArray[np.float32]]) -> None:
        """Take companions that `companions` returned."""
        for name, images in companions.items():
            source, _, plane = name.partition("/")
            self.accompany(int(source), int(plane), images)

    def draw(self, count: int, *, augment: bool = False) -> NDArray[np.float32]:
        """Return `count` random training patches, (count, channels, height, width).

        With `augment` each is turned by a multiple of 90 degrees (of 180, if it is no
        square or the noise has a direction) and mirrored at random.
        """
        patches = []
        for source, values in self._pool.take(count):
            rows, columns = self._random_window(self._windows[source])
            patch = values[:, rows, columns]
            patches.append(self._turned(patch) if augment else patch)
        return np.stack(patches)

    def _turned(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        quarters, mirror = (int(each) for each in self.rng.integers((4, 2)))
        if not self._quarter_turns:
            quarters = quarters // 2 * 2
        patch = np.rot90(patch, quarters, (1, 2))
        return patch[..., ::-1] if mirror else patch

    def validation(self) -> NDArray[np.float32]:
        """Return the held-out patches; the same at every call, but for their companions."""
        if self._validation_patches is not None:
            return self._validation_patches
        counts = [len(self._grid(source)) for source, _ in self._held_out]
        ends = np.cumsum(counts)
        chosen = np.linspace(0, ends[-1] - 1, min(VALIDATION_PATCHES, ends[-1])).astype(int)
        patches = []
        for at in chosen:
            place = int(np.searchsorted(ends, at, side="right"))
            source, plane = self._held_out[place]
            rows, columns = self._grid(source)[at - ends[place] + counts[place]]
            patches.append(self._load(source, plane)[:, rows, columns])
        self._validation_patches = np.stack(patches)
        return self._validation_patches

    def state(self) -> dict[str, Any]:
        """Return what decides the next draws, as plain values."""
        return {"rng": self.rng.bit_generator.state, **self._pool.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with the draws where `state` was taken."""
        self.rng.bit_generator.state = state["rng"]
        self._pool.load_state(state)

    def _split(self, fraction: float) -> None:
        everything = range(len(self.sources))
        whole = [self._padded(planes) for planes in self.sources]
        self._windows = {s: [_window(0, 0, *whole[s])] for s in everything}
        self._bands: dict[int, Window] = {}
        self._training = set(everything)
        if fraction > 0 and len(everything) >= MANY_IMAGES:
            count = max(1, round(fraction * len(everything)))
            held = sorted(map(int, self.rng.permutation(everything)[:count]))
            self._bands = {s: self._windows[s][0] for s in held}
            self._training -= {*held}
        elif fraction > 0:
            for s in everything:
                windows, band = split_by_place(*whole[s], fraction, self.shape, self.rng)
                self._windows[s] = windows
                if band is not None:
                    self._bands[s] = band
        self._held_out = [(s, p) for s in self._bands for p in range(len(self.sources[s]))]

    def _grid(self, source: int) -> list[Window]:
        """Return the patches that fit side by side into what is held out of a source."""
        rows, columns = self._bands[source]
        height, width = self.shape
        return [
            _window(top, left, height, width)
            for top in range(rows.start, rows.stop - height + 1, height)
            for left in range(columns.start, columns.stop - width + 1, width)
        ]

    def _padded(self, planes: Planes) -> tuple[int, int]:
        return max(planes.shape[1], self.shape[0]), max(planes.shape[2], self.shape[1])

    def _load(self, source: int, plane: int) -> NDArray[np.float32]:
        read = read_beside(self.sources[source], plane, self._beside)
        values = as_channels(self.normalization.apply(read))
        if self._targets:
            target = self.normalization.apply(self._targets[source].read(plane))
            values = np.concatenate([values, target])
        if (source, plane) in self._companions:
            values = np.concatenate([values, self._companions[source, plane]])
        height, width = self._padded(self.sources[source])
        missing = (0, height - values.shape[1]), (0, width - values.shape[2])
        return np.pad(values, ((0, 0), *missing), mode="reflect")

    def _bytes(self, source: int) -> int:
        shown = 1 + 2 * self._beside + bool(self._targets)
        channels = self.sources[source].channels * shown
        channels += len(next(iter(self._companions.values()), ()))
        height, width = self._padded(self.sources[source])
        return 4 * channels * height * width

    def _new_pool(self) -> PlanePool:
        return PlanePool(self._order, self._load, self._bytes, self.rng, planned=self._planned)

    def _random_window(self, windows: list[Window]) -> Window:
        height, width = self.shape
        room = [
            (rows.stop - rows.start - height + 1, columns.stop - columns.start - width + 1)
            for rows, columns in windows
        ]
        positions = np.array([down * across for down, across in room])
        at = int(self.rng.integers(positions.sum()))
        which = int(np.searchsorted(np.cumsum(positions), at, side="right"))
        down, across = divmod(at - int(positions[:which].sum()), room[which][1])
        rows, columns = windows[which]
        return _window(rows.start + down, columns.start + across, height, width)


def split_by_place(
    height: int,
    width: int,
    fraction: float,
    patch: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[list[Window], Window | None]:
    """Hold out a band across the longer side of a plane.

    Returns
    -------
    training : list of Window
        What is left on both sides of the band, each at least as large as a patch.
    band : Window or None
        The held-out band; ``None`` if the plane is too small for both.
    """
    longer = 0 if height >= width else 1
    length = (height, width)[longer]
    band = max(patch[longer], round(fraction * length))
    if length - band < patch[longer]:
        return [_window(0, 0, height, width)], None
    # At a random place, but never so that both sides are too small for a patch.
    starts = [
        start
        for start in range(length - band + 1)
        if max(start, length - band - start) >= patch[longer]
    ]
    start = starts[int(rng.integers(len(starts)))]
    pieces = [(0, start), (start, start + band), (start + band, length)]
    windows: list[Window] = []
    for first, last in pieces:
        side = slice(first, last)
        windows.append((side, slice(0, width)) if longer == 0 else (slice(0, height), side))
    training = [windows[at] for at in (0, 2) if pieces[at][1] - pieces[at][0] >= patch[longer]]
    return training, windows[1]


def _patch_side(side: int, patch_size: int, multiple: int) -> int:
    wanted = min(patch_size or side, side)
    return max(wanted // multiple * multiple, -(-SMALLEST // multiple) * multiple)


def _spaced(places: list[Place], most: int) -> list[Place]:
    chosen = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)
    return [places[at] for at in chosen]


def _window(top: int, left: int, height: int, width: int) -> Window:
    return slice(top, top + height), slice(left, left + width)
