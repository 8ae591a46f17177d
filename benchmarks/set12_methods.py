"""Every method that learns from one image, or from none, on Set12 with Gaussian noise.

    python -m benchmarks.set12_methods --data DIR [--images 01 08] [--methods bm3d zs_n2n]

DIR holds ``natural/set12``. Noise of standard deviation 25 is added to each image from a
seed of its own, not clipped and not rounded. Every row is a process of its own with one
thread; what is finished is kept, so that the run can be ended and taken up again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.experiments import AUTO, one_image_methods
from benchmarks.harness import TABLES, Record, Row, make_once, measured, records
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image, write_tiff

RESULTS = "set12_methods"
SIGMA = 25
IMAGES = [f"{number:02d}" for number in range(1, 13)]
NOISY = "noisy"
LONGER: dict[str, tuple[str, Record]] = {
    f"{method}, {steps} steps": (method, {"steps": steps})
    for method, steps in (("noise2void", 5000), ("noise2self", 5000))
}
"""Row of the table -> method and settings: how much of the distance is time."""


def methods() -> list[str]:
    """Return the methods that need no other image, the noisy image itself, and `LONGER`."""
    return [NOISY, *one_image_methods(), *LONGER]


def noisy(data: Path, name: str) -> Image:
    """Return an image of Set12 with noise, float32."""
    clean = read_image(data / f"natural/set12/{name}.png").read().astype(float)
    rng = np.random.default_rng([SIGMA, int(name)])
    return Image((clean + rng.normal(0, SIGMA, clean.shape)).astype(np.float32), name=name)


def row(method: str, name: str, data: Path) -> Record:
    """Denoise one image with one method, with the default preparation."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_tiff(place / "noisy.tif", noisy(data, name))
        shutil.copy(data / f"natural/set12/{name}.png", place / "clean.png")
        prepared = {} if method == NOISY else AUTO
        plain, settings = LONGER.get(method, (method, {}))
        return measured(
            Row(plain, "noisy.tif", "clean.png", settings, preparation=prepared), place
        )


def table() -> str:
    """PSNR of every method on every image, the means, CPU seconds and memory."""
    finished: dict[str, dict[str, Record]] = {}
    for record in records(RESULTS):
        finished.setdefault(record["method"], {})[record["image"]] = record
    columns = [*IMAGES, "mean, dB", "mean SSIM", "CPU seconds", "GB"]
    lines = [
        f"PSNR in dB on the images of Set12 with Gaussian noise of standard deviation {SIGMA} "
        "(grey, 8 bits; noise neither clipped nor rounded, results clipped to 0 to 255), each "
        "image by itself, every method with its default settings (but for the steps of those "
        "at the end) and the default preparation. CPU seconds are of whole processes with "
        "one thread.",
        "",
        "| " + " | ".join(["method", *columns]) + " |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for method in filter(finished.__contains__, methods()):
        rows = finished[method]
        cells = [f"{rows[name]['psnr']:.2f}" if name in rows else "" for name in IMAGES]
        complete = len(rows) == len(IMAGES)
        for key, digits in (("psnr", 2), ("ssim", 3)):
            average = mean(each[key] for each in rows.values())
            cells.append(f"{average:.{digits}f}" if complete else "")
        cells.append(f"{mean(each['cpu_seconds'] for each in rows.values()):.0f}")
        cells.append(f"{max(each['peak_gb'] for each in rows.values()):.1f}")
        lines.append("| " + " | ".join([method, *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, image by image, then make the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with natural/set12")
    parser.add_argument("--images", nargs="*", default=IMAGES, choices=IMAGES)
    parser.add_argument("--methods", nargs="*", default=methods(), choices=methods())
    options: Any = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in options.images:
        for method in options.methods:
            make_once(
                RESULTS,
                lambda method=method, name=name: row(method, name, options.data),
                method=method,
                image=name,
            )
        TABLES.mkdir(parents=True, exist_ok=True)
        (TABLES / "set12.md").write_text(table() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
