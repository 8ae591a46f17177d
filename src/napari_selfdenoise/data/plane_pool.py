"""Planes kept in memory for training; where there is no room for all, they take turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

POOL_BYTES = 512 * 2**20
"""Size of all planes that are kept in memory; a single plane may be larger."""
LONGEST_TURN = 32
"""Patches after which a plane makes room for another one, at most: reading costs time."""
PASSES = 2
"""How often each plane should come, at least, in a training that is long enough."""

Place = tuple[int, int]
"""A source and a plane of it."""


@dataclass(eq=False)
class _Pooled:
    place: Place
    values: NDArray[np.float32]
    given: int = 0
    """Patches that were cut from it in this turn."""


class PlanePool:
    """Planes kept in memory, from which patches are cut.

    All planes are kept if there is room. If not, each makes room for another one after its
    turn of a few patches, and comes back when all others had their turn.

    Parameters
    ----------
    places : sequence of (int, int)
        The planes, as (source, plane).
    load : callable
        ``load(source, plane)`` returns the values of a plane.
    size : callable
        ``size(source)`` returns the bytes of a plane of a source.
    rng : numpy.random.Generator
        All random numbers come from it.
    planned : int
        Patches that will be cut in all, if that is known: turns are so short that every plane
        comes `PASSES` times.
    """

    def __init__(
        self,
        places: Sequence[Place],
        load: Callable[[int, int], NDArray[np.float32]],
        size: Callable[[int], int],
        rng: np.random.Generator,
        *,
        planned: int = 0,
    ) -> None:
        self._load, self._size, self._rng = load, size, rng
        self._waiting, self._done = list[Place](), list(places)
        self._pool: list[_Pooled] = []
        turn = planned // (PASSES * max(len(places), 1)) if planned else LONGEST_TURN
        self._turn = min(max(turn, 1), LONGEST_TURN)

    @property
    def complete(self) -> bool:
        """Whether every plane is in memory."""
        return not self._waiting and not self._done

    def take(self, count: int) -> list[tuple[int, NDArray[np.float32]]]:
        """Return the source and the values of `count` planes, one for each patch of a step.

        They differ from each other as far as there are so many in memory.
        """
        self._fill()
        chosen: list[int] = []
        while len(chosen) < count:
            several = min(count - len(chosen), len(self._pool))
            chosen += self._rng.choice(len(self._pool), several, replace=False).tolist()
        taken = [self._pool[at] for at in chosen]
        for each in taken:
            each.given += 1
        return [(each.place[0], each.values) for each in taken]

    def reload(self, place: Place) -> None:
        """Load a plane anew, if it is in memory."""
        for each in self._pool:
            if each.place == place:
                each.values = self._load(*place)

    def state(self) -> dict[str, Any]:
        """Return what decides the next planes, as plain values."""
        return {
            "waiting": [list(place) for place in self._waiting],
            "done": [list(place) for place in self._done],
            "pool": [[*each.place, each.given] for each in self._pool],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self._waiting = [(source, plane) for source, plane in state["waiting"]]
        self._done = [(source, plane) for source, plane in state["done"]]
        self._pool = [
            _Pooled((source, plane), self._load(source, plane), given)
            for source, plane, given in state["pool"]
        ]

    def _fill(self) -> None:
        """Let go of planes whose turn is over, and load others as far as there is room."""
        if self.complete:
            return
        self._done += [each.place for each in self._pool if each.given >= self._turn]
        self._pool = [each for each in self._pool if each.given < self._turn]
        used = sum(each.values.nbytes for each in self._pool)
        while not self.complete:
            if not self._waiting:
                order = self._rng.permutation(len(self._done))
                self._waiting, self._done = [self._done[at] for at in order], []
            used += self._size(self._waiting[-1][0])
            if self._pool and used > POOL_BYTES:
                break
            place = self._waiting.pop()
            self._pool.append(_Pooled(place, self._load(*place)))
