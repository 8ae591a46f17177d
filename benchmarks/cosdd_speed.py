"""COSDD against a plain path of the same networks, in one run.

    python -m benchmarks.cosdd_speed [--threads N]

Plain is what one gets by writing the networks down: float32, default memory layout, PyTorch's
own activations, the whole network for every sample, and the prefix run again for every column
of generated noise. CPU seconds, so that other processes matter little; still, a quiet machine
is better.
"""

from __future__ import annotations

import argparse
import copy
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.cosdd_tables import RESULT, write_tables
from benchmarks.harness import Record, append
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.device import Compute, place
from napari_selfdenoise.engine.learner import Learner
from napari_selfdenoise.engine.memory import reused_memory
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.posterior import Posterior, draw
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get_learned
from napari_selfdenoise.nn.mixture import GaussianMixture

METHOD = get_learned("cosdd")
SMALL = METHOD.Config.from_preset("small", {"direction": "x", "patch_size": 128})
FLOAT32, FAST = Compute(torch.device("cpu"), torch.float32), Compute.of(Context())


def networks() -> tuple[Any, Any]:
    """Return the same network twice: in the default layout, and as the engine places it."""
    torch.manual_seed(0)
    plain: Any = METHOD.network(SMALL, 1)
    return plain, place(copy.deepcopy(plain), FAST.device)


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Return the least CPU time of several runs, after one to warm up."""
    run()
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        run()
        found.append(time.process_time() - begun)
    return min(found)


def training_step() -> Record:
    """One step on 4 x 128 x 128 pixels, losses and optimiser included."""
    plain, fast = networks()
    batch = torch.randn(4, 1, 128, 128)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adamax(plain.parameters(), foreach=False)

    def plainly() -> None:
        draws = plain.encoder.draws(4, (128, 128), generator)
        divergences, likelihood, signal = plain.evidence(batch, draws)
        loss = divergences.sum() / batch.numel() - likelihood.mean()
        (loss + (signal - batch).square().mean()).backward()
        optimiser.step()
        optimiser.zero_grad()

    learner = Learner(fast, METHOD.parts(fast), SMALL, FAST)
    patches: Any = type("Seeds", (), {"rng": np.random.default_rng(0)})()
    unused: Any = None
    training = Training(fast, patches, Context(), unused, lambda: 1.0)
    (stage,) = METHOD.stages(training, SMALL)
    noisy = batch.numpy()

    def ours() -> None:
        total, _ = learner.loss(stage.losses, learner.tensor(noisy), stage.weight)
        learner.follow(total)
        learner.update(dict.fromkeys(learner.parts, 2e-3))

    fast.train()
    found = {"plain": seconds(plainly, 3)}
    with reused_memory():  # as in every training
        return found | {"ours": seconds(ours, 5)}


def posterior_sample() -> Record:
    """One sample of 512 x 512 pixels, of many; the encoding is that of the first."""
    plain, fast = networks()
    plain.eval()
    noisy = np.random.default_rng(0).normal(0, 1, (512, 512)).astype(np.float32)
    image = torch.from_numpy(noisy)[None, None]
    generator = torch.Generator().manual_seed(0)

    @torch.inference_mode()
    def plainly() -> None:
        # All of the network, as in training: prior, likelihood and what samples share.
        draws = plain.encoder.draws(1, (512, 512), generator)
        plain.evidence(image, draws)

    @torch.inference_mode()
    def signal_alone() -> None:
        draws = plain.encoder.draws(1, (512, 512), generator)
        plain.signal(plain.encoder(image, draws)[0])

    posterior = Posterior(model_of(fast, noisy), Image(noisy))

    def ours() -> None:
        wanted = Sampling(samples=posterior.count + 10, tolerance=0.0, keep_samples=0)
        finish(draw(posterior, wanted, Context()))

    found = {
        "plain": seconds(signal_alone, 3),
        "plain_with_likelihood": seconds(plainly, 2),
    }
    with reused_memory():  # as in every run
        return found | {"ours": seconds(ours, 3) / 10}


def model_of(network: Any, noisy: np.ndarray[Any, Any]) -> Model:
    """Return a model of an untrained network."""
    normalization = Normalization.fit(channel_planes(Image(noisy)), "standard")
    member = Member(network.eval(), normalization, (0.0,))
    unused: Any = None
    return Model(METHOD, SMALL, 1, (member,), unused)


def generated_noise(width: int = 128) -> Record:
    """Sample a noisy image of 64 rows given its code."""
    plain, fast = networks()
    code = torch.randn(1, SMALL.features, 64, width)
    decoder = plain.noise.eval()
    draws = decoder.draws(1, (64, width), torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def plainly() -> torch.Tensor:
        image = torch.zeros(1, 1, 64, width)
        for column in range(width):
            so_far = image[..., : column + 1]
            mixtures = GaussianMixture.of(decoder(so_far, code[..., : column + 1]), 1)
            values = mixtures.at(draws[0][..., : column + 1], draws[1][..., : column + 1])
            image[..., column] = values[..., column]
        return image

    def ours() -> torch.Tensor:
        sampled: torch.Tensor = fast.noise.eval().sample(code, draws)
        return sampled

    away = float((plainly() - ours()).abs().max())
    return {
        "plain": seconds(plainly, 3),
        "ours": seconds(ours, 3),
        "largest_difference": away,
    }


def precision() -> Record:
    """How far the mean of samples moves by computing in bfloat16."""
    sample = make_sample("cells_striped", seed=0, shape=(256, 256))
    config = METHOD.Config(steps=300, batch_size=2, patch_size=64, features=32, direction="x")
    result = finish(METHOD.denoise(sample.noisy, config, Context(sampling=Sampling(samples=2))))
    clean = sample.clean.read()
    span = float(np.ptp(clean))
    found: Record = {}
    for name in ("float32", "auto"):
        context = Context(precision=name)  # type: ignore[arg-type]
        posterior = Posterior(result.model, sample.noisy)
        finish(draw(posterior, Sampling(samples=100, tolerance=0.0), context))
        error = float(np.square(posterior.mean - clean).mean())
        found[name] = round(20 * float(np.log10(span)) - 10 * float(np.log10(error)), 4)
    return found


def memory() -> Record:
    """100 samples of 1024 x 1024 pixels: time, peak memory, and how soon a stop is honoured."""
    rng = np.random.default_rng(0)
    noisy = rng.poisson(50, (1024, 1024)).astype(np.float32)
    config = METHOD.Config(direction="x")
    torch.manual_seed(0)
    network = METHOD.network(config, 1)
    normalization = Normalization.fit(channel_planes(Image(noisy)), "standard")
    unused: Any = None
    member = Member(network.eval(), normalization, (0.0,))
    posterior = Posterior(Model(METHOD, config, 1, (member,), unused), Image(noisy))
    context, begun, took, stopped = Context(), time.process_time(), 0.0, 0.0

    def listen(event: object) -> None:
        nonlocal stopped, took
        if isinstance(event, Progress) and event.step == 100:
            took, stopped = time.process_time() - begun, time.perf_counter()
            context.stop()

    with reused_memory():  # as in every run
        finish(draw(posterior, Sampling(samples=10_000, tolerance=0.0), context), listen)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    late = time.perf_counter() - stopped
    return {
        "samples": posterior.count,
        "seconds": round(took, 1),
        "peak_gb": round(peak, 2),
        "stop_seconds": round(late, 2),
        "sentence": f"100 samples of 1024 x 1024 pixels with the default settings took "
        f"{took:.0f} s of one core ({took / 100:.2f} s each) and {peak:.1f} GB at most, "
        f"PyTorch and ten kept samples included; a stop was honoured after {late:.2f} s.",
    }


def main() -> None:
    """Measure all parts, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    append(RESULT, {"what": "memory", **memory()})
    for part, measure in (
        ("a training step, 4 x 128 x 128, preset small", training_step),
        ("a posterior sample, 512 x 512, preset small", posterior_sample),
        ("generated noise, 64 x 128", generated_noise),
        ("generated noise, 64 x 256", lambda: generated_noise(256)),
    ):
        record = {"what": "speed", "part": part, "threads": torch.get_num_threads()}
        record |= {"precision": FAST.precision, **measure()}
        append(RESULT, record)
        print(record, flush=True)
    append(RESULT, {"what": "precision", **precision()})
    print(write_tables())


if __name__ == "__main__":
    main()
