"""Throughput and peak memory of applying a model to a zarr time-lapse larger than memory.

    python -m benchmarks.large_stack [GIGABYTES] [SIDE] [METHOD] [DTYPE]

A uint16 (or DTYPE) time-lapse of 2 GB (or so many GIGABYTES) with planes of 2048 (or SIDE)
pixels a side is made, a model of noise2void (or METHOD) with its default network is trained for
a few steps, and `apply` runs from the command line into OME-Zarr; then all is deleted. Its
throughput, from the first reading to the last level, is compared with that of the network on
the first tile of a plane in memory, with its halo, taken again and again with as many threads;
memory is the largest resident set of the process.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from benchmarks.harness import append, run_measured
from napari_selfdenoise import load, save, train
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import Planes
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.memory import reused_memory
from napari_selfdenoise.engine.predict_image import denoiser_of

CHUNK = 512
REPEATS = 8


def write_stack(path: Path, planes: int, side: int, dtype: np.dtype[Any]) -> None:
    """Write photon noise around a moving pattern, plane by plane."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    pattern = 200 + 100 * np.sin(rows / 20) * np.cos(columns / 30)
    noisy = rng.poisson(pattern).astype(dtype)
    array = zarr.create_array(
        path,
        shape=(planes, side, side),
        chunks=(1, CHUNK, CHUNK),
        dtype=dtype,
        dimension_names=["t", "y", "x"],
    )
    for plane in range(planes):
        array[plane] = np.roll(noisy, plane * 7, axis=(0, 1))


def pixels_per_second(path: Path, plane: np.ndarray) -> float:
    """Return how fast the network of a model is on one tile in memory, halo included."""
    model = load(path)
    denoiser = denoiser_of(model.method, model.config, model.members[0], Compute.of(Context()))
    tile = denoiser.tiles(*plane.shape)[0]
    planes = Planes(Image(plane[tile.read]), {})
    seconds = []
    with reused_memory():
        for _ in range(REPEATS):
            begun = time.perf_counter()
            denoiser.denoise(planes, 0)
            seconds.append(time.perf_counter() - begun)
    return plane[tile.write].size / float(np.median(seconds))


def main() -> None:
    """Measure and print."""
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    method = sys.argv[3] if len(sys.argv) > 3 else "noise2void"
    dtype = np.dtype(sys.argv[4] if len(sys.argv) > 4 else "uint16")
    planes = max(round(gigabytes * 1e9 / (dtype.itemsize * side**2)), 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack, model, out = (
            folder / "in.zarr",
            folder / "m.safetensors",
            folder / "out.ome.zarr",
        )
        write_stack(stack, planes, side, dtype)
        first = zarr.open_array(stack, mode="r")[0]
        save(train(first[:256, :256], method, settings={"steps": 20}), model)
        before = pixels_per_second(model, first)
        command = [sys.executable, "-m", "napari_selfdenoise.cli", "apply", str(model)]
        output = run_measured([*command, str(stack), "-o", str(out), "--json"])
        after = pixels_per_second(model, first)
        seconds = json.loads(output.text)["results"][0]["seconds"]
        tile = (before + after) / 2  # other programs may have come and gone meanwhile
        record = {
            "what": f"apply {method} to ({planes}, {side}, {side}) {dtype}, zarr to OME-Zarr",
            "gigabytes": round(planes * side**2 * dtype.itemsize / 1e9, 2),
            "seconds": seconds,
            "megapixels_per_second": round(planes * side**2 / seconds / 1e6, 3),
            "one_tile": [round(each / 1e6, 3) for each in (before, after)],
            "share_of_one_tile": round(planes * side**2 / seconds / tile, 3),
            "peak_gb": round(output.peak_bytes / 1e9, 2),
        }
        append("large_stack", record)
        print(record)


if __name__ == "__main__":
    main()
