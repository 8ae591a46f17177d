"""What a run tells its listener.

A run is a generator: it yields events and returns its result. The viewer, the command
line and a test differ only in what they do with the events.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from napari_selfdenoise.core.image import Image

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a stage is: `step` of `total`.

    Attributes
    ----------
    step, total : int
        Steps done and steps in all; ``step == total`` ends the stage.
    stage : str
        For example ``"training"`` or ``"predicting"``.
    """

    step: int
    total: int
    stage: str


@dataclass(frozen=True)
class Metrics:
    """Points of the learning curves at one step, named ``"train/loss"`` and the like."""

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Preview:
    """The region a user looks at, denoised by what has been learned so far.

    Attributes
    ----------
    image : Image
        A copy, so that the run can go on while it is shown.
    region : tuple of slice
        Where it lies in the input image, one slice per axis.
    """

    step: int
    image: Image
    region: tuple[slice, ...]


@dataclass(frozen=True)
class Note:
    """One sentence for the user."""

    text: str
    level: Literal["info", "warning"] = "info"


Event = Progress | Metrics | Preview | Note
Run = Generator[Event, None, T]


def finish(run: Run[T], listener: Callable[[Event], None] | None = None) -> T:
    """Drive `run` to its end and return what it returns.

    Parameters
    ----------
    run : generator
        A run that has not been started.
    listener : callable, optional
        Called with every event.
    """
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            result: T = end.value
            return result
        if listener is not None:
            listener(event)
