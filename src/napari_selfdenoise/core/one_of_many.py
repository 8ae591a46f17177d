"""One run of several, in a context of its own."""

from __future__ import annotations

from collections.abc import Callable

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, Run
from napari_selfdenoise.core.result import Result


def until_stop(
    run: Run[Result], context: Context, shown: Callable[[Event], Event | None]
) -> Run[Result | None]:
    """Go through a run; end it, without a result, when a stop is asked for.

    Parameters
    ----------
    run : generator
        In a context of its own (`Context.alone`), to which the stop is not handed on.
    context : Context
        Of all runs, that is asked to stop.
    shown : callable
        Takes an event of the run and returns what is passed on of it, if anything.
    """
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            result: Result = end.value
            return result
        if context.stopping:
            run.close()
            return None
        passed = shown(event)
        if passed is not None:
            yield passed
