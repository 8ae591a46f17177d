"""Rows that are measured once, appended to JSON lines, and never lost.

A row is one method with one set of settings on one image with one seed. Each is measured
in a process of its own, so that its peak memory and CPU time are its own, and appended to
a file as soon as it is finished. Rows that are in the file are not measured again: a table
can grow over hours and survive a kill.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
TABLES = Path(__file__).parents[1] / "docs" / "tables"
"""Where the tables of the docs are made."""
ROWS = "rows"
"""File of all finished rows: experiments share what they have in common."""
Record = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """What identifies one measurement.

    Attributes
    ----------
    method : str
        A name of the method table, or ``"noisy"`` for the image as it is.
    image : str
        Path of the noisy image inside the data folder.
    reference : str
        Path of the ground truth inside the data folder.
    settings : dict
        Values that differ from the defaults.
    seed : int
        Seed of the run.
    preparation : dict
        How the image is prepared, where it differs from not at all.
    """

    method: str
    image: str
    reference: str
    settings: Record = field(default_factory=dict)
    seed: int = 0
    preparation: Record = field(default_factory=dict)

    def same(self, record: Record) -> bool:
        """Whether a finished record is of this row; old ones tell of no preparation."""
        told = {"preparation": {}, **record}
        return all(told[key] == value for key, value in asdict(self).items())


def records(name: str) -> list[Record]:
    """Return what was appended to a file of results."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def append(name: str, record: Record) -> None:
    """Add a record to a file of results."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def make_once(name: str, make: Callable[[], Record], **identity: Any) -> None:
    """Make a record and keep it, unless one with this identity was made before."""
    if any(all(each.get(k) == v for k, v in identity.items()) for each in records(name)):
        return
    begun = time.perf_counter()
    record = identity | make()
    append(name, record)
    print(record, f"{time.perf_counter() - begun:.0f} s", flush=True)


def measure(title: str, rows: list[Row], data: Path) -> list[Record]:
    """Measure the rows that were not measured for any experiment; return all of them."""
    for number, row in enumerate(rows, 1):
        if finished([row]):
            continue
        record = {**asdict(row), **measured(row, data)}
        append(ROWS, record)
        print(f"{title} {number}/{len(rows)}: {summary(record)}", flush=True)
    return finished(rows)


def finished(rows: list[Row]) -> list[Record]:
    """Return the newest record of each row that was measured, in the order of `rows`."""
    newest_first = records(ROWS)[::-1]
    found = (next((each for each in newest_first if row.same(each)), None) for row in rows)
    return [record for record in found if record is not None]


def measured(row: Row, data: Path) -> Record:
    """Run one row in a process of its own and return its figures."""
    command = [sys.executable, "-m", "benchmarks.one_row", str(data), json.dumps(asdict(row))]
    begun = time.perf_counter()
    output = run_measured(command)
    figures: Record = json.loads(output.text.splitlines()[-1])
    figures["seconds"] = round(time.perf_counter() - begun, 2)
    figures["cpu_seconds"] = round(output.cpu_seconds, 2)
    figures["peak_gb"] = round(output.peak_bytes / 1e9, 2)
    return figures


@dataclass(frozen=True)
class Output:
    """What a finished process printed and used."""

    text: str
    cpu_seconds: float
    peak_bytes: int


def run_measured(command: list[str], *, stderr: int | None = None) -> Output:
    """Run a command to its end and return what it printed, its CPU time and peak memory.

    Its standard error goes to the open file `stderr`, if there is one.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    with process.stdout:
        text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {process.returncode}")
    return Output(text, usage.ru_utime + usage.ru_stime, _peak_bytes(usage))


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def summary(record: Record) -> str:
    """Say a record in one line."""
    settings = {**record["settings"], **record["preparation"]}
    changed = " ".join(f"{key}={value}" for key, value in settings.items())
    return (
        f"{record['method']} {changed} {record['image']} seed {record['seed']}: "
        f"{record['psnr']:.2f} dB, {record['seconds']:.1f} s"
    )
