"""A batch that is killed at random moments, whether it resumes, and to the same pixels.

    python -m benchmarks.interrupted [METHOD] [KILLS]

12 stacks are denoised from the command line with BM3D (or METHOD), once without and once with
ten (or KILLS) interruptions by SIGKILL, each at a random moment of the work, and the same
command again after each. Fails if a pixel differs, a file is missing or a stray one is left.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import append
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.synthetic import make_sample

FILES, SHAPE = 12, (6, 256, 256)


def started(folder: Path, method: str, out: Path) -> subprocess.Popen[str]:
    """Start the command that denoises all."""
    command = [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", str(folder)]
    return subprocess.Popen(
        [*command, "-m", method, "-o", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def killed(process: subprocess.Popen[str], out: Path, after: float) -> bool:
    """Kill a process so many seconds after its work has begun; False if it ended before."""
    lines = sum(len(each.read_bytes()) for each in out.glob(".*.journal"))
    while process.poll() is None:
        now = sum(len(each.read_bytes()) for each in out.glob(".*.journal"))
        if now > lines:
            break
        time.sleep(0.002)
    time.sleep(after)
    ended = process.poll() is not None
    process.kill()
    process.communicate()
    return not ended


def main() -> None:
    """Measure, check and print."""
    method = sys.argv[1] if len(sys.argv) > 1 else "bm3d"
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name:
        folder, whole, out = (Path(name) / each for each in ("in", "whole", "out"))
        folder.mkdir()
        for at in range(FILES):
            noisy = make_sample("cells_timelapse", at, shape=SHAPE).noisy
            write_tiff(folder / f"{at:02}.tif", noisy)
        process = started(folder, method, whole)
        while not list(whole.glob(".*.journal")):
            time.sleep(0.002)
        begun = time.perf_counter()
        process.communicate()
        assert process.returncode == 0
        seconds = time.perf_counter() - begun
        rng, counted = random.Random(0), []
        for _ in range(kills):
            # So early that most kills meet some work, though what was begun is begun anew.
            after = rng.uniform(0, 2 * seconds / kills)
            if killed(started(folder, method, out), out, after):
                counted.append(len(list(out.glob("[0-9]*.tif"))))
        process = started(folder, method, out)
        printed, _ = process.communicate()
        assert process.returncode == 0
        assert len(printed.split()) == FILES, printed
        names = sorted(path.name for path in out.iterdir())
        assert names == sorted(path.name for path in whole.iterdir()), names
        for each in names:
            pixels = [read_image(place / each).read().tobytes() for place in (out, whole)]
            assert pixels[0] == pixels[1], each
        record = {
            "what": f"{FILES} files with {method}, killed {len(counted)} times",
            "images_there_at_each_kill": counted,
            "bit_identical": True,
            "stray_files": 0,
        }
        append("interrupted", record)
        print(record)


if __name__ == "__main__":
    main()
