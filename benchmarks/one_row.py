"""Measure one row: ``python -m benchmarks.one_row DATA ROW``, ROW as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.harness import Record, Row
from napari_selfdenoise.analysis.metrics import psnr, ssim
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.engine.preparation import UNPREPARED, Preparation
from napari_selfdenoise.engine.prepare import denoise
from napari_selfdenoise.engine.provenance import versions
from napari_selfdenoise.methods import get

DATA_RANGE = 255
"""Of the 8-bit images; outputs are clipped to it for the score."""


def figures(row: Row, data: Path) -> Record:
    """Denoise and score one row."""
    noisy = read_image(data / row.image)
    reference = read_image(data / row.reference).read().astype(float)
    took = 0.0
    prepared: Record = {}
    if row.method == "noisy":
        denoised = noisy.read()
    else:
        method = get(row.method)
        config = method.Config.from_json(row.settings)
        preparation = Preparation.from_json({**UNPREPARED.to_json(), **row.preparation})
        run = denoise(method, noisy, config, Context(seed=row.seed), preparation)
        result = finish(run)
        prepared = dict(result.provenance.preparation)
        denoised, took = result["denoised"].read(), result.provenance.seconds
    clipped = np.clip(denoised, 0, DATA_RANGE).astype(float)
    ratio = float(clipped.mean() / reference.mean())
    return {
        "psnr": round(psnr(clipped, reference, data_range=DATA_RANGE), 4),
        "ssim": round(ssim(clipped, reference, data_range=DATA_RANGE), 4),
        "mean_ratio": round(ratio, 4),
        "psnr_matched": round(psnr(clipped / ratio, reference, data_range=DATA_RANGE), 4),
        "prepared": prepared,
        "run_seconds": round(took, 2),
        "versions": versions(),
    }


if __name__ == "__main__":
    print(json.dumps(figures(Row(**json.loads(sys.argv[2])), Path(sys.argv[1]))))
