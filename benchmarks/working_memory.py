"""How much memory each method takes while it works, for the forecast.

    python -m benchmarks.working_memory [METHOD ...]

Each method runs in a process of its own on an image of 768 x 768 pixels, in float32 on one
thread of the CPU, with a few steps: memory does not depend on their number. What the process
takes at most, beyond what it took before and without the images of the result, is divided by
the pixels it works on at a time, and written to the table that the forecast reads. In bfloat16
it is less.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any, Self

import numpy as np
import psutil

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine import memory_forecast
from napari_selfdenoise.engine.learned import LearnedMethod
from napari_selfdenoise.methods import METHODS, get

SIDE = 768
FEW = {"steps": 4, "iterations": 1}
"""Settings that make a run short."""
LARGE = {"batch_size": 16, "patch_size": 128}
"""Batches of a training that take more than all else it does."""
FITTED_IN_TILES = ("deep_image_prior",)
"""Methods without a trained network that cut planes into tiles."""
PREDICT_IN_TRAINING = {"tucker_pnp": "bm3d"}
"""Methods whose training predicts tiles, too, and gives whole planes to another method."""


class PeakMemory:
    """The most memory that this process has while it is entered, beyond what it had before."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._before = psutil.Process().memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.005):
            self.bytes = max(self.bytes, process.memory_info().rss - self._before)


def noisy(seed: int, side: int = SIDE) -> Image:
    """Return photon noise around stripes."""
    stripes = 100 + 50 * np.sin(np.arange(side) / 9)[:, np.newaxis]
    return Image(np.random.default_rng(seed).poisson(stripes, (side, side)).astype(np.uint16))


def measured(name: str) -> dict[str, int]:
    """Return the bytes per pixel of each stage of a method, in this process."""
    import torch

    torch.set_num_threads(1)
    method = get(name)
    declared = {each.name for each in method.Config.settings()}
    chosen = FEW | (LARGE if isinstance(method, LearnedMethod) else {})
    config = method.Config.from_json({k: v for k, v in chosen.items() if k in declared})
    image, held = noisy(0), 2 * 4 * SIDE**2
    # What libraries take when they are first used is not counted.
    finish(get("gaussian").denoise(noisy(2, 64), get("gaussian").Config(), Context()))
    small = get("lota_n2n")
    start = small.Config.from_json({"steps": 2, "patch_size": 32})
    finish(small.denoise(noisy(2, 64), start, Context(precision="float32")))
    pixels = memory_forecast.pixels_at_once(method, image, config)
    if not isinstance(method, LearnedMethod):
        with PeakMemory() as peak:
            finish(method.denoise(image, config, Context(precision="float32")))
        stage = "prediction" if name in FITTED_IN_TILES else "plane"
        return {stage: round(max(peak.bytes - held, 0) / pixels[stage])}
    from napari_selfdenoise.engine import runs
    from napari_selfdenoise.engine.sampler import MIRRORS

    targets = [noisy(1)] if method.target else []
    with PeakMemory() as training:
        context = Context(precision="float32", targets=targets)
        model = finish(runs.train(method, [image], config, context))
    # One of each mirrored image, whose encodings are all kept.
    sampling = Sampling(samples=len(MIRRORS), keep_samples=0)
    with PeakMemory() as prediction:
        result = finish(
            runs.apply(model, image, Context(precision="float32", sampling=sampling))
        )
    held = 4 * SIDE**2 * memory_forecast.images_in_memory(method, sampling)
    assert result is not None  # its images are held until here
    predicted = max(prediction.bytes - held, 0)
    if name in PREDICT_IN_TRAINING:
        most = max(training.bytes, predicted)
        return {"prediction": round(most / pixels["prediction"])}
    return {
        "training": round(training.bytes / pixels["training"]),
        "prediction": round(predicted / pixels["prediction"]),
    }


def main() -> None:
    """Measure, and write the table."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2])))
        return
    path = memory_forecast.TABLE
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name in sys.argv[1:] or sorted(METHODS):
        command = [sys.executable, "-m", "benchmarks.working_memory", "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        table[name] = json.loads(done.stdout.splitlines()[-1])
        if name in PREDICT_IN_TRAINING:
            table[name]["plane"] = table[PREDICT_IN_TRAINING[name]]["plane"]
        print(name, table[name], flush=True)
        path.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
