"""Records how a result came about."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import napari_selfdenoise
from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Note, Run
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.checks import Checked

T = TypeVar("T")
_SHAPES_THE_NUMBERS = ("torch", "numpy", "scipy", "scikit-image")


def record(
    method: Method[Any],
    config: Config,
    context: Context,
    checked: Checked,
    *,
    notes: tuple[str, ...] = (),
    device: str = "cpu",
    precision: str = "float32",
) -> Provenance:
    """Return the provenance of a run that ends now."""
    return Provenance(
        method=method.name,
        settings=config.to_json(),
        seed=context.seed,
        input_name=checked.image.name,
        input_hash=checked.digest,
        device=device,
        precision=precision,
        seconds=round(context.seconds, 3),
        versions=versions(),
        reference=method.reference,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=notes,
    )


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that shape the numbers."""
    found = {"napari-selfdenoise": napari_selfdenoise.__version__}
    for package in _SHAPES_THE_NUMBERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def with_notes(run: Run[T]) -> Run[tuple[T, tuple[str, ...]]]:
    """Pass the events of `run` on, and return the texts of its notes beside its result."""
    notes: dict[str, None] = {}  # a set that keeps the order
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            return end.value, tuple(notes)
        if isinstance(event, Note):
            notes[event.text] = None
        yield event


def threads() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
