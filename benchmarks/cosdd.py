"""COSDD on stripe noise: against its peers, over training time, and whether samples are sane.

    python -m benchmarks.cosdd --data DIR [--only PART ...]

DIR holds ``natural`` and ``fmd``. Models are trained by `benchmarks.cosdd_training`; parts
whose models are missing are left out. Finished rows are kept and not made again. The parts
``speed`` and ``memory`` (in `benchmarks.cosdd_speed`) want a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter
from skimage.io import imread
from skimage.metrics import mean_squared_error

from benchmarks.cosdd_tables import RESULT, RUNS, write_tables
from benchmarks.cosdd_training import MODELS, train
from benchmarks.harness import Record, make_once
from benchmarks.stripes import Array, autocorrelation, noisy, scores, sets, stripes
from napari_selfdenoise import api
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine.learner import under
from napari_selfdenoise.engine.model import Model
from napari_selfdenoise.engine.posterior import Posterior, draw, generate_noise
from napari_selfdenoise.methods import get_learned

COUNTS = (1, 10, 100)
CURVE_COUNTS = (1, 10)
MIRRORED_RUNS, MIRRORED_COUNTS = ("3.6 hours, 64 channels", "1500 steps"), (100, 200, 400)
WIDTHS = np.arange(0.3, 2.01, 0.1)
BLOCK = 8
CONDITIONS = ("Confocal_BPAE_G", "Confocal_FISH", "TwoPhoton_BPAE_R", "TwoPhoton_MICE")
FMD_STEPS = 3000
LEARNED: dict[str, tuple[str, Record]] = {
    "StructN2V, trained on 380 images": (
        "noise2void",
        {"structured": "horizontal", "steps": 5000},
    ),
    "N2V, trained on 380 images": ("noise2void", {"structured": "none", "steps": 5000}),
    "HDN, trained on 380 images": ("hdn", {}),
}
"""Row of the table -> method and settings."""


row = partial(make_once, RESULT)
"""Make a row of the tables, unless it was made before."""


def part_peers(data: Path) -> None:
    """Other methods on the same test images; they learn from each image alone."""
    for strength in (3, 1):
        _, tested, clean = sets(data, strength)
        values = [image.read() for image in tested]
        identity = {"what": "peer", "strength": strength}
        row(partial(scores, values, tested, clean), **identity, method="noisy")
        row(partial(best_gaussian, tested, clean), **identity, method="gaussian, best width")
        row(partial(package, tested, clean), **identity, method="bm3d package, true sigma")
        for method in ("nl_means", "bm3d", "lota_n2n"):
            row(partial(peer, method, tested, clean), **identity, method=method)


def part_learned(data: Path) -> None:
    """Other methods that learn from the same noisy images as COSDD does."""
    for strength in (3, 1):
        noisy, tested, clean = sets(data, strength)
        for name, (method, settings) in LEARNED.items():
            row(
                partial(learned, method, settings, noisy, tested, clean),
                what="peer",
                strength=strength,
                method=name,
            )


def best_gaussian(tested: list[Image], clean: list[Array]) -> Record:
    """Filter with the width that is best on the mean of the test images."""
    values = [image.read() for image in tested]

    def error(width: float) -> float:
        filtered = [gaussian_filter(each, width) for each in values]
        return float(np.mean(list(map(mean_squared_error, filtered, clean))))

    width = min(WIDTHS, key=error)
    filtered = [gaussian_filter(each, width) for each in values]
    return scores(filtered, tested, clean) | {"width": round(float(width), 1)}


def package(tested: list[Image], clean: list[Array]) -> Record:
    """Run the BM3D package, told the true deviation of each image's noise."""
    import bm3d

    found = []
    for image, truth in zip(tested, clean, strict=True):
        values = image.read()
        found.append(bm3d.bm3d(values, float((values - truth).std())))
    return scores(found, tested, clean)


def peer(method: str, tested: list[Image], clean: list[Array]) -> Record:
    """Run a method of the plugin with its defaults."""
    found = [api.denoise(image, method)["denoised"].read() for image in tested]
    return scores(found, tested, clean)


def learned(
    method: str,
    settings: Record,
    noisy: list[Image],
    tested: list[Image],
    clean: list[Array],
) -> Record:
    """Train a method of the plugin on all images, and apply it to those of the test."""
    begun = time.process_time()
    model = api.train(noisy, method, settings=settings)
    seconds = time.process_time() - begun
    found = [api.apply(model, image)["denoised"].read() for image in tested]
    return scores(found, tested, clean) | {"settings": settings, "cpu_seconds": round(seconds)}


def model_at(name: str, state: Path) -> tuple[Model, int]:
    """Return a model with the weights it had at one time, and the step."""
    model = api.load(MODELS / f"{name}.safetensors")
    if state.suffix != ".state":
        facts = json.loads(state.with_suffix(".json").read_text())
        return model, facts["step"]
    weights = under("learner/average/", load_file(state))
    member = model.members[0]
    member.network.load_state_dict(weights)
    with safe_open(state, "pt") as file:
        step = json.loads(file.metadata()["facts"])["position"]["step"]
    colours = len(member.brightness)
    return replace(model, members=(replace(member, brightness=(0.0,) * colours),)), step


def sampled(
    model: Model, images: list[Image], counts: tuple[int, ...], *, mirrored: bool = False
) -> dict[int, list[Array]]:
    """Return the mean of so many samples of every image, without ending before.

    Samples are of the image as it is unless `mirrored`, so that V / B tells of the network.
    """
    found: dict[int, list[Array]] = {count: [] for count in counts}
    for image in images:
        posterior = Posterior(model, image, mirrored=mirrored)
        for count in counts:
            finish(draw(posterior, Sampling(samples=count, tolerance=0.0), Context()))
            found[count].append(posterior.mean.copy())
    return found


def part_curve(data: Path) -> None:
    """PSNR over training time of every run."""
    for name, (direction, strength) in RUNS.items():
        final = MODELS / f"{name}.safetensors"
        if not final.exists():
            print(f"{name}: not trained yet")
            continue
        _, tested, clean = sets(data, strength, direction)
        states = {
            int(re.search(r"\.(\d+)\.state", path.name)[1]): path  # type: ignore[index]
            for path in MODELS.glob(f"{name}.*.state")
        }
        for seconds in sorted(states):
            make = partial(judged_at, name, states[seconds], tested, clean, CURVE_COUNTS)
            row(make, what="curve", run=name, seconds=seconds)
        row(partial(judged_at, name, final, tested, clean, COUNTS), what="final", run=name)


def judged_at(
    name: str, path: Path, tested: list[Image], clean: list[Array], counts: tuple[int, ...]
) -> Record:
    """Judge a state of a training, or its end."""
    model, step = model_at(name, path)
    found = judged(model, tested, clean, counts) | {"step": step}
    if path.suffix == ".state":
        return found
    seconds = round(model.provenance.seconds)
    return found | {"seconds": seconds, "settings": model.config.to_json()}


def judged(
    model: Model, tested: list[Image], clean: list[Array], counts: tuple[int, ...]
) -> Record:
    """Return PSNR after several numbers of samples, and what the residual looks like."""
    means = sampled(model, tested, counts)
    found: Record = {
        f"psnr_{count}": scores(means[count], tested, clean)["psnr"] for count in counts
    }
    last = scores(means[counts[-1]], tested, clean)
    return found | {"rows": last["rows"], "columns": last["columns"]}


def part_mirrored(data: Path) -> None:
    """PSNR of the mean of samples of the image mirrored in four ways, as is the default."""
    for name in MIRRORED_RUNS:
        if (MODELS / f"{name}.safetensors").exists():
            direction, strength = RUNS[name]
            _, tested, clean = sets(data, strength, direction)
            model = api.load(MODELS / f"{name}.safetensors")
            row(partial(mirrored, model, tested, clean), what="mirrored", run=name)


def mirrored(model: Model, tested: list[Image], clean: list[Array]) -> Record:
    """Return PSNR after several numbers of samples."""
    means = sampled(model, tested, MIRRORED_COUNTS, mirrored=True)
    return {
        "psnr": {count: scores(found, tested, clean)["psnr"] for count, found in means.items()}
    }


def part_samples(data: Path) -> None:
    """Whether samples are sane: PSNR over their number, and how often the truth is inside."""
    for name, (direction, strength) in RUNS.items():
        if (MODELS / f"{name}.safetensors").exists():
            _, tested, clean = sets(data, strength, direction)
            model = api.load(MODELS / f"{name}.safetensors")
            row(partial(sanity, model, tested, clean), what="samples", run=name)


def sanity(model: Model, tested: list[Image], clean: list[Array]) -> Record:
    """Fit mean squared error = B + V / n, and count truths within two deviations."""
    counts = (1, 2, 5, 10, 20, 50, 100)
    errors = dict.fromkeys(counts, 0.0)
    pixels, blocks = [], []
    for image, truth in zip(tested, clean, strict=True):
        posterior = Posterior(model, image, mirrored=False)
        for count in counts:
            wanted = Sampling(samples=count, tolerance=0.0, keep_samples=100)
            finish(draw(posterior, wanted, Context()))
            errors[count] += mean_squared_error(posterior.mean, truth) / len(tested)
        pixels.append(np.abs(posterior.mean - truth) < 2 * posterior.std())
        means = coarse(posterior.samples())
        away = np.abs(means.mean(0) - coarse(truth[None])[0])
        blocks.append(away < 2 * means.std(0, ddof=1))
    design = np.array([[1, 1 / count] for count in counts])
    measured = np.array([errors[count] for count in counts])
    # Relative errors count alike, as they do in decibels.
    (bias, variance), *_ = np.linalg.lstsq(design / measured[:, None], np.ones(len(counts)))
    fitted = design @ np.array([bias, variance])
    return {
        "psnr": {count: round(-10 * float(np.log10(errors[count])), 3) for count in counts},
        "largest_misfit_db": round(float(np.abs(10 * np.log10(fitted / measured)).max()), 3),
        "variance_over_bias": round(float(variance / bias), 3),
        "pixels_inside": round(float(np.mean(np.concatenate([p.ravel() for p in pixels]))), 3),
        "blocks_inside": round(float(np.mean(np.concatenate([b.ravel() for b in blocks]))), 3),
    }


def coarse(images: Array) -> Array:
    """Return means over blocks of 8 x 8 pixels of (..., Y, X)."""
    height, width = (side // BLOCK * BLOCK for side in images.shape[-2:])
    cut = images[..., :height, :width]
    return cut.reshape(*cut.shape[:-2], height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(
        (-3, -1)
    )


def part_generated(data: Path) -> None:
    """Noise that the model generates against the true one, on the same signal."""
    for name, (direction, strength) in RUNS.items():
        path = MODELS / f"{name}.safetensors"
        if direction != "x" or not path.exists():
            continue
        _, tested, _ = sets(data, strength)
        model = api.load(path)
        row(partial(generated, model, tested, strength), what="generated", run=name)


def generated(model: Model, tested: list[Image], strength: float) -> Record:
    """Compare noise = generated image - its own signal with true noise on that signal."""
    ours, true = [], []
    for number, image in enumerate(tested):
        posterior = Posterior(model, image)
        finish(draw(posterior, Sampling(samples=1, keep_samples=1, tolerance=0), Context()))
        signal = posterior.samples()[0]
        ours.append(finish(generate_noise(posterior, Context())) - signal)
        bright = np.clip(signal, 0, None)
        true.append(noisy(bright, strength, 1000 + number) - bright)
    found: Record = {}
    for kind, noise in (("generated", ours), ("true", true)):
        found[kind] = {
            "std": round(float(np.mean([each.std() for each in noise])), 5),
            "rows": autocorrelation(noise)["rows"],
            "structured_std": round(structured_std(noise), 5),
        }
    rng = np.random.default_rng(0)
    alone = [stripes(image.shape, strength, rng) for image in tested]
    found["structured_alone"] = {
        "std": round(float(np.mean([each.std() for each in alone])), 5),
        "rows": autocorrelation(alone)["rows"],
    }
    return found


def structured_std(noise: list[Array]) -> float:
    """Return the deviation of the part that is correlated along rows.

    White noise adds to the variance alone. With a blur of one pixel the correlated part has
    0.779 of its variance left at distance 1.
    """
    lag = np.mean([(each[:, 1:] * each[:, :-1]).mean() for each in noise])
    return float(np.sqrt(max(lag, 0) / 0.779))


def part_fmd(data: Path) -> None:
    """Train one model per condition on captures 1, 2 and 4, and apply it to capture 3."""
    for noise_model in ("auto", "learned"):
        for condition in CONDITIONS:
            identity = {"condition": condition, "noise_model": noise_model}
            row(partial(fmd, data, **identity), what="fmd", **identity)


def fmd(data: Path, condition: str, noise_model: str) -> Record:
    """Score one condition as the other methods are: range 255, clipped."""
    captures = {
        number: imread(data / f"fmd/raw/{condition}_{number}.png") for number in (1, 2, 3, 4)
    }
    truth = imread(data / f"fmd/gt/{condition}_3.png").astype(float)
    others = [captures[number] for number in (1, 2, 4)]
    settings = {"steps": FMD_STEPS, "noise_model": noise_model}
    config = get_learned("cosdd").Config.from_preset("quick", settings)
    path = train([Image(each) for each in others], config, f"{condition}, {noise_model}", 0)
    model = api.load(path)
    result = api.apply(model, captures[3])

    def score(image: Array) -> float:
        return round(psnr(np.clip(image.astype(float), 0, 255), truth, data_range=255), 2)

    return {
        "noisy": score(captures[3]),
        "mean_of_others": score(np.mean(others, axis=0)),
        "psnr": score(result["denoised"].read()),
        "samples": result.provenance.sampling["samples"],
        "direction": model.config.direction,
        "seconds": round(model.provenance.seconds),
    }


PARTS: dict[str, Callable[[Path], None]] = {
    "peers": part_peers,
    "learned": part_learned,
    "curve": part_curve,
    "mirrored": part_mirrored,
    "samples": part_samples,
    "generated": part_generated,
    "fmd": part_fmd,
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
