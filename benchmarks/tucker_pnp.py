"""NN+BM3D+T on the images of its paper, and against the paper's procedure run plainly.

Everything is trained on one noisy "Lena" (Set12's 08.png, or its 2x2 means of 256x256) with
seeded Gaussian noise, not clipped, and scored on what the network makes of it, never on the
image of the prior. The trained networks then denoise images they have not seen.

    python -m benchmarks.tucker_pnp --data DIR [--only PART ...]

DIR holds ``natural``. Trained models and finished rows are kept and not made again, so that
the tables may grow over several runs. The parts ``time`` and ``large`` want a quiet machine;
``paper`` trains for up to an hour.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from skimage.io import imread

from benchmarks.harness import RESULTS, Record, make_once, run_measured
from benchmarks.tucker_plain import Plain
from benchmarks.tucker_tables import RESULT, write_tables
from napari_selfdenoise import api
from napari_selfdenoise.analysis.metrics import psnr, ssim
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.data.phantom import chromatin
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.model import Model
from napari_selfdenoise.solvers.bm3d import bm3d
from napari_selfdenoise.solvers.tucker import factorised, make_low_rank

Array = np.ndarray[Any, Any]

MODELS = RESULTS / "tucker_pnp_models"
SIGMAS, SEEDS = (25, 20, 30), (0, 1, 2)
PAPER = {"preset": "paper"}
ABLATIONS: list[Record] = [
    {},
    {"renoise": 0.0},
    {"warm_up": 0.0, "updates": 9},
    {"dual": "ascent"},
    {"rho": 100.0},
    {"all_orientations": False},
    {"weight_average": 0.0},
    {"variety": 0.0},
]
WITH_T: Record = {"low_rank": True}
WITHOUT_T: Record = {}
UNPREPARED: Any = {"stabilise": "off", "decorrelate": "off"}
TIMED_EPOCHS, EPOCHS = 2, 100
SIDE_OF_LARGE, LARGE_BUDGET = 4096, 300


def lena(data: Path, size: int) -> Array:
    """Return the clean image, of 512 or 256 pixels."""
    image = imread(data / "natural/set12/08.png").astype(float)
    return image if size == 512 else image.reshape(256, 2, 256, 2).mean((1, 3))


def noisy(clean: Array, sigma: float, *seed: int) -> Array:
    """Add seeded Gaussian noise, not clipped."""
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return (clean + noise).astype(np.float32)


def scores(image: Array, clean: Array) -> Record:
    """Return PSNR in dB and SSIM for 8 bits."""
    values = image.astype(float)
    return {
        "psnr": round(psnr(values, clean, data_range=255), 3),
        "ssim": round(ssim(values, clean, data_range=255), 4),
    }


def settings_of(changed: Record) -> Record:
    """Return the arguments of the Python interface for what differs from the defaults."""
    values = dict(changed)
    preset = values.pop("preset", None)
    return {"settings": values} | ({"preset": preset} if preset else {})


def model_of(
    data: Path, changed: Record, size: int, sigma: int, seed: int
) -> tuple[Model, Array]:
    """Return a trained model, kept from an earlier run if there is one, and its image."""
    image = noisy(lena(data, size), sigma, seed)
    names = "-".join(f"{key}={value}" for key, value in changed.items()) or "default"
    path = MODELS / f"{names}-{size}-{sigma}-{seed}.safetensors"
    if not path.exists():
        begun = time.perf_counter()
        model = api.train(image, "tucker_pnp", seed=seed, **UNPREPARED, **settings_of(changed))
        print(f"{path.stem}: trained in {time.perf_counter() - begun:.0f} s", flush=True)
        api.save(model, path)
    return api.load(path), image


def in_sample(data: Path, changed: Record, size: int, sigma: int, seed: int) -> Record:
    """Denoise the image that was trained on; BM3D beside it."""
    model, image = model_of(data, changed, size, sigma, seed)
    clean = lena(data, size)
    ours = scores(api.apply(model, image)["denoised"].read(), clean)
    prior = finish(bm3d(torch.from_numpy(image), estimate_sigma(image))).numpy()
    return ours | {"bm3d": scores(prior, clean)["psnr"]}


def out_sample(
    data: Path, changed: Record, sigma: int, seed: int, folder: str, tested: int
) -> Record:
    """Denoise other images, with the same or with other noise."""
    model, _ = model_of(data, changed, 256, sigma, seed)
    found = []
    for number, path in enumerate(sorted((data / "natural" / folder).glob("*.png"))):
        if folder == "set12" and path.stem == "08":
            continue
        clean = imread(path).astype(float)
        denoised = api.apply(model, noisy(clean, tested, tested, number))["denoised"].read()
        found.append(scores(denoised, clean))
    return {key: round(float(np.mean([each[key] for each in found])), 4) for key in found[0]}


row = partial(make_once, RESULT)
"""Make a row of the tables, unless it was made before."""


def in_row(data: Path, changed: Record, size: int, sigma: int, seed: int) -> None:
    """Make one row of `in_sample`."""
    row(
        lambda: in_sample(data, changed, size, sigma, seed),
        what="in-sample",
        settings=changed,
        size=size,
        sigma=sigma,
        seed=seed,
    )


def out_row(data: Path, changed: Record, sigma: int, seed: int, folder: str, test: int) -> None:
    """Make one row of `out_sample`."""
    row(
        lambda: out_sample(data, changed, sigma, seed, folder, test),
        what="out-sample",
        settings=changed,
        sigma=sigma,
        seed=seed,
        folder=folder,
        tested=test,
    )


def part_quality(data: Path) -> None:
    """In- and out-sample at every noise level, and the misaligned levels."""
    for sigma in SIGMAS:
        in_row(data, {}, 256, sigma, 0)
        for folder in ("set12", "bsd68_a"):
            out_row(data, {}, sigma, 0, folder, sigma)
    in_row(data, {}, 512, 25, 0)
    for sigma in SIGMAS:
        for tested in SIGMAS:
            out_row(data, {}, sigma, 0, "bsd68_a", tested)


def part_low_rank(data: Path) -> None:
    """With and without low-rank approximation, three seeds of noise and weights."""
    for seed in SEEDS:
        for changed in (WITH_T, WITHOUT_T):
            in_row(data, changed, 256, 25, seed)
            for folder in ("set12", "bsd68_a"):
                out_row(data, changed, 25, seed, folder, 25)


def part_seeds(data: Path) -> None:
    """Train on other noise, from other weights."""
    for seed in SEEDS[1:]:
        for sigma in SIGMAS:
            in_row(data, {}, 256, sigma, seed)


def part_ablation(data: Path) -> None:
    """Each choice of the default, taken back."""
    for changed in ABLATIONS:
        in_row(data, changed, 256, 25, 0)
        for folder in ("set12", "bsd68_a"):
            out_row(data, changed, 25, 0, folder, 25)


def part_paper(data: Path) -> None:
    """Run the preset of the paper's procedure to its end."""
    in_row(data, PAPER, 256, 25, 0)
    for folder in ("set12", "bsd68_a"):
        out_row(data, PAPER, 25, 0, folder, 25)


def part_time(data: Path) -> None:
    """Time the command line against the plain procedure, and an application."""
    image = noisy(lena(data, 256), 25, 0)

    def plain_and_ours() -> Record:
        plain = Plain(image)
        return {
            "plain_seconds": round(plain.seconds(TIMED_EPOCHS, EPOCHS), 1),
            **command_line(image, lena(data, 256)),
            "threads": torch.get_num_threads(),
        }

    row(plain_and_ours, what="time")
    row(lambda: seconds_to_apply(data), what="apply")


def command_line(image: Array, clean: Array) -> Record:
    """Run the command line as a user does: whole process, imports and files included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noisy.tif"
        tifffile.imwrite(path, image)
        command = [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", str(path)]
        begun = time.perf_counter()
        output = run_measured([*command, "-o", folder, "-m", "tucker_pnp"])
        seconds = time.perf_counter() - begun
        found = scores(tifffile.imread(next(Path(folder).glob("*.denoised.tif"))), clean)
    return found | {"seconds": round(seconds, 1), "cpu_seconds": round(output.cpu_seconds, 1)}


def seconds_to_apply(data: Path) -> Record:
    """Apply a trained model to 512x512 pixels: in eight orientations, in one, in float32."""
    image = noisy(lena(data, 512), 25, 0)
    found: Record = {}
    for name, changed, precision in (
        ("eight", {}, "auto"),
        ("one", {"all_orientations": False}, "auto"),
        ("eight_float32", {}, "float32"),
    ):
        model, _ = model_of(data, changed, 256, 25, 0)
        finish(runs.apply(model, Image(image), Context(precision=precision)))
        begun = time.perf_counter()
        result = finish(runs.apply(model, Image(image), Context(precision=precision)))
        denoised = result["denoised"].read()
        found[f"{name}_seconds"] = round(time.perf_counter() - begun, 2)
        found[f"{name}_psnr"] = scores(denoised, lena(data, 512))["psnr"]
    return found


def part_poisson(data: Path) -> None:
    """Poisson-Gaussian noise, with and without stabilisation."""
    clean = lena(data, 256)
    rng = np.random.default_rng(0)
    image = (10 * rng.poisson(clean / 10) + rng.normal(0, 5, clean.shape)).astype(np.float32)
    for method in ("bm3d", "tucker_pnp"):
        for stabilise in ("off", "on"):

            def make(method: str = method, stabilise: str = stabilise) -> Record:
                result = api.denoise(image, method, stabilise=stabilise, decorrelate="off")
                return scores(result["denoised"].read(), clean)

            row(make, what="poisson-gaussian", method=method, stabilise=stabilise)


def part_large(_: Path) -> None:
    """Denoise a synthetic micrograph of 4096x4096 pixels with strong noise."""

    def make() -> Record:
        rng = np.random.default_rng(0)
        clean = 100 * np.tile(chromatin(rng, SIDE_OF_LARGE // 8), (8, 8))
        image = noisy(clean, clean.std(), 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "micrograph.tif"
            tifffile.imwrite(path, image)
            command = [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", str(path)]
            command += ["-o", folder, "-m", "tucker_pnp", "--preset", "micrograph"]
            command += ["--time-budget", str(LARGE_BUDGET)]
            begun = time.perf_counter()
            output = run_measured(command)
            seconds = time.perf_counter() - begun
            denoised = tifffile.imread(next(Path(folder).glob("*.denoised.tif")))
        span = float(np.ptp(clean))
        return {
            "noisy_psnr": round(psnr(image.astype(float), clean, data_range=span), 2),
            "psnr": round(psnr(denoised.astype(float), clean, data_range=span), 2),
            "seconds": round(seconds),
            "peak_gb": round(output.peak_bytes / 1e9, 1),
        }

    row(make, what="large")


def part_factorised(data: Path) -> None:
    """Time the network of the paper's preset with its kernels as three factors each."""

    def make() -> Record:
        model, _ = model_of(data, PAPER, 256, 25, 0)
        dense = model.members[0].network.eval().to(memory_format=torch.channels_last)
        split = copy.deepcopy(dense)
        kernels = make_low_rank(split)
        for name, kernel in kernels.items():
            parent, _, last = name.rpartition(".")
            convolution = split.get_submodule(name)
            setattr(split.get_submodule(parent), last, factorised(convolution, kernel))
        split.to(memory_format=torch.channels_last)
        pixels = torch.from_numpy(noisy(lena(data, 512), 25, 0))[None, None]
        pixels = (pixels - pixels.mean()) / pixels.std()
        found: Record = {
            "parameters_dense": sum(each.numel() for each in dense.parameters()),
            "parameters_factorised": sum(each.numel() for each in split.parameters()),
        }
        outputs = []
        with torch.inference_mode():
            for name, network in (("dense", dense), ("factorised", split)):
                outputs.append(network(pixels))
                seconds = []
                for _ in range(5):
                    begun = time.perf_counter()
                    network(pixels)
                    seconds.append(time.perf_counter() - begun)
                found[f"{name}_seconds"] = round(min(seconds), 3)
        difference = (outputs[0] - outputs[1]).std() / outputs[0].std()
        return found | {"difference": float(f"{float(difference):.1e}")}

    row(make, what="factorised")


PARTS: dict[str, Callable[[Path], None]] = {
    "quality": part_quality,
    "low_rank": part_low_rank,
    "seeds": part_seeds,
    "ablation": part_ablation,
    "paper": part_paper,
    "factorised": part_factorised,
    "poisson": part_poisson,
    "time": part_time,
    "large": part_large,
}


def main() -> None:
    """Measure what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    for part in options.only:
        PARTS[part](options.data)
    print(write_tables())


if __name__ == "__main__":
    main()
