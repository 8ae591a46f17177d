"""Two local workers against one, on files denoised from the command line.

    python -m benchmarks.two_workers [METHOD] [SIDE]

Eight noisy images of 1024 (or SIDE) pixels a side are denoised with BM3D (or METHOD), once
with ``--workers 1`` and once with ``--workers 2``, each worker with one thread, in turn and
twice; the whole times of the faster ones are compared, start of the workers included (what
other programs take can only add to them), and so are the pixels.
"""

from __future__ import annotations

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

FILES, ROUNDS = 8, 2


def seconds(folder: Path, out: Path, method: str, workers: int) -> float:
    """Return how long the command takes with so many workers."""
    command = [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", str(folder)]
    begun = time.perf_counter()
    subprocess.run(
        [*command, "-m", method, "-o", str(out), "--workers", str(workers)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, VARIABLE: str(folder.with_name("settings.toml"))},
    )
    return time.perf_counter() - begun


def main() -> None:
    """Measure once and append the row."""
    method = sys.argv[1] if len(sys.argv) > 1 else "bm3d"
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        folder.with_name("settings.toml").write_text("threads = 1", encoding="utf-8")
        for seed in range(FILES):
            noisy = make_sample("cells", seed, shape=(side, side)).noisy
            write_tiff(folder / f"{seed}.tif", noisy)
        took: dict[int, list[float]] = {1: [], 2: []}
        for round_ in range(ROUNDS):
            outs = {workers: Path(name) / f"out{round_}{workers}" for workers in took}
            for workers, out in outs.items():
                took[workers].append(round(seconds(folder, out, method, workers), 1))
        for path in sorted(outs[1].glob("*.tif")):
            both = (read_image(out / path.name).read() for out in outs.values())
            np.testing.assert_array_equal(*both)
    row = {
        "method": method,
        "files": FILES,
        "side": side,
        "seconds_one": took[1],
        "seconds_two": took[2],
        "ratio": round(min(took[1]) / min(took[2]), 2),
    }
    append("two_workers", row)
    print(row)


if __name__ == "__main__":
    main()
