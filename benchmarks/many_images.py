"""Memory and time of a training on a folder of thousands of images.

    python -m benchmarks.many_images [NUMBER]

2,000 TIFF images (or NUMBER) of 512 x 512 pixels, uint16, 1 GB, are made, IDDP is trained on
them from the command line with a narrow network and few steps, and they are deleted. The
process's own bar, on a terminal of its own, tells when all images were read, and when the
first step was made; memory is the largest resident set.
"""

from __future__ import annotations

import os
import pty
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.harness import append, run_measured

SHAPE = (512, 512)
STEPS = 100
COMMAND = [sys.executable, "-m", "napari_selfdenoise.cli", "train"]
SETTINGS = [f"steps={STEPS}", "width=8", "patch_size=64", "batch_size=4"]
BAR = 3e9
"""Bytes of memory that must not be exceeded."""


def write_images(folder: Path, number: int) -> None:
    """Write photon noise around patterns; no two images are the same."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    patterns = [
        200 + 100 * np.sin(rows / (9 + k)) * np.cos(columns / (15 + k)) for k in range(7)
    ]
    noise = rng.standard_normal(SHAPE)
    for at in range(number):
        pattern = patterns[at % len(patterns)]
        noisy = pattern + np.sqrt(pattern) * np.roll(noise, at, axis=(0, 1))
        tifffile.imwrite(folder / f"{at:05}.tif", noisy.astype(np.uint16))


class Watched:
    """A terminal that notes when each stage is first and last shown."""

    def __init__(self) -> None:
        self._parent, self.child = pty.openpty()
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._begun = time.perf_counter()
        self._thread.start()

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self.child)
        self._thread.join()

    def _watch(self) -> None:
        try:
            while shown := os.read(self._parent, 4096):
                seconds = time.perf_counter() - self._begun
                for stage in ("reading", "measuring intensities", "training"):
                    if f"  {stage}  ".encode() in shown:
                        self.first.setdefault(stage, seconds)
                        self.last[stage] = seconds
        except OSError:  # a terminal without a user ends in this way
            pass
        os.close(self._parent)


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        folder.mkdir()
        write_images(folder, number)
        options = [each for setting in SETTINGS for each in ("--set", setting)]
        model = Path(name) / "model.safetensors"
        command = [*COMMAND, str(folder), "-o", str(model), "-m", "iddp", "--device", "cpu"]
        terminal, begun = Watched(), time.perf_counter()
        output = run_measured([*command, *options], stderr=terminal.child)
        seconds = time.perf_counter() - begun
        terminal.close()
    reading = terminal.last["reading"] - terminal.first["reading"]
    record = {
        "what": f"train iddp on {number} images {SHAPE} uint16, {STEPS} steps",
        "peak_gb": round(output.peak_bytes / 1e9, 2),
        "images_read_per_second": round((number - 1) / reading),
        "seconds_to_first_step": round(terminal.first["training"], 1),
        "seconds_measuring": round(
            terminal.first["training"] - terminal.first["measuring intensities"], 1
        ),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(output.cpu_seconds, 1),
    }
    append("many_images", record)
    print(record)
    if output.peak_bytes > BAR:
        sys.exit(f"More than {BAR / 1e9:.0f} GB of memory.")


if __name__ == "__main__":
    main()
