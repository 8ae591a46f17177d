"""How well the noise check measures, on images whose noise is known.

    python -m benchmarks.noise_check --data DIR

Gain and read noise on synthetic images, the direction of stripe noise, what is said of real
fluorescence, and the time for a large image; written to docs/tables/noise_check.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from benchmarks.harness import ROWS, TABLES, records
from benchmarks.stripes import clean_images, noisy
from napari_selfdenoise.analysis.advice import diagnose
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.noise_direction import noise_direction
from napari_selfdenoise.data.phantom import Optics, background, chromatin, draw, grow_cells
from napari_selfdenoise.data.photon_transfer import photon_transfer
from napari_selfdenoise.data.synthetic import Camera
from napari_selfdenoise.methods import METHODS, get

Array = np.ndarray[Any, Any]

CAMERAS = [
    Camera(gain, offset, read_noise)
    for gain, offset, read_noise in (
        (0.5, 0, 0),
        (0.5, 100, 2),
        (1, 100, 1.5),
        (1, 500, 10),
        (2.1, 100, 3.4),
        (2.1, 500, 10),
        (5, 0, 0),
        (5, 100, 10),
        (10, 500, 3),
        (10, 100, 10),
    )
]
PEAK = 100
"""Photons of the brightest pixel."""
LEAST = 0.3
"""Photons; a read noise below that cannot be seen among them, and is right if it is so, too."""
CASES, OF_A_CASE = 50, 8
"""Cases of stripe noise, and images of 180 x 180 of each: the pixels of one of 512 x 512."""


def main() -> None:
    """Measure all and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    parts = [camera_table(data), direction_table(data), real_table(data), speed()]
    (TABLES / "noise_check.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print("\n\n".join(parts))


def phantom(seed: int, haze: float) -> Array:
    """Return the photons of cells of 1024 x 1024 pixels, above `haze` photons."""
    rng = np.random.default_rng(seed)
    shape, optics = (1024, 1024), Optics(0.108, 0.12)
    cells = grow_cells((shape[0] * optics.pixel, shape[1] * optics.pixel), rng)
    light = draw(cells, shape, optics, chromatin(rng))
    return light * PEAK / light.max() + haze * background(shape, rng)


def natural(file: Path, shutter: bool) -> Array:
    """Return the photons of a natural image, a fifth of it in the dark with a shutter."""
    photons = imread(file) / 255 * PEAK
    if shutter:
        photons[:, : photons.shape[1] // 5] = 0
    return photons


def scenes(data: Path) -> Iterator[tuple[str, list[Callable[[], Array]]]]:
    """Yield kinds of scenes."""
    files = sorted((data / "natural" / "set12").glob("*.png"))
    large = [file for file in files if imread(file).shape == (512, 512)]
    small = [file for file in files if file not in large]
    yield "cells, 1024 x 1024", [lambda s=s: phantom(s, 0) for s in range(5)]
    yield "cells in haze of 5 photons", [lambda s=s: phantom(s, 5) for s in range(5)]
    for name, group in (("512 x 512", large), ("256 x 256", small)):
        for shutter in (True, False):
            dark = "a fifth dark" if shutter else "no dark place"
            yield (
                f"natural, {name}, {dark}",
                [lambda f=f, d=shutter: natural(f, d) for f in group],
            )


def camera_table(data: Path) -> str:
    """Errors of gain and read noise of all cameras on each kind of scene."""
    lines = [
        f"Gain and read noise from one image: {len(CAMERAS)} cameras (gain 0.5 to 10, offset 0 "
        "to 500, read noise 0 to 10, rounded to 16 bits) on each scene, the brightest pixel "
        f"{PEAK} photons. Read noise of less than {LEAST} photons counts as right if it is "
        "found to be so, and the rounding may count as read noise or not. The last columns "
        "count the true read noise inside the range that is told, and how often that range is "
        "no wider than 35 %, so that one number is told. Natural images have noise of their "
        "own, of up to 6 % of the variance of their photons, which no measurement can tell "
        "from noise: the gain is that much too large.",
        "",
        "| scenes | images | gain within 5 % | median error | worst | read noise within 15 % "
        "| inside its range | told as a number | of these within 15 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, group in scenes(data):
        rows = [
            _measured(photons(), camera, seed)
            for seed, photons in enumerate(group)
            for camera in CAMERAS
        ]
        gain, right, inside, sure = (np.array(each) for each in zip(*rows, strict=True))
        of_sure = f"{np.mean(right[sure]):.0%}" if sure.any() else "-"
        lines.append(
            f"| {name} | {len(rows)} | {np.mean(gain < 0.05):.0%} | {np.median(gain):.1%} "
            f"| {gain.max():.0%} | {np.mean(right):.0%} | {np.mean(inside):.0%} "
            f"| {np.mean(sure):.0%} | {of_sure} |"
        )
    return "\n".join(lines)


def _measured(photons: Array, camera: Camera, seed: int) -> tuple[float, bool, bool, bool]:
    found = photon_transfer(camera.expose(photons, np.random.default_rng(seed)))
    true = float(np.hypot(camera.read_noise, np.sqrt(1 / 12)))  # with the rounding
    unseen = LEAST * camera.gain
    low, high = found.read_noise_range
    # Where all values of the dark are equal, rounding adds nothing.
    right = (
        0.85 * camera.read_noise <= found.read_noise < 1.15 * true
        or max(found.read_noise, true) < unseen
    )
    inside = low <= 1.05 * true and (high >= 0.95 * true or true < unseen)
    return abs(found.gain / camera.gain - 1), right, inside, high <= 1.35 * low


def direction_table(data: Path) -> str:
    """How often the direction of stripes is found."""
    clean = clean_images(data)
    lines = [
        f"Direction of the noise of COSDD's paper (`benchmarks/stripes.py`), {CASES} cases of "
        f"{OF_A_CASE} natural images of 180 x 180 each, drawn by chance; and single images:",
        "",
        "| strength | direction | right | right on single images |",
        "|---|---|---|---|",
    ]
    for strength in (3, 1, 0):
        for direction in "xy" if strength else "-":
            right = []
            for size in (OF_A_CASE, 1):
                right.append(0)
                for case in range(CASES):
                    chosen = np.random.default_rng(case).choice(len(clean), size, False)
                    stack = np.stack(
                        [_striped(clean[n], strength, direction, int(n)) for n in chosen]
                    )
                    found = noise_direction([stack]).axis
                    right[-1] += found == (direction if strength else "none")
            lines.append(
                f"| {strength}x | {direction} | {right[0]} of {CASES} | {right[1]} of {CASES} |"
            )
    return "\n".join(lines)


def _striped(image: Array, strength: float, direction: str, seed: int) -> Array:
    if direction == "y":
        return noisy(image.T, strength, seed).T
    return noisy(image, strength, seed)


def real_table(data: Path) -> str:
    """Say what the check says of each capture of real fluorescence, and advises first."""
    methods = [get(name) for name in METHODS]
    lines = [
        "Real fluorescence (FMD, 512 x 512, 8 bits). True is the standard deviation of the "
        "noise, from the differences of two captures at equal brightness, over that of the "
        "photon-transfer line: in the dark, the middle and the bright half of the image. The "
        "last column is what the method advised first is below the best of those measured on "
        "the capture with their defaults.",
        "",
        "| capture | what is said | true / measured | along x, y | advised | below the best |",
        "|---|---|---|---|---|---|",
    ]
    for file in sorted((data / "fmd" / "raw").glob("*.png")):
        image = read_image(file)
        found = diagnose(image, methods, {})
        (check,) = found.checks
        first = found.advice[0].method
        lines.append(
            f"| {image.name} | {check} | {_truth(file, check.transfer)} "
            f"| {check.direction.along_x:.2f}, {check.direction.along_y:.2f} "
            f"| {first} | {_below(first, file.name)} |"
        )
    return "\n".join(lines)


def _truth(file: Path, found: Any) -> str:
    number = int(file.stem[-1])
    other = file.with_name(f"{file.stem[:-1]}{5 - number}.png")
    ours, theirs = (imread(each).astype(float) for each in (file, other))
    clean = imread(file.parents[1] / "gt" / file.name).astype(float)
    variance = (ours - theirs * ours.mean() / theirs.mean()) ** 2 / 2
    level = clean * ours.mean() / clean.mean()
    bounds = np.quantile(level, (0.05, 0.25, 0.5, 0.95))
    ratios = []
    for low, high in pairwise(bounds):
        place = (level >= low) & (level <= high) & (level < 200)
        line = np.maximum(found.gain * (level[place] - found.offset), 0) + found.read_noise**2
        ratios.append(f"{np.sqrt(variance[place].mean() / line.mean()):.2f}")
    return " / ".join(ratios)


def _below(method: str, name: str) -> str:
    prepared = {"stabilise": "auto", "decorrelate": "auto"}
    scores = {
        each["method"]: each["psnr"]
        for each in records(ROWS)
        if each["image"].endswith(name)
        and not each["settings"]
        and each["preparation"] == prepared
    }
    return f"{max(scores.values()) - scores[method]:.2f} dB" if method in scores else ""


def speed() -> str:
    """Time of the whole check on one large image."""
    light = 50 + 50 * np.sin(np.arange(2048) / 300)
    counts = np.random.default_rng(0).poisson(np.ones((2048, 1)) * light).astype(np.uint16)
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        diagnose(Image(counts, "YX"), [], {})
        seconds.append(time.process_time() - begun)
    return f"2048 x 2048 pixels are checked in {min(seconds):.1f} s of one CPU core."


if __name__ == "__main__":
    main()
