"""Prediction here against the plain path of the same network, in one run.

    python -m benchmarks.prediction [METHOD ...] [--side 1024] [--planes 1]

A network of each METHOD (noise2void, neighbor2neighbor and tucker_pnp) is trained for 300 steps
on a synthetic sample of SIDE x SIDE pixels and denoises it, PLANES times as a stack would be:
as the project does, and plainly, the whole plane at once in float32 and PyTorch's default
layout, with features that are doubled, joined and convolved. Printed are seconds of a plane
(the median of nine runs, in turn), their ratio, and PSNR of both.
"""

from __future__ import annotations

import argparse
import copy
import time
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

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
from napari_selfdenoise.nn import double_unet, unet

METHODS = "noise2void", "neighbor2neighbor", "tucker_pnp"
STEPS, TIMES = 300, 9
AS_IT_IS: Any = {"stabilise": "off", "decorrelate": "off"}
"""What is denoised here is no prepared image either."""


class Plain(nn.Module):
    """A network that runs in float32 and the default layout whatever it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        copied = copy.deepcopy(network)
        self.network = copied.to(memory_format=torch.contiguous_format).float()

    def forward(self, batch: Tensor) -> Tensor:
        """Run the network."""
        with (
            patch.object(unet, "doubled_convolution", partial(one_after_the_other, "nearest")),
            patch.object(
                double_unet,
                "interpolated_convolution",
                partial(one_after_the_other, "bilinear"),
            ),
        ):
            return self.network(batch.contiguous(memory_format=torch.contiguous_format))


def one_after_the_other(
    mode: str, convolution: nn.Conv2d, coarse: Tensor, fine: Tensor | None
) -> Tensor:
    """Double, join and convolve, as the papers and most code do."""
    doubled = interpolate(coarse, scale_factor=2, mode=mode)
    convolved: Tensor = convolution(doubled if fine is None else torch.cat([doubled, fine], 1))
    return convolved


def plainly(denoiser: Denoiser, noisy: np.ndarray[Any, Any], network: nn.Module) -> Tensor:
    """Denoise a whole plane at once; normalised as for the other."""
    planes = denoiser.normalization.apply(noisy[np.newaxis].astype(np.float32))
    with torch.no_grad():
        return denoiser.restore(network, torch.from_numpy(planes[np.newaxis]))


def measure(method: str, side: int, count: int) -> dict[str, Any]:
    """Train, denoise in both ways, and compare."""
    sample = make_sample("cells", 0, shape=(side, side))
    noisy = sample.noisy.read()
    model = train(noisy, method, settings={"steps": STEPS}, **AS_IT_IS)
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
        for _ in range(count):
            plain = plainly(exact, noisy, network)[0].numpy()
        seconds["plain"].append((time.perf_counter() - begun) / count)
        begun = time.perf_counter()
        with reused_memory():
            for _ in range(count):
                here = predict_plane(ours, planes, 0)
        seconds["here"].append((time.perf_counter() - begun) / count)
    clean = sample.clean.read().astype(float)
    shift = np.asarray(ours.brightness, np.float32)[:, np.newaxis, np.newaxis]
    plain = exact.normalization.undo(plain) + shift
    return {
        "method": method,
        "side": side,
        "planes": count,
        "seconds_plain": round(median(seconds["plain"]), 2),
        "seconds_here": round(median(seconds["here"]), 2),
        "ratio": round(median(seconds["plain"]) / median(seconds["here"]), 2),
        "psnr_plain": round(psnr(plain[0].astype(float), clean, data_range=np.ptp(clean)), 3),
        "psnr_here": round(psnr(here[0].astype(float), clean, data_range=np.ptp(clean)), 3),
    }


def main() -> None:
    """Measure each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--planes", type=int, default=1)
    options: Any = parser.parse_args()
    for name in options.methods or METHODS:
        record = measure(name, options.side, options.planes)
        append("prediction", record)
        print(record, flush=True)


if __name__ == "__main__":
    main()
