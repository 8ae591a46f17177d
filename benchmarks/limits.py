"""Peak memory of a large stack, and the CPU time of ``--help``.

    python -m benchmarks.limits

A (50, 1024, 1024) uint16 TIFF is made, denoised from the command line by every method
that takes a few minutes at most, and deleted; memory is the largest resident set of the
process. LoTA-N2N trains with few steps: its memory does not depend on their number.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.harness import append, run_measured

SHAPE = (50, 1024, 1024)
COMMAND = [sys.executable, "-m", "napari_selfdenoise.cli"]
METHODS = {"gaussian": [], "lota_n2n": ["--set", "steps=100"]}


def write_stack(path: Path) -> None:
    """Write photon noise around a smooth pattern, page by page."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    pattern = 200 + 100 * np.sin(rows / 20) * np.cos(columns / 30)
    with tifffile.TiffWriter(path) as file:
        for _ in range(SHAPE[0]):
            file.write(rng.poisson(pattern).astype(np.uint16), contiguous=True)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Path(folder) / "stack.tif"
        write_stack(stack)
        for method, options in METHODS.items():
            output_folder = str(Path(folder) / method)
            command = [*COMMAND, "denoise", str(stack), "-m", method, "-o", output_folder]
            begun = time.perf_counter()
            output = run_measured([*command, "--axes", "TYX", *options])
            record = {
                "what": f"denoise {SHAPE} uint16 with {method} {' '.join(options)}".strip(),
                "peak_gb": round(output.peak_bytes / 1e9, 2),
                "seconds": round(time.perf_counter() - begun, 1),
            }
            append("limits", record)
            print(record, flush=True)
    output = run_measured([*COMMAND, "--help"])
    record = {"what": "--help", "cpu_seconds": round(output.cpu_seconds, 2)}
    append("limits", record)
    print(record)


if __name__ == "__main__":
    main()
