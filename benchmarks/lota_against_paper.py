"""LoTA-N2N of the plugin against the published procedure, run plainly.

The published procedure: every step on the whole image, float32, PyTorch's default layout,
all cores. Twenty of its steps are timed and scaled to all of them; with ``--full`` it is
run to its end once, for its PSNR, saving its state so that it may be interrupted. The
plugin is timed as a user runs it: the command line, imports and files included.

    python -m benchmarks.lota_against_paper --data DIR [--full]

Prints both seconds, their ratio and both PSNRs, and appends them to the results.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, mse_loss

from benchmarks.harness import RESULTS, TABLES, append, records, run_measured
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.nn.plain import PlainNetwork
from napari_selfdenoise.nn.subsample import pair_downsample

EXPERIMENT = "lota_against_paper"
IMAGE = "Confocal_FISH_1.png"
FIRST, SECOND = 1500, 500
TIMED_STEPS, WARM_UP = 20, 3
PAGE = TABLES / "lota_n2n_speed.md"
TRACE_WEIGHT, TRACE_PATCH = 1.0, 8


class Plain:
    """The published procedure, step by step as the notes give it."""

    def __init__(self, noisy: np.ndarray) -> None:
        torch.manual_seed(0)
        self.image = torch.from_numpy(noisy.astype(np.float32) / 255)[None, None]
        self.first, self.second = pair_downsample(self.image)
        self.network = PlainNetwork(1)
        self.proxy: PlainNetwork | None = None
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.done = 0

    def denoise(self, images: torch.Tensor) -> torch.Tensor:
        """Subtract the predicted noise."""
        return images - self.network(images)

    def step(self) -> None:
        """Make one step on the whole image."""
        if self.done == FIRST:
            self.proxy = copy.deepcopy(self.network).requires_grad_(False)
        rate = 1e-3 if self.done < FIRST else 5e-4
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()
        first, second = self.denoise(self.first), self.denoise(self.second)
        whole_first, whole_second = pair_downsample(self.denoise(self.image))
        loss = 0.5 * (mse_loss(first, self.second) + mse_loss(second, self.first))
        loss = loss + 0.5 * (mse_loss(first, whole_first) + mse_loss(second, whole_second))
        if self.proxy is not None:
            with torch.no_grad():
                clean = pair_downsample(self.image - self.proxy(self.image))
            for mine, denoised, other in (
                (clean[0], first, self.second),
                (clean[1], second, self.first),
            ):
                interaction = (other - mine) * (denoised - mine)
                trace = avg_pool2d(interaction, TRACE_PATCH).abs().mean()
                loss = loss + 0.5 * TRACE_WEIGHT * trace
        loss.backward()
        self.optimiser.step()
        self.done += 1

    @torch.no_grad()
    def result(self) -> np.ndarray:
        """Return the denoised image in grey levels of 8 bits."""
        return (self.denoise(self.image)[0, 0].clamp(0, 1) * 255).numpy()


def seconds_of_plain(noisy: np.ndarray) -> float:
    """Time some steps and scale them to all."""
    plain = Plain(noisy)
    for _ in range(WARM_UP):
        plain.step()
    begun = time.perf_counter()
    for _ in range(TIMED_STEPS):
        plain.step()
    return (time.perf_counter() - begun) / TIMED_STEPS * (FIRST + SECOND)


def psnr_of_plain(noisy: np.ndarray, reference: np.ndarray) -> float:
    """Run the published procedure to its end, resuming where it was interrupted.

    In float32 as published; channels last, which changes the order of sums and the time,
    not the procedure.
    """
    state = RESULTS / "lota_plain_state.pt"
    plain = Plain(noisy)
    plain.network.to(memory_format=torch.channels_last)
    if state.exists():
        saved = torch.load(state, weights_only=True)
        plain.done = saved["done"]
        plain.network.load_state_dict(saved["network"])
        plain.optimiser.load_state_dict(saved["optimiser"])
        if saved["proxy"]:
            plain.proxy = copy.deepcopy(plain.network).requires_grad_(False)
            plain.proxy.load_state_dict(saved["proxy"])
    while plain.done < FIRST + SECOND:
        plain.step()
        if plain.done % 100 == 0:
            now = psnr(plain.result(), reference, data_range=255)
            print(f"plain procedure, step {plain.done}: {now:.2f} dB", flush=True)
            RESULTS.mkdir(parents=True, exist_ok=True)
            torch.save(
                {
                    "done": plain.done,
                    "network": plain.network.state_dict(),
                    "optimiser": plain.optimiser.state_dict(),
                    "proxy": plain.proxy.state_dict() if plain.proxy else {},
                },
                state,
            )
    state.unlink(missing_ok=True)
    return psnr(plain.result(), reference, data_range=255)


def plugin(data: Path) -> dict[str, float]:
    """Run the command line as a user does; whole process."""
    with tempfile.TemporaryDirectory() as folder:
        noisy, reference = data / "fmd/raw" / IMAGE, data / "fmd/gt" / IMAGE
        command = [sys.executable, "-m", "napari_selfdenoise.cli", "denoise", str(noisy)]
        command += ["-m", "lota_n2n", "-o", folder, "--reference", str(reference), "--json"]
        begun = time.perf_counter()
        output = run_measured(command)
        seconds = time.perf_counter() - begun
        denoised = read_image(next(Path(folder).glob("*.denoised.tif"))).read()
        clean = read_image(reference).read().astype(float)
    return {
        "seconds": seconds,
        "cpu_seconds": output.cpu_seconds,
        "psnr": psnr(np.clip(denoised, 0, 255).astype(float), clean, data_range=255),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--full", action="store_true", help="run the plain procedure to its end"
    )
    options = parser.parse_args()
    noisy = read_image(options.data / "fmd/raw" / IMAGE).read()
    reference = read_image(options.data / "fmd/gt" / IMAGE).read().astype(float)
    if options.full:
        append(EXPERIMENT, {"plain_psnr": round(psnr_of_plain(noisy, reference), 3)})
        return
    plain, ours = seconds_of_plain(noisy), plugin(options.data)
    record = {
        "plain_seconds": round(plain, 1),
        "seconds": round(ours["seconds"], 1),
        "cpu_seconds": round(ours["cpu_seconds"], 1),
        "ratio": round(plain / ours["seconds"], 1),
        "psnr": round(ours["psnr"], 3),
        "threads": torch.get_num_threads(),
    }
    append(EXPERIMENT, record)
    TABLES.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(table() + "\n", encoding="utf-8")
    print(table())


def table() -> str:
    """Return the newest figures as Markdown."""
    timed = [each for each in records(EXPERIMENT) if "ratio" in each][-1]
    known = [each["plain_psnr"] for each in records(EXPERIMENT) if "plain_psnr" in each]
    plain_psnr = f"{known[-1]:.2f}" if known else "not run to its end"
    name, cores = IMAGE.partition(".")[0], timed["threads"]
    return "\n".join(
        [
            f"LoTA-N2N on {name} (512 x 512), {cores} CPU cores, both in one run:",
            "",
            "| procedure | seconds | PSNR, dB |",
            "|---|---|---|",
            "| as published: every step on the whole image, float32 "
            f"| {timed['plain_seconds']:.0f} | {plain_psnr} |",
            "| this plugin from the command line, imports and files included "
            f"| {timed['seconds']:.0f} | {timed['psnr']:.2f} |",
            f"| ratio | {timed['ratio']:.0f} | |",
        ]
    )


if __name__ == "__main__":
    main()
