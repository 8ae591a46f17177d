"""self2noise on the paper's noise: characters at -10 dB, to which nothing clean is known.

    python -m benchmarks.self2noise [RUN ...] [--tables-only]

4000 noisy characters to train on, 200 others to judge by; every run is made once, and what
is finished is in ``benchmarks/results/self2noise.jsonl``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.glyphs import Array, add_noise, glyphs, signal_to_noise
from benchmarks.harness import TABLES, Record, make_once, records
from napari_selfdenoise.analysis.metrics import psnr, ssim
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Event, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.methods.self2noise import Self2Noise, Self2NoiseConfig

if TYPE_CHECKING:
    from torch import nn

RESULT = "self2noise"
TRAINED, TESTED = 4000, 200
WIDTHS = np.arange(0.5, 4.01, 0.25)
LONG, SHORT = 1500, 800
EVERY = 100
"""Steps between two points of a learning curve."""
BASE: Record = {"patch_size": 64, "validation_fraction": 0.0}
"""A held-out band would not fit into images that are one patch."""
RUNS: dict[str, Record] = {
    "l1": {"steps": LONG},
    "l1, no coarse outputs": {"steps": SHORT, "coarse_outputs": False},
    "l2": {"steps": SHORT, "loss": "l2"},
    "l1, 4 halvings": {"steps": SHORT, "halvings": 4},
}


class Watched(Self2Noise):
    """The method, judged on images that it does not learn from while it learns."""

    def __init__(self, noisy: Array, clean: Array) -> None:
        self.noisy, self.clean = noisy, clean
        self.curve: list[Record] = []

    def stages(self, training: Training, config: Self2NoiseConfig) -> Iterator[Stage | Event]:
        """Yield the one stage, with a look at the network now and then."""
        watching, begun = 0.0, time.process_time()

        def look(step: int) -> Iterator[Event]:
            nonlocal watching
            if step % EVERY == 0:
                paused = time.process_time()
                figures = judge(self._denoised(training), self.clean)
                seconds = round(paused - begun - watching)
                self.curve.append({"step": step, "seconds": seconds, **figures})
                print(self.curve[-1], flush=True)
                watching += time.process_time() - paused
            yield from ()

        for stage in super().stages(training, config):
            yield replace(stage, between=look) if isinstance(stage, Stage) else stage

    def _denoised(self, training: Training) -> Array:
        import torch

        network: nn.Module = training.network.eval()
        normalised = training.patches.normalization.apply(self.noisy[:, np.newaxis])
        with torch.inference_mode():
            batches = torch.from_numpy(normalised).split(50)
            found = torch.cat([self.restore(network, batch) for batch in batches]).numpy()
        network.train()
        return training.patches.normalization.undo(found)[:, 0]


def judge(found: Array, clean: Array) -> Record:
    """Return scores for the data range 1, as it is and after the best scale and offset."""
    slope, offset = np.polyfit(found.ravel().astype(float), clean.ravel().astype(float), 1)
    fitted = slope * found + offset
    values = {
        "ssim": ssim(found, clean, data_range=1.0),
        "psnr": psnr(found, clean, data_range=1.0),
        "ssim_fitted": ssim(fitted, clean, data_range=1.0),
        "psnr_fitted": psnr(fitted, clean, data_range=1.0),
        "ground": float(np.median(found[clean == 0])),
        "stroke": float(np.median(found[clean == 1])),
    }
    return {name: round(value, 4) for name, value in values.items()}


def baselines(noisy: Array, tested: Array, clean: Array) -> dict[str, Callable[[], Record]]:
    """Return what makes the rows of methods that learn nothing, or only a mean."""

    def best_gaussian() -> Record:
        """Choose the width by each score: more than a user could do."""
        tried = [judge(gaussian_filter(tested, (0, w, w)), clean) for w in WIDTHS]
        best = max(range(len(WIDTHS)), key=lambda at: tried[at]["ssim_fitted"])
        return {**tried[best], "width": float(WIDTHS[best])}

    mean = np.broadcast_to(noisy.mean(0), tested.shape)
    return {
        "noisy": lambda: judge(tested, clean),
        "mean of all training images": lambda: judge(mean, clean),
        "best Gaussian filter": best_gaussian,
    }


def trained(settings: Record, noisy: Array, tested: Array, clean: Array) -> Record:
    """Train on noisy images alone and denoise others."""
    method = Watched(tested, clean)
    config = method.Config.from_json({**BASE, **settings})
    begun = time.process_time()
    model = finish(runs.train(method, [Image(noisy, "TYX")], config, Context(seed=0)))
    seconds = round(time.process_time() - begun)
    denoised = finish(runs.apply(model, Image(tested, "TYX"), Context()))["denoised"].data
    return {**judge(denoised, clean), "seconds": seconds, "curve": method.curve}


def write_table() -> str:
    """Write the table of the docs from the finished rows."""
    rows = [each for each in records(RESULT) if "snr" in each]
    if not rows:
        return ""
    noise = next(iter(rows))["snr"]
    lines = [
        f"{TRAINED} synthetic characters of 64 x 64 pixels, each put together from parts that "
        f"come back in others, with the paper's noise (uniform in [-2, 2], negative values set "
        f"to 0; {noise:.1f} dB before that). Trained on the noisy images alone, judged on "
        f"{TESTED} others; 0 is the background and 1 a stroke. *Fitted*: after the scale and "
        "offset that suit the clean images best, which forgives that noise cut off at 0 has no "
        "zero mean. Only the width of the Gaussian is chosen with the clean images.",
        "",
        "| | SSIM | PSNR | SSIM, fitted | PSNR, fitted | background | stroke | CPU minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        name = each["run"]
        if "curve" in each:
            name = f"self2noise, {name}, {each['settings']['steps']} steps"
        minutes = f"{each['seconds'] / 60:.0f}" if "seconds" in each else ""
        lines.append(
            f"| {name} | {each['ssim']:.3f} | {each['psnr']:.2f} | {each['ssim_fitted']:.3f} "
            f"| {each['psnr_fitted']:.2f} | {each['ground']:.2f} | {each['stroke']:.2f} "
            f"| {minutes} |"
        )
    return "\n".join(lines + curves([each for each in rows if "curve" in each]))


def curves(rows: list[Record]) -> list[str]:
    """Return the lines of the table of SSIM over the steps of the shorter runs."""
    marks = [SHORT * share // 8 for share in range(1, 9)]
    if not rows:
        return []
    lines = [
        "",
        "SSIM while learning, after so many steps:",
        "",
        "| self2noise | " + " | ".join(map(str, marks)) + " |",
        "|---|" + "---|" * len(marks),
    ]
    for each in rows:
        points = each["curve"]
        found = [min(points, key=lambda point: abs(point["step"] - mark)) for mark in marks]
        cells = [f"{point['ssim']:.3f}" for point in found]
        lines.append(f"| {each['run']} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure what is missing, then make the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", help=f"out of {', '.join(RUNS)}; or all")
    parser.add_argument("--tables-only", action="store_true")
    options = parser.parse_args()
    if not options.tables_only:
        shown, clean = glyphs(TRAINED, 0), glyphs(TESTED, 1)
        noisy, tested = add_noise(shown, 0), add_noise(clean, 1)
        same: Record = {"snr": round(signal_to_noise(shown), 1)}
        for name, make in baselines(noisy, tested, clean).items():
            make_once(RESULT, make, run=name, **same)
        for name in options.runs or RUNS:
            settings: Any = RUNS[name]
            make_once(
                RESULT,
                lambda settings=settings: trained(settings, noisy, tested, clean),
                run=name,
                settings=settings,
                **same,
            )
    text = write_table()
    TABLES.mkdir(parents=True, exist_ok=True)
    (TABLES / "self2noise.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
