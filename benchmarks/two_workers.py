"""Two local workers against one, on files denoised from the command line.

    python -m benchmarks.two_workers [METHOD] [SIDE]

Eight noisy images of 1024 (or SIDE) pixels a side are denoised with BM3D (or METHOD), once
with ``--workers 1`` and once with ``--workers 2``, each worker with one thread, in turn and
twice; the whole times of the faster ones are compared, start of the workers included (what
other programs take can only add to them), and so are the pixels. What two cores can do at
best is measured with them: two commands without a cluster, half of the files each, at the same
time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import append
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.preferences import VARIABLE
from napari_selfdenoise.methods import METHODS

FILES, ROUNDS = 8, 2


def seconds(folder: Path, *commands: list[str]) -> float:
    """Return how long commands take that run at the same time."""
    settings = str(folder.with_name("settings.toml"))
    begun = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, VARIABLE: settings},
        )
        for command in commands
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"a command of {commands} failed")
    return round(time.perf_counter() - begun, 1)


def main() -> None:
    """Measure once and append the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", nargs="?", default="bm3d", choices=list(METHODS))
    parser.add_argument("side", nargs="?", default=1024, type=int)
    options = parser.parse_args()
    method, side = options.method, options.side
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        folder.with_name("settings.toml").write_text("threads = 1", encoding="utf-8")
        for seed in range(FILES):
            noisy = make_sample("cells", seed, shape=(side, side)).noisy
            write_tiff(folder / f"{seed}.tif", noisy)
        files = sorted(map(str, folder.glob("*.tif")))
        halves = files[::2], files[1::2]
        took: dict[int, list[float]] = {1: [], 2: []}
        apart = []
        for round_ in range(ROUNDS):
            outs = {workers: Path(name) / f"out{round_}{workers}" for workers in took}
            for workers, out in outs.items():
                command = [str(folder), "-m", method, "-o", str(out)]
                took[workers].append(seconds(folder, [*command, "--workers", str(workers)]))
            out = Path(name) / f"apart{round_}"
            commands = [[*half, "-m", method, "-o", str(out / half[0][-5])] for half in halves]
            apart.append(seconds(folder, *commands))
        for path in sorted(outs[1].glob("*.tif")):
            both = (read_image(out / path.name).read() for out in outs.values())
            np.testing.assert_array_equal(*both)
    row = {
        "method": method,
        "files": FILES,
        "side": side,
        "seconds_one": took[1],
        "seconds_two": took[2],
        "seconds_apart": apart,
        "ratio": round(min(took[1]) / min(took[2]), 2),
        "ratio_apart": round(min(took[1]) / min(apart), 2),
    }
    append("two_workers", row)
    print(row)


if __name__ == "__main__":
    main()
