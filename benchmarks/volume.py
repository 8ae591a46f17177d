"""Planes denoised by themselves against planes denoised with those beside them.

    python -m benchmarks.volume --data DIR

Rows are kept in ``benchmarks/results/volume.jsonl``; what is finished is not made again. The
stacks are: a z-stack of filaments and vesicles (synthetic), whose planes are so many depths of
focus apart; a time-lapse of moving cells (synthetic); and the four captures of a field of DIR,
as a time-lapse in which nothing moves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

from benchmarks.experiments import SCANNED
from benchmarks.harness import TABLES, Record, make_once, records
from napari_selfdenoise import api
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.synthetic import Camera, make_sample

RESULTS = "volume"
METHODS = "noise2void", "noise2self", "supervised"
SHAPE = 24, 192, 192
DEPTH = 2.0
"""Deviation of the blur along Z, in steps; twice as much is the depth of focus."""
CAMERA = Camera(gain=4.0, offset=100.0, read_noise=5.0)
Pair = tuple[Image, NDArray[np.floating]]


def filaments(spacing: float) -> Callable[[], Pair]:
    """Return what makes a z-stack whose planes are so many steps apart."""

    def make() -> Pair:
        rng = np.random.default_rng(0)
        depth, height, width = SHAPE
        light = np.zeros((round(depth * spacing), height, width))
        limits = np.array(light.shape)[:, None]
        for _ in range(round(40 * spacing)):
            course = np.cumsum(rng.normal(0, 0.25, (3, 3000)), axis=1) * [[0.2], [1], [1]]
            drift = rng.normal(0, [[0.01], [0.05], [0.05]], (3, 1)) * np.arange(3000)
            at = rng.uniform(0, 1, (3, 1)) * limits + drift + gaussian_filter(course, (0, 20))
            inside = np.all((at >= 0) & (at < limits - 0.5), axis=0)
            np.add.at(light, tuple(at[:, inside].round().astype(int)), 1.0)
        spots = tuple(rng.integers(0, side, round(200 * spacing)) for side in light.shape)
        np.add.at(light, spots, 60.0)
        light = gaussian_filter(light, (DEPTH, 1.2, 1.2))
        places = (np.arange(depth) * spacing).round().astype(int)
        photons = 1 + 25 * light[places] / np.percentile(light, 99.8)
        noisy = CAMERA.expose(photons, rng)
        return Image(noisy, "ZYX"), CAMERA.expected(photons)

    return make


def moving() -> Pair:
    """Make a time-lapse of moving cells."""
    sample = make_sample("cells_timelapse", shape=(16, 256, 256))
    return sample.noisy, np.asarray(sample.clean.data)


def captures(data: Path, condition: str) -> Callable[[], Pair]:
    """Return what reads the four captures of a field."""

    def make() -> Pair:
        read = [read_image(data / f"fmd/raw/{condition}_{n}.png").read() for n in range(1, 5)]
        clean = read_image(data / f"fmd/gt/{condition}_1.png").read()
        return Image(np.stack(read), "TYX"), np.stack([clean] * 4).astype(float)

    return make


def measured(make: Callable[[], Pair], method: str, dimensions: str) -> Record:
    """Denoise a stack, and return PSNR, and CPU seconds."""
    noisy, clean = make()
    span = float(np.ptp(clean))
    values = noisy.read().astype(float)
    facts: Record = {"noisy": round(psnr(values, clean, data_range=span), 3)}
    if method == "mean of five":
        begun = time.process_time()
        denoised = uniform_filter1d(values, 5, axis=0)
    else:
        begun = time.process_time()
        target = Image(clean.astype(np.float32), noisy.axes) if method == "supervised" else None
        settings: Record = {"dimensions": dimensions}
        if method == "supervised":
            settings["steps"] = 800
        result = api.denoise(noisy, method, settings=settings, target=target)
        denoised = np.asarray(result["denoised"].data, float)
    return {
        **facts,
        "psnr": round(psnr(denoised, clean, data_range=span), 3),
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


def table() -> str:
    """PSNR and CPU seconds of every stack and method."""
    rows: dict[str, dict[str, Record]] = {}
    for each in records(RESULTS):
        rows.setdefault(each["stack"], {})[f"{each['method']} {each['dimensions']}"] = each
    methods = [f"{method} {d}" for method in METHODS for d in "23"]
    names = " | ".join(f"{m.rpartition(' ')[0]}, {m[-1]}-D" for m in methods)
    lines = [
        "Stacks denoised plane by plane (2-D) and with two planes on either side (3-D): PSNR "
        "in dB over the range of the clean stack, and CPU seconds, training included, on one "
        "core that was shared with other work. A depth of focus is twice the deviation of the "
        "blur along Z. Supervised networks were trained on the clean stack itself, for 800 "
        "steps: the upper end.",
        "",
        f"| stack | noisy | mean of five planes | {names} |",
        "|---" * (3 + len(methods)) + "|",
    ]
    for stack, found in rows.items():
        cells = [f"{next(iter(found.values()))['noisy']:.2f}"]
        for method in ["mean of five ", *methods]:
            one = found.get(method)
            seconds = "" if method.startswith("mean") else " / {cpu_seconds:.0f} s"
            cells.append(("{psnr:.2f}" + seconds).format(**one) if one else "")
        lines.append(f"| {stack} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is not measured yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    stacks: dict[str, Callable[[], Pair]] = {
        "z-stack, 4 planes in a depth of focus": filaments(1.0),
        "z-stack, 2 planes in a depth of focus": filaments(2.0),
        "z-stack, 1 plane in a depth of focus": filaments(4.0),
        "time-lapse, cells that move": moving,
    }
    for condition in SCANNED:
        stacks[f"four captures of {condition}"] = captures(options.data, condition)
    for stack, make in stacks.items():
        make_once(
            RESULTS,
            lambda make=make: measured(make, "mean of five", ""),
            stack=stack,
            method="mean of five",
            dimensions="",
        )
        for method in METHODS:
            for dimensions in "23":
                make_once(
                    RESULTS,
                    lambda make=make, m=method, d=dimensions: measured(make, m, d),
                    stack=stack,
                    method=method,
                    dimensions=dimensions,
                )
                (TABLES / "volume.md").write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
