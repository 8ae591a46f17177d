"""Noise2Void here against that of careamics 0.3.5, in the same run on the same core.

    python -m benchmarks.noise2void --data DIR --careamics PYTHON [--epochs N]

PYTHON is the interpreter of an environment with careamics, which the project does not need::

    python -m venv ENV
    ENV/bin/pip install careamics==0.3.5 torch==2.13.0

(Where pip finds no torchvision for both: careamics with ``--no-deps``, then what it asks for
but torchvision, which its N2V does not need.)

Every row is a process of its own with one thread on one core. What is finished is kept, so
that the run can be ended and taken up again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.experiments import AUTO, SCANNED, WIDE_FIELD, captures, fmd, short
from benchmarks.harness import TABLES, Record, make_once, measured, records, run_measured
from benchmarks.one_row import DATA_RANGE
from napari_selfdenoise.analysis.metrics import psnr, ssim
from napari_selfdenoise.data.io import read_image

RESULTS = "noise2void"
PEER = Path(__file__).with_name("careamics_n2v.py")
IMAGES = captures(SCANNED + WIDE_FIELD)
OURS: dict[str, tuple[str, Record, Record]] = {
    "noise2void": ("noise2void", {}, AUTO),
    "noise2void, unprepared": ("noise2void", {}, {}),
    "noise2void, variant=n2v2": ("noise2void", {"variant": "n2v2"}, AUTO),
    "noise2self": ("noise2self", {}, AUTO),
    "noise2self, every_lattice": ("noise2self", {"every_lattice": True}, AUTO),
}
"""What is measured here: method, settings and preparation."""
COLUMNS = "mean, dB", "at equal brightness", "and without WideField", "CPU seconds", "GB"


def ours(kind: str, name: str, data: Path) -> Record:
    """Denoise one capture here."""
    method, settings, preparation = OURS[kind]
    return measured(replace(fmd(method, name, settings), preparation=preparation), data)


def peer(name: str, data: Path, python: str, epochs: int) -> Record:
    """Denoise one capture with careamics."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "denoised.npy"
        image = data / f"fmd/raw/{name}.png"
        output = run_measured([python, str(PEER), str(image), str(out), str(epochs)])
        denoised = np.load(out)
    reference = read_image(data / f"fmd/gt/{name}.png").read().astype(float)
    clipped = np.clip(denoised, 0, DATA_RANGE).astype(float)
    ratio = float(clipped.mean() / reference.mean())
    figures: Record = json.loads(output.text.splitlines()[-1])
    return {
        **figures,
        "psnr": round(psnr(clipped, reference, data_range=DATA_RANGE), 4),
        "ssim": round(ssim(clipped, reference, data_range=DATA_RANGE), 4),
        "mean_ratio": round(ratio, 4),
        "psnr_matched": round(psnr(clipped / ratio, reference, data_range=DATA_RANGE), 4),
        "cpu_seconds": round(output.cpu_seconds, 2),
        "peak_gb": round(output.peak_bytes / 1e9, 2),
    }


def table() -> str:
    """PSNR and SSIM of every kind on every capture, CPU seconds and memory."""
    finished: dict[str, dict[str, Record]] = {}
    for record in records(RESULTS):
        finished.setdefault(record["kind"], {})[record["image"]] = record
    lines = [
        "PSNR in dB / SSIM against the mean of 50 captures, on single captures of real "
        "fluorescence (FMD, 8 bits, 512 x 512). Noise2Void and Noise2Self here with their "
        "default settings and the default preparation, which takes apart the noise of the "
        "wide-field images, except where it says unprepared; careamics 0.3.5 with its own "
        "defaults, patches of 64 x 64 pixels in batches of 16, and the steps that so many "
        "epochs make of one image. All with one thread on the same core, one after the "
        "other; seconds are CPU seconds of whole processes, because the core was shared. "
        "Captures differ in brightness from the mean of fifty by up to a tenth, which an "
        "unbiased result keeps: the means at equal brightness are of results scaled to it.",
        "",
        "| " + " | ".join(["method", *map(short, IMAGES), *COLUMNS]) + " |",
        "|---" * (1 + len(IMAGES) + len(COLUMNS)) + "|",
    ]
    for kind, rows in finished.items():
        scores = [
            f"{rows[name]['psnr']:.2f} / {rows[name]['ssim']:.3f}" if name in rows else ""
            for name in IMAGES
        ]
        cells = [kind, *scores, *(_means(rows) if len(rows) == len(IMAGES) else [""] * 3)]
        cells.append(f"{mean(row['cpu_seconds'] for row in rows.values()):.0f}")
        cells.append(f"{max(row['peak_gb'] for row in rows.values()):.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _means(rows: dict[str, Record]) -> list[str]:
    """Return the mean PSNR, that at equal brightness, and this without wide-field images."""
    scanned = captures(SCANNED)
    values = (
        mean(row["psnr"] for row in rows.values()),
        mean(row["psnr_matched"] for row in rows.values()),
        mean(rows[name]["psnr_matched"] for name in scanned),
    )
    return [f"{value:.2f}" for value in values]


def main() -> None:
    """Measure what is missing, image by image, then make the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with fmd/raw, fmd/gt")
    parser.add_argument("--careamics", help="Python that has careamics; without it only ours")
    parser.add_argument(
        "--epochs", type=int, default=30, help="of careamics; 30 is its default"
    )
    parser.add_argument("--core", type=int, default=0, help="the core that all run on")
    parser.add_argument("--kinds", nargs="*", default=list(OURS), choices=list(OURS))
    options: Any = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):  # Linux only
        os.sched_setaffinity(0, {options.core})
    for name in IMAGES:
        for kind in options.kinds:
            make_once(
                RESULTS,
                lambda kind=kind, name=name: ours(kind, name, options.data),
                kind=kind,
                image=name,
            )
        if options.careamics:
            make_once(
                RESULTS,
                lambda name=name: peer(name, options.data, options.careamics, options.epochs),
                kind=f"careamics, {options.epochs} epochs",
                image=name,
            )
        TABLES.mkdir(parents=True, exist_ok=True)
        (TABLES / "noise2void.md").write_text(table() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
