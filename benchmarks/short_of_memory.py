"""How often a model denoises an image for which there is not enough memory.

    python -m benchmarks.short_of_memory [RUNS]

Each run is a process of its own: a network is trained on a small image, then the process is
allowed 200 MB more address space than it has, which large tiles do not fit into, and denoises
a larger image. Where libraries lie, and so whether a block fits, is chance: this is a count,
not a test. A run has passed when it went on with smaller tiles to the same pixels, and is
refused when it said, in a sentence, that the memory does not suffice.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

LIMITED = """
import resource, sys
import numpy as np, torch
from napari_selfdenoise import apply, train
from napari_selfdenoise.core.events import Note
torch.set_num_threads(1)
noisy = np.random.default_rng(0).poisson(90, (400, 400)).astype(np.uint16)
settings = {"steps": 2, "width": 64, "patch_size": 32}
small = noisy[:64, :64]
model = train(small, "supervised", targets=small, settings=settings)
apply(model, small, out=sys.argv[1])  # starts what threads there will be
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 2**20, resource.RLIM_INFINITY))
notes = []
result = apply(
    model, noisy, out=sys.argv[1], overwrite=True, precision="float32",
    on_event=lambda event: isinstance(event, Note) and notes.append(event.text),
)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
assert any("going on with tiles of" in note for note in notes), notes
whole = apply(model, noisy, precision="float32")["denoised"].data
assert abs(result["denoised"].read() - whole).max() < 1e-4 * whole.std()
"""
REFUSED = "The memory does not suffice to denoise"


def main() -> None:
    """Count and print; fail if a run ends otherwise."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    passed = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            command = [sys.executable, "-c", LIMITED, str(Path(folder) / f"{run}.ome.zarr")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            passed += done.returncode == 0
            if done.returncode != 0:
                assert REFUSED in done.stderr, done.stderr
                refused += 1
    print(f"{runs} runs: {passed} went on with smaller tiles, {refused} refused in a sentence")


if __name__ == "__main__":
    main()
