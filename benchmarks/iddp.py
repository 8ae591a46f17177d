"""IDDP against its twins: the same network, steps and images, with better teachers.

    python -m benchmarks.iddp --data DIR [--only PART ...] [--cores N]

DIR holds ``natural`` and ``fmd``. Models are kept in ``benchmarks/results/iddp_models`` (not
in the repository), rows in ``benchmarks/results/iddp.jsonl``; an interrupted training goes on
where it was, and finished rows are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.io import imread

from benchmarks.experiments import AUTO
from benchmarks.harness import RESULTS, ROWS, TABLES, Record, make_once, records
from napari_selfdenoise import api
from napari_selfdenoise.analysis.metrics import psnr, ssim
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.model import Model
from napari_selfdenoise.methods import get_learned

RESULT = "iddp"
MODELS = RESULTS / "iddp_models"
Array = np.ndarray[Any, Any]

STEPS = {"gaussian": 12_000, "speckle": 6_000, "poisson": 6_000}
"""Updates of every twin; the harder noises get half the budget."""
SHARED: Record = {"width": 32, "batch_size": 4, "patch_size": 64, "learning_rate": 1e-3}
TWINS: dict[str, tuple[str, Record]] = {
    "supervised U-Net": ("supervised", {"validation_fraction": 0.0}),
    "Noise2Noise": ("noise2noise", {"validation_fraction": 0.0}),
    "IDDP": ("iddp", {}),
    "IDDP without stopped gradients": ("iddp", {"stop_gradient": False}),
}
"""Name -> method and settings. None holds images out, so that all see the same."""
LEVELS = {"gaussian": (25.0, None), "speckle": (0.1,), "poisson": (30.0,)}
"""Strengths that are tested; ``None`` draws one for each image as in training."""
CONDITIONS = ("Confocal_BPAE_G", "Confocal_FISH", "TwoPhoton_BPAE_R", "TwoPhoton_MICE")
ONE_IMAGE = "noisy", "lota_n2n", "noise2self", "neighbor2neighbor", "bm3d"
FMD_STEPS = 5_000

row = partial(make_once, RESULT)


def degraded(clean: Array, kind: str, level: float | None, seed: int) -> Array:
    """Add noise to an image in 0..255, as in the paper's section on synthetic noise.

    ``gaussian``: deviation `level`, or drawn from (0, 50]; ``speckle``: x + x n with uniform
    n of variance `level`; ``poisson``: photons, `level` of them at 255. Neither clipped nor
    rounded, and for training drawn once for each image.
    """
    rng = np.random.default_rng([seed, 0])
    sigma = rng.uniform(0, 50) if level is None else level
    draw = np.random.default_rng([seed, 1])
    if kind == "gaussian":
        noisy = clean + draw.normal(0, sigma, clean.shape)
    elif kind == "speckle":
        half = np.sqrt(3 * sigma)
        noisy = clean + clean * draw.uniform(-half, half, clean.shape)
    else:
        noisy = draw.poisson(clean / 255 * sigma) * 255 / sigma
    return np.asarray(noisy, np.float32)


@cache
def images(folder: Path) -> list[Array]:
    """Return the images of a folder by name."""
    return [imread(path).astype(np.float32) for path in sorted(folder.glob("*.png"))]


def trained(name: str, method: str, settings: Record, noisy: list[Array], other: Any) -> Model:
    """Train a model, or load it if it was trained before."""
    path = MODELS / f"{name}.safetensors"
    if not path.exists():
        MODELS.mkdir(parents=True, exist_ok=True)
        learned = get_learned(method)
        config = learned.Config.from_preset(None, settings)
        targets = [Image(each) for each in other] if learned.target else []
        context = Context(checkpoint=path.with_suffix(".checkpoint"), targets=targets)
        run = runs.train(learned, [Image(each) for each in noisy], config, context)
        with path.with_suffix(".log").open("a", encoding="utf-8") as log:

            def tell(event: Any) -> None:
                if isinstance(event, Metrics):
                    print(event.step, dict(event.values), file=log, flush=True)

            api.save(finish(run, tell), path)
    return api.load(path)


def part_twins(data: Path, kind: str = "gaussian") -> None:
    """Train the twins on one noisy version of each image, and test all on other images."""
    clean = images(data / "natural/train400")
    level = None if kind == "gaussian" else LEVELS[kind][0]
    noisy = [degraded(each, kind, level, number) for number, each in enumerate(clean)]
    for twin, (method, settings) in TWINS.items():
        other = clean
        if method == "noise2noise":  # as strong as the first, drawn anew
            other = [second_capture(each, kind, level, n) for n, each in enumerate(clean)]
        values = SHARED | {"steps": STEPS[kind]} | settings
        name = f"{kind} {twin}"
        for tested in LEVELS[kind]:
            row(
                lambda t=tested, m=method, v=values, o=other, n=name: judged(
                    data, kind, t, trained(n, m, v, noisy, o)
                ),
                what="twins",
                noise=kind,
                level=tested,
                method=twin,
                steps=STEPS[kind],
            )


def second_capture(clean: Array, kind: str, level: float | None, number: int) -> Array:
    """Return another capture of the same image, with noise as strong as in the first."""
    if level is None:
        level = np.random.default_rng([number, 0]).uniform(0, 50)
    return degraded(clean, kind, level, 10_000 + number)


def judged(data: Path, kind: str, level: float | None, model: Model) -> Record:
    """Return mean PSNR and SSIM of a model on the test images."""
    scores = []
    for number, clean in enumerate(images(data / "natural/bsd68_a")):
        noisy = degraded(clean, kind, level, 20_000 + number)
        scores.append(score(api.apply(model, noisy)["denoised"].read(), clean))
    return averaged(scores) | {"seconds": round(model.provenance.seconds)}


def part_peers(data: Path) -> None:
    """Score the noisy images themselves, and the BM3D package with the true sigma."""
    clean = images(data / "natural/bsd68_a")
    for kind, levels in LEVELS.items():
        for level in levels:
            noisy = [degraded(each, kind, level, 20_000 + n) for n, each in enumerate(clean)]
            identity = {"what": "twins", "noise": kind, "level": level, "steps": 0}
            row(
                lambda a=noisy: averaged(list(map(score, a, clean))), **identity, method="noisy"
            )
            name = "BM3D package, true sigma"
            row(lambda a=noisy: averaged(package(a, clean)), **identity, method=name)


def package(noisy: list[Array], clean: list[Array]) -> list[tuple[float, float]]:
    """Run the BM3D package, told the true deviation of each image's noise."""
    import bm3d

    return [
        score(bm3d.bm3d(a, float((a - b).std())), b) for a, b in zip(noisy, clean, strict=True)
    ]


def score(image: Array, clean: Array) -> tuple[float, float]:
    """Return PSNR and SSIM with range 255, clipped to it."""
    clipped = np.clip(image.astype(float), 0, 255)
    truth = clean.astype(float)
    return psnr(clipped, truth, data_range=255), ssim(clipped, truth, data_range=255)


def averaged(scores: list[tuple[float, float]]) -> Record:
    """Return the means over images."""
    values = np.mean(scores, axis=0)
    return {"psnr": round(float(values[0]), 3), "ssim": round(float(values[1]), 4)}


def part_fmd(data: Path) -> None:
    """Train on captures 1, 2, 4 of all conditions, and of all but one; test on captures 3."""
    for left_out in (None, *CONDITIONS):
        conditions = [each for each in CONDITIONS if each != left_out]
        for tested in CONDITIONS if left_out is None else (left_out,):
            row(
                lambda c=conditions, t=tested, o=left_out: fmd(data, c, t, o),
                what="fmd",
                condition=tested,
                left_out=left_out is not None,
                steps=FMD_STEPS,
            )


def fmd(data: Path, conditions: list[str], tested: str, left_out: str | None) -> Record:
    """Score IDDP on the third capture of one condition."""
    noisy = [
        imread(data / f"fmd/raw/{condition}_{number}.png").astype(np.float32)
        for condition in conditions
        for number in (1, 2, 4)
    ]
    settings = SHARED | {"steps": FMD_STEPS}
    model = trained(f"fmd without {left_out}", "iddp", settings, noisy, None)
    image = imread(data / f"fmd/raw/{tested}_3.png")
    truth = imread(data / f"fmd/gt/{tested}_3.png").astype(np.float32)
    found = averaged([score(api.apply(model, image)["denoised"].read(), truth)])
    return found | {"seconds": round(model.provenance.seconds)}


def write_tables() -> str:
    """Write the tables of the docs from the finished rows."""
    found, texts = records(RESULT), {}
    twins = [each for each in found if each["what"] == "twins"]
    columns = [(kind, level) for kind, levels in LEVELS.items() for level in levels]
    if twins:
        titles = [
            {25.0: "Gaussian 25", None: "Gaussian (0, 50]", 0.1: "speckle 0.1"}.get(
                level, "Poisson 30"
            )
            for _, level in columns
        ]
        lines = [
            "The same U-Net (width 32, 4 patches of 64 x 64 per step) with three teachers, on "
            "one noisy version of each image of `natural/train400`; tested on the 34 images of "
            f"`natural/bsd68_a`. {STEPS['gaussian']} steps for Gaussian noise, of a strength "
            "drawn for each image from (0, 50] in training; half of them for speckle of "
            "variance 0.1 and Poisson noise with 30 photons. PSNR in dB (range 255) and SSIM; "
            "minutes of training on one core that was shared with other work.",
            "",
            "| method | " + " | ".join(titles) + " | minutes |",
            "|---|" + "---|" * (len(titles) + 1),
        ]
        for method in dict.fromkeys(each["method"] for each in twins):
            mine = [each for each in twins if each["method"] == method]
            cells = []
            for kind, level in columns:
                match = [e for e in mine if (e["noise"], e["level"]) == (kind, level)]
                cells.append(cell(match))
            minutes = [e["seconds"] / 60 for e in mine if e.get("seconds")]
            cells.append(f"{max(minutes):.0f}" if minutes else "")
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        texts["iddp_1_twins"] = "\n".join(lines)
    pairs = [each for each in found if each["what"] == "fmd"]
    if pairs:
        lines = [
            "Fluorescence (`fmd`): trained on captures 1, 2 and 4 of the four scanned "
            f"conditions ({FMD_STEPS} steps), and of three of them without the one that is "
            "tested. Tested on captures 3, which show the same fields as captures 1, 2 and 4. "
            "PSNR in dB and SSIM, range 255. Beside it methods that know nothing but the "
            "capture itself, from the table of all methods.",
            "",
            "| condition | trained on all four | without this one | "
            + " | ".join(ONE_IMAGE)
            + " |",
            "|---" * (3 + len(ONE_IMAGE)) + "|",
        ]
        for condition in CONDITIONS:
            cells = []
            for left_out in (False, True):
                match = [
                    e for e in pairs if (e["condition"], e["left_out"]) == (condition, left_out)
                ]
                cells.append(cell(match))
            capture = f"{condition}_3.png"
            for method in ONE_IMAGE:
                rows = records(ROWS)
                cells.append(cell([row for row in rows if is_default(row, method, capture)]))
            lines.append(f"| {condition} | " + " | ".join(cells) + " |")
        texts["iddp_2_fmd"] = "\n".join(lines)
    for name, text in texts.items():
        (TABLES / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    return "\n\n".join(texts.values())


def is_default(row: Record, method: str, capture: str) -> bool:
    """Whether a row of all methods is of a capture, with what a method does by itself."""
    if row["method"] != method or not row["image"].endswith(capture) or row["settings"]:
        return False
    return method == "noisy" or row.get("preparation") == AUTO


def cell(match: list[Record]) -> str:
    """Write the scores of the newest of the rows that match."""
    return f"{match[-1]['psnr']:.2f} / {match[-1]['ssim']:.3f}" if match else ""


PARTS: dict[str, Callable[[Path], None]] = {
    "peers": part_peers,
    "gaussian": part_twins,
    "speckle": partial(part_twins, kind="speckle"),
    "poisson": partial(part_twins, kind="poisson"),
    "fmd": part_fmd,
}


def main() -> None:
    """Measure what is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--twins", nargs="+", choices=TWINS, default=list(TWINS))
    parser.add_argument("--cores", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    for twin in set(TWINS) - set(options.twins):
        del TWINS[twin]
    for part in options.only:
        PARTS[part](options.data)
    print(write_tables())


if __name__ == "__main__":
    main()
