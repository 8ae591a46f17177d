"""IDDP: a denoiser that verifies itself.

What the network takes away from a noisy image is an example of the noise. With its signs
flipped at random it is another one, which is put back on the denoised image; the network
has to find this image again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from napari_selfdenoise.core.config import setting, with_default
from napari_selfdenoise.core.events import Event, Note
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.engine.unet_method import UNetConfig, UNetMethod

if TYPE_CHECKING:
    from torch import Tensor, nn

SLOWER = 0.3
"""Factor of the learning rate after warming up: too large steps push the network into one of
the loss's trivial minima, above all the identity."""
CONSISTENCY = 0.5
"""Weight at the end of the warming up of the term that knows neighbours to differ; with more,
noise came back."""
TOO_WEAK, TOO_STRONG = 0.4, 2.5
"""The noise found, as a multiple of the noise measured, beyond which something is wrong."""


@dataclass(frozen=True, kw_only=True)
class IddpConfig(UNetConfig):
    """Settings of IDDP."""

    alpha: float = setting(
        0.001,
        low=1e-6,
        high=1.0,
        step=1e-6,
        help="Weight of the distance from the blurred noisy image, without which the network "
        "could return its input, or nothing; larger blurs.",
    )
    beta: float = setting(
        1.0,
        low=1e-3,
        high=1000.0,
        step=1e-3,
        help="Weight of finding the denoised image again under other noise.",
        advanced=True,
    )
    kernel_size: int = setting(
        3,
        low=3,
        high=31,
        step=2,
        help="Side in pixels, odd, of the mean that blurs the noisy image for alpha.",
        advanced=True,
    )
    rounds: int = setting(
        1,
        low=0,
        high=20,
        help="How often, after warming up, the denoised images that are to be found again are "
        "made by a new copy of the network, which stays as it is in between; 0 takes the "
        "network itself at every step, as published, which drifts towards its input.",
        advanced=True,
    )
    warm_up: float = setting(
        0.6,
        low=0.0,
        high=0.9,
        step=0.05,
        help="Share of the steps in which the network first learns to predict pixels from "
        "their neighbours, as in Neighbor2Neighbor; 0 to start from nothing, as published, "
        "for which thousands of steps are too few.",
        advanced=True,
    )
    stop_gradient: bool = setting(
        True,
        help="Take the denoised image for given when it is compared with; without, results "
        "are blurred, as the paper shows.",
        advanced=True,
    )
    steps: int = with_default(UNetConfig, "steps", 8000)
    # The loss is as small for the identity or a blur as for a good network, and smallest
    # while nothing is learned: the best weights cannot be chosen by it.
    validation_fraction: float = with_default(UNetConfig, "validation_fraction", 0.0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 2000, "width": 16},
        "lunch": {"steps": 30_000},
        "gpu_night": {"steps": 500_000, "batch_size": 8, "patch_size": 128, "width": 64},
        "paper": {
            "steps": 2_000_000,
            "batch_size": 1,
            "patch_size": 128,
            "learning_rate": 2e-4,
            "schedule": "linear",
            "weight_average": 0.0,
            "warm_up": 0.0,
            "rounds": 0,
        },
    }


class Iddp(UNetMethod[IddpConfig]):
    """Implicit deep denoiser prior, learned from noisy images alone.

    Assumes noise of zero mean, symmetric and independent between pixels; its strength may
    depend on the signal. Keeps noise that is correlated between neighbours in part, and
    approximates the skewed noise of a few photons, because signs are flipped (eq. 7). Meant
    for many images, on which structures repeat and noise does not.

    Follows equations 7, 8, 11, 16 and 17; means for the squared norms, gradients through
    neither the target nor the second input. No code was published, and the paper names
    neither the blur's kernel nor the U-Net's details. Deviations with the default settings:
    thousands of steps, not millions, with a cosine and averaged weights; a start from a
    network that predicts pixels from their neighbours (`warm_up`), because an untrained one
    first learns a blur, which sharpens over hundreds of thousands of steps; the fixed variable
    of equations 14 to 17, the estimate, comes from a copy of the network that is fixed for the
    rest of the training (`rounds`) and not for one step: within thousands of steps the
    published rule lost 0.3 dB of what the start had learned, and this gained some; four
    patches of
    64 x 64 pixels per step for one of 128 x 128; images of mean 0 and deviation 1.
    """

    title = "IDDP"
    summary = "Learns from many noisy images to find the denoised image again under new noise."
    assumes = (
        "Noise of zero mean, independent between pixels, of any strength at any intensity; "
        "keeps part of noise that is correlated between neighbours."
    )
    assumes_white_noise = True
    reference = (
        "Lin, Zhuang, Ding, Zeng, Huang, Tu, Paisley, Self-supervised Image Denoising Using "
        "Implicit Deep Denoiser Prior, AAAI 2023, doi:10.1609/aaai.v37i2.25245"
    )
    learns_from = "many images"
    Config = IddpConfig
    multiple = 2 * UNetMethod.multiple  # half-size images fit the network, too

    def work(self, config: IddpConfig) -> float:
        """Count the passes through the network."""
        passes = 2.5 if config.rounds else 2  # one of them only forwards
        return passes * super().work(config)

    def stages(self, training: Training, config: IddpConfig) -> Iterator[Stage | Event]:
        """Yield the training; at its end the noise found is compared with that measured."""
        warm_up = round(config.warm_up * config.steps)

        def neighbours(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            from napari_selfdenoise.nn.subsample import neighbour_losses

            return neighbour_losses(network, batch, training.generator(network, batch))

        def growing(loss: str) -> float:
            return CONSISTENCY * training.share() if loss == "consistency" else 1.0

        if warm_up:
            rate = config.learning_rate
            yield Stage("warming up", warm_up, neighbours, rate, weight=growing)
        left = config.steps - warm_up
        rounds = min(max(config.rounds, 1), left)
        for number in range(rounds):
            steps = left * (number + 1) // rounds - left * number // rounds
            yield self._stage(training, config, steps, last=number == rounds - 1)

    def _stage(
        self, training: Training, config: IddpConfig, steps: int, *, last: bool
    ) -> Stage:
        """Return a stage in which the estimates are made by the network as it is now."""
        noise, fixed = _Noise(), None
        if config.rounds and config.stop_gradient:
            fixed = copy.deepcopy(training.network).eval().requires_grad_(False)

        def verify(network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
            named = verification(network, batch, training, config, fixed)
            noise.add(float(named["noise found"]))
            return named

        def between(step: int) -> Iterator[Event]:
            if last and step == steps:
                yield from noise.judged(training)

        weights = {"fidelity": config.alpha, "verification": config.beta}
        return Stage(
            "training",
            steps,
            verify,
            (SLOWER if config.warm_up else 1) * config.learning_rate,
            between,
            weight=lambda loss: weights.get(loss, 0.0),
            shown=("noise found",),
        )


def verification(
    network: nn.Module,
    batch: Tensor,
    training: Training,
    config: IddpConfig,
    fixed: nn.Module | None = None,
) -> dict[str, Tensor]:
    """Return both terms of the loss, equation 17, and the deviation of the noise found.

    The terms come without their weights alpha and beta.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (B, C, Y, X) to the same shape.
    batch : Tensor
        Noisy patches y, (B, C, Y, X).
    training : Training
        Gives the random signs.
    config : IddpConfig
        kernel_size, stop_gradient.
    fixed : torch.nn.Module, optional
        What makes the estimate eta that stands for F(y) where it is a fixed variable; F itself
        if omitted.

    Returns
    -------
    dict of str to Tensor
        ``fidelity``: |F(y) - blurred y|^2; ``verification``: |F(y2) - eta|^2 with
        y2 = eta + m (y - eta) and signs m; ``noise found``: not to be minimised.
    """
    import torch
    from torch.nn.functional import avg_pool2d, mse_loss, pad

    from napari_selfdenoise.engine.device import Compute, Float32Outputs

    side = min(config.kernel_size, *batch.shape[2:])
    side -= 1 - side % 2
    margin = side // 2
    blurred = avg_pool2d(pad(batch, (margin,) * 4, mode="reflect"), side, stride=1)
    first = network(batch)
    if fixed is None:
        given = first.detach() if config.stop_gradient else first
    else:
        with torch.no_grad():
            given = Float32Outputs(fixed, Compute.of(training.context))(batch)
    found = batch - given
    generator = training.generator(network, batch)
    signs = torch.randint(0, 2, batch.shape, generator=generator, device=batch.device) * 2 - 1
    second = network(given + signs * found)
    return {
        "fidelity": mse_loss(first, blurred),
        "verification": mse_loss(second, given),
        "noise found": found.detach().std(),
    }


class _Noise:
    """Follows the deviation of the noise that the network finds."""

    def __init__(self) -> None:
        self._mean = 0.0

    def add(self, deviation: float) -> None:
        """Take up the deviation of one batch, of normalised images."""
        self._mean += 0.01 * (deviation - self._mean) if self._mean else deviation

    def judged(self, training: Training) -> Iterator[Event]:
        """Say so if it is far from the noise that is measured on the images."""
        from napari_selfdenoise.data.noise_level import estimate_sigma

        patches = training.patches
        places = patches.places()
        planes = [patches.normalised(*place) for place in places[:: -(-len(places) // 8)]]
        measured = sum(estimate_sigma(plane[0]) for plane in planes) / len(planes)
        if measured <= 0:
            return
        ratio = self._mean / measured
        if ratio < TOO_WEAK:
            yield Note(
                f"IDDP takes away noise of {ratio:.2f} times the strength that is measured: it "
                "nearly returns its input. Increase alpha, or train for longer.",
                "warning",
            )
        elif ratio > TOO_STRONG:
            yield Note(
                f"IDDP takes away {ratio:.1f} times as much as the noise that is measured: "
                "structures are blurred. Decrease alpha, or train for longer.",
                "warning",
            )
