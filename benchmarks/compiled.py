"""Whether torch.compile pays: the networks as they are against compiled, on one core.

    python -m benchmarks.compiled

It needs a C++ compiler. Rows are kept in ``benchmarks/results/compiled.jsonl``; what is
finished is not made again. Both take turns in one process; CPU seconds count, the middle one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch
from torch import nn

from benchmarks.harness import Record, make_once
from napari_selfdenoise.engine.device import Compute, Float32Outputs, place
from napari_selfdenoise.methods import get_learned

RESULTS = "compiled"
PREDICTIONS = "noise2void", "iddp"
TURNS = 15
TILE = 384
COMPUTE = Compute(torch.device("cpu"), torch.bfloat16)


def compared(plain: Callable[[], None], compiled: Callable[[], None]) -> Record:
    """Take turns, and return CPU seconds of each and those of compiling."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # of former compilations
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # whose seconds are counted
        begun = sum(os.times()[:4])  # with those of the C++ compiler
        compiled()
        first = sum(os.times()[:4]) - begun
    seconds: dict[Callable[[], None], list[float]] = {plain: [], compiled: []}
    for _ in range(TURNS):
        for each, took in seconds.items():
            begun = time.process_time()
            each()
            took.append(time.process_time() - begun)
    before, after = (median(took) for took in seconds.values())
    return {
        "compiling": round(first, 1),
        "plain_ms": round(1e3 * before, 1),
        "compiled_ms": round(1e3 * after, 1),
        "ratio": round(before / after, 3),
    }


def prediction(method: str) -> Record:
    """Denoise a tile with the network of a method."""
    chosen = get_learned(method)
    network = place(chosen.network(chosen.Config(), 1), COMPUTE.device).eval()
    tile = torch.rand(1, 1, TILE, TILE).contiguous(memory_format=torch.channels_last)

    def denoise(network: nn.Module) -> Callable[[], None]:
        wrapped = Float32Outputs(network, COMPUTE)

        def run() -> None:
            with torch.inference_mode():
                wrapped(tile)

        return run

    return compared(denoise(network), denoise(torch.compile(network)))


def training() -> Record:
    """Make a step of COSDD's default network, which consists of many small operations."""
    method = get_learned("cosdd")
    config = replace(method.Config(), direction="x", noise_model="measured")

    def stepping(*, compiled: bool) -> Callable[[], None]:
        network = place(method.network(config, 1), COMPUTE.device).train()
        if compiled:
            for part in network.children():
                part.compile()
        wrapped = Float32Outputs(network, COMPUTE)
        optimiser = torch.optim.Adam(network.parameters(), fused=True)
        shape = config.batch_size, 1, config.patch_size, config.patch_size
        batch = torch.randn(shape).contiguous(memory_format=torch.channels_last)
        draws = network.encoder.draws(len(batch), batch.shape[2:], torch.Generator())

        def run() -> None:
            torch.stack([*method.evidence(wrapped, batch, draws).values()]).sum().backward()
            optimiser.step()
            optimiser.zero_grad()

        return run

    return compared(stepping(compiled=False), stepping(compiled=True))


def main() -> None:
    """Measure what is not measured yet."""
    torch.set_num_threads(1)
    for method in PREDICTIONS:
        make_once(
            RESULTS,
            lambda method=method: prediction(method),
            what=f"`{method}`, a tile of {TILE} x {TILE}",
        )
    make_once(RESULTS, training, what="`cosdd`, a step of training")


if __name__ == "__main__":
    main()
