"""Trains COSDD and keeps its state at several times, to be judged later.

    python -m benchmarks.cosdd_training --data DIR --name NAME --seconds S
        [--strength K] [--direction x|y] [--set NAME=VALUE ...]

Interrupted, the same command goes on where it was. The states are in
``benchmarks/results/cosdd_models`` (not kept in the repository).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS
from benchmarks.stripes import sets
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, Note, Progress
from napari_selfdenoise.engine import model as files
from napari_selfdenoise.engine import runs
from napari_selfdenoise.methods import get_learned

MODELS = RESULTS / "cosdd_models"
MARKS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.25, 0.33, 0.5, 0.67, 0.83)
"""Shares of the time at which the state is kept; at the end the model is."""


def train(images: list[Any], config: Any, name: str, seconds: float) -> Path:
    """Train for some seconds, or for all steps if these are 0; returns the model's file."""
    target = MODELS / f"{name}.safetensors"
    if target.exists():
        return target
    MODELS.mkdir(parents=True, exist_ok=True)
    checkpoint = MODELS / f"{name}.checkpoint"
    interval = max(5, seconds / 200)
    context = Context(time_budget=seconds, checkpoint=checkpoint, checkpoint_interval=interval)
    run = runs.train(get_learned("cosdd"), images, config, context)
    log = (MODELS / f"{name}.log").open("a", encoding="utf-8")
    marks = [share * seconds for share in MARKS if seconds]
    step, begun = 0, time.perf_counter()
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            files.save(end.value, target)
            facts = {"step": step, "seconds": time.perf_counter() - begun}
            target.with_suffix(".json").write_text(json.dumps(facts))
            return target
        if isinstance(event, Progress):
            step = event.step
        elif isinstance(event, Metrics):
            print(event.step, dict(event.values), file=log, flush=True)
        elif isinstance(event, Note):
            print(event.text, file=log, flush=True)
        if marks and context.seconds > marks[0] and checkpoint.exists():
            shutil.copy(checkpoint, MODELS / f"{name}.{marks.pop(0):.0f}.state")


def main() -> None:
    """Train one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--strength", type=float, default=3)
    parser.add_argument("--direction", default="x")
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", default=[])
    options = parser.parse_args()
    trained, _, _ = sets(options.data, options.strength, options.direction)
    values = dict(each.split("=") for each in options.set)
    config = get_learned("cosdd").Config.from_strings(values, options.preset)
    print(train(trained, config, options.name, options.seconds))


if __name__ == "__main__":
    main()
