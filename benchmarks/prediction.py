"""Prediction here against the plain path of the same network, in one run.

    python -m benchmarks.prediction [METHOD ...]

A network of each METHOD (noise2void, neighbor2neighbor and tucker_pnp) is trained for 300 steps
on a synthetic sample and denoises it, 1024 x 1024 pixels: as the project does, and plainly, the
whole plane at once in float32 and PyTorch's default layout. Printed are seconds (the fastest of
three, in turn), their ratio, and PSNR of both.
"""

from __future__ import annotations

import copy
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import append
from napari_selfdenoise import train
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.planes import Planes
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.memory import reused_memory
from napari_selfdenoise.engine.predict import Denoiser, predict_plane
from napari_selfdenoise.engine.predict_image import denoiser_of

METHODS = "noise2void", "neighbor2neighbor", "tucker_pnp"
SIDE, STEPS, TIMES = 1024, 300, 3


class Plain(nn.Module):
    """A network that runs in float32 and the default layout whatever it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        copied = copy.deepcopy(network)
        self.network = copied.to(memory_format=torch.contiguous_format).float()

    def forward(self, batch: Tensor) -> Tensor:
        """Run the network."""
        return self.network(batch.contiguous(memory_format=torch.contiguous_format))


def plainly(denoiser: Denoiser, noisy: np.ndarray[Any, Any], network: nn.Module) -> Tensor:
    """Denoise a whole plane at once; normalised as for the other."""
    planes = denoiser.normalization.apply(noisy[np.newaxis].astype(np.float32))
    with torch.no_grad():
        return denoiser.restore(network, torch.from_numpy(planes[np.newaxis]))


def measure(method: str) -> dict[str, Any]:
    """Train, denoise in both ways, and compare."""
    sample = make_sample("cells", 0, shape=(SIDE, SIDE))
    noisy = sample.noisy.read()
    model = train(noisy, method, settings={"steps": STEPS})
    member, context = model.members[0], Context()
    ours = denoiser_of(model.method, model.config, member, Compute.of(context))
    exact = denoiser_of(
        model.method, model.config, member, Compute(torch.device("cpu"), torch.float32)
    )
    network = Plain(exact.network).eval()
    planes = Planes(Image(noisy), {})
    seconds: dict[str, list[float]] = {"plain": [], "here": []}
    for _ in range(TIMES):
        begun = time.perf_counter()
        plain = plainly(exact, noisy, network)[0].numpy()
        seconds["plain"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        with reused_memory():
            here = predict_plane(ours, planes, 0)
        seconds["here"].append(time.perf_counter() - begun)
    clean = sample.clean.read().astype(float)
    shift = np.asarray(ours.brightness, np.float32)[:, np.newaxis, np.newaxis]
    plain = exact.normalization.undo(plain) + shift
    return {
        "method": method,
        "seconds_plain": round(min(seconds["plain"]), 2),
        "seconds_here": round(min(seconds["here"]), 2),
        "ratio": round(min(seconds["plain"]) / min(seconds["here"]), 2),
        "psnr_plain": round(psnr(plain[0].astype(float), clean, data_range=np.ptp(clean)), 3),
        "psnr_here": round(psnr(here[0].astype(float), clean, data_range=np.ptp(clean)), 3),
    }


if __name__ == "__main__":
    for name in sys.argv[1:] or METHODS:
        record = measure(name)
        append("prediction", record)
        print(record, flush=True)
