"""The posterior of an image: samples, their running mean and spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Note, Preview, Progress, Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs, WritableArray
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.data.planes import Planes, channel_planes
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.planewise import unfinished, with_residual
from napari_selfdenoise.engine.predict_image import denoiser_of, parts_of, predict_image
from napari_selfdenoise.engine.sampler import Plane, PlaneSampler, from_prior, prior_image

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model

ROUND = 10
"""Samples of one plane that are drawn before the next plane's turn."""

Array = NDArray[np.float32]


@dataclass(eq=False)
class Posterior:
    """Samples of the clean images that a noisy one may be of, as far as they were drawn.

    Their mean and spread are kept up to date with every sample, in float32, and no more
    samples in memory than asked for. Goes on where it was when it is given to `draw` again.

    Attributes
    ----------
    model : Model
        Trained, of a method with a posterior.
    image : Image
        The noisy image.
    seed : int
        Of the draws: the same seed gives the same samples, whenever they are drawn.
    outputs : Outputs
        Where the arrays come from.
    mirrored : bool
        Whether samples are of the image mirrored in four ways, in turn; only if the model
        has seen mirrored patches in training.
    mean : array
        Mean of the samples, of the image's shape; NaN where there is none yet.
    counts : list of int
        Samples of each plane, in the order of the planes of each channel.
    kept : list of array
        The first samples, of the image's shape each.
    """

    model: Model
    image: Image
    seed: int = 0
    outputs: Outputs = field(default_factory=Outputs)
    mirrored: bool = True
    mean: WritableArray = field(init=False)
    counts: list[int] = field(init=False)
    kept: list[WritableArray] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.mirrored = self.mirrored and self.model.config.augment
        self.mean, self._squares = (self.outputs.new(self.image) for _ in range(2))
        groups = channel_planes(self.image)
        self._planes = [(planes, at) for planes in groups for at in range(len(planes))]
        self.counts = [0] * len(self._planes)

    @property
    def count(self) -> int:
        """Samples that every plane has."""
        return min(self.counts)

    def std(self) -> WritableArray:
        """Return the standard deviation of the samples; NaN for planes of less than two."""
        std = self.outputs.new(self.image)
        for number, (planes, at) in enumerate(self.planes()):
            if self.counts[number] > 1:
                place = planes.index(at)
                std[place] = np.sqrt(
                    np.asarray(self._squares[place]) / (self.counts[number] - 1)
                )
        return std

    def samples(self) -> Array:
        """Return the samples that were kept, as many as every plane has: (samples, ...)."""
        return np.stack([np.asarray(each[...]) for each in self.kept[: self.count]])

    def planes(self) -> list[tuple[Planes, int]]:
        """Return every plane as (planes, number), in the order of `counts`."""
        return self._planes

    def add(self, number: int, sample: Plane, keep: int) -> None:
        """Take up a sample, (channels, Y, X), of plane `number` of `planes`."""
        planes, at = self.planes()[number]
        before = self.counts[number]
        mean, squares = (
            Planes(self.image.like(each), planes.fixed) for each in (self.mean, self._squares)
        )
        if before == 0:
            planes.write(self.mean, at, sample)
            planes.write(self._squares, at, np.zeros_like(sample))
        else:  # Welford's update
            former = mean.read(at)
            updated: Plane = former + (sample - former) / np.float32(before + 1)
            spread: Plane = squares.read(at) + (sample - former) * (sample - updated)
            planes.write(self.mean, at, updated)
            planes.write(self._squares, at, spread)
        if before < keep:
            while len(self.kept) <= before:
                self.kept.append(self.outputs.new(self.image))
            planes.write(self.kept[before], at, sample)
        self.counts[number] += 1

    def error(self) -> tuple[float, float]:
        """Return the variance of the mean due to the number of samples, and the noise's.

        Means over all pixels of planes with two samples or more. The first is V / n, with V
        the variance of a sample and n their number; the noise's is that of the residual.
        """
        sampling, noise, pixels = 0.0, 0.0, 0
        for number, (planes, at) in enumerate(self.planes()):
            count = self.counts[number]
            if count < 2:
                continue
            place = planes.index(at)
            residual = self.image.read(place) - np.asarray(self.mean[place])
            sampling += (
                float(np.asarray(self._squares[place]).sum(dtype=float)) / (count - 1) / count
            )
            noise += float(np.square(residual - residual.mean()).sum(dtype=float))
            pixels += residual.size
        return (sampling / pixels, noise / pixels) if pixels else (np.inf, 0.0)

    def facts(self) -> dict[str, Any]:
        """Return what the provenance tells of it."""
        variance, noise = self.error()
        return {
            "samples": self.count,
            "mirrored": self.mirrored,
            "variance_of_the_mean": variance if np.isfinite(variance) else None,
            "variance_of_the_residual": noise,
        }


def draw(
    posterior: Posterior, sampling: Sampling, context: Context, *, partial: bool = False
) -> Run[None]:
    """Draw samples until there are as many as asked for, or their mean is good enough.

    Parameters
    ----------
    posterior : Posterior
        Gets the samples.
    sampling : Sampling
        How many, how good, and how many to keep.
    context : Context
        A stop ends it after the sample at hand.
    partial : bool
        Whether the model may lack networks, because training was stopped.
    """
    samplers = _samplers(posterior, context, partial=partial)
    total = sampling.samples * len(samplers)
    while samplers and min(posterior.counts[: len(samplers)]) < sampling.samples:
        for number, sampler in enumerate(samplers):
            goal = min(sampling.samples, posterior.counts[number] + ROUND)
            while posterior.counts[number] < goal:
                sample = sampler.draw(posterior.counts[number], context)
                if sample is None or context.stopping:
                    yield from _stopped(posterior, context)
                    return
                posterior.add(number, sample, sampling.keep_samples)
                yield Progress(sum(posterior.counts), total, "sampling")
            if len(samplers) > 1:
                sampler.forget()
        yield from _preview(posterior, context)
        variance, noise = posterior.error()
        left = min(posterior.counts[: len(samplers)]) < sampling.samples
        if left and variance < sampling.tolerance * noise:
            yield Progress(total, total, "sampling")
            yield Note(
                f"Sampling ended after {posterior.count} of {sampling.samples} samples: the "
                f"variance of their mean is {variance / noise:.2%} of the noise's."
            )
            return


def sampled_images(posterior: Posterior, context: Context) -> Run[dict[str, Image]]:
    """Draw samples and return all images that ``context.sampling`` asks for.

    ``"denoised"`` is the mean of the samples (MMSE); ``"posterior_std"`` their spread, if
    there are two; ``"samples"`` those that were kept, along a leading axis Q; then what else
    was asked for.
    """
    image, sampling, model = posterior.image, context.sampling, posterior.model
    direct = None
    if not posterior.count:  # samples that are added later do not change it
        direct = yield from _in_one_pass(posterior, context)
    if not sampling.samples:
        if direct is None:
            raise UsageError(
                "samples is 0, but the model has no network that denoises in one pass: draw "
                "samples, or train with direct_share above 0."
            )
        return with_residual(image, direct)
    yield from draw(posterior, sampling, context, partial=context.stopped)
    images = with_residual(image, _copied(posterior, context))
    if direct is not None:
        images["direct"] = image.like(direct, f"{image.name} direct")
    if max(posterior.counts) > 1:
        images["posterior_std"] = image.like(posterior.std(), f"{image.name} posterior std")
    if posterior.kept and posterior.count and "Q" not in image.axes:
        images["samples"] = image.sampled(posterior.samples(), f"{image.name} samples")
    if sampling.generated_noise and not context.stopped:
        noisy = yield from generate_noise(posterior, context)
        images["generated_noise"] = image.like(noisy, f"{image.name} generated noise")
    if sampling.prior_images and model.members:
        drawn = draw_prior(posterior, sampling.prior_images, context)
        images["prior"] = prior_image(drawn, image)
    return images


def _copied(posterior: Posterior, context: Context) -> WritableArray:
    """Return the mean so far, of which the posterior's own goes on with more samples."""
    out = context.outputs.new(posterior.image)
    for planes, at in posterior.planes():
        place = planes.index(at)
        out[place] = posterior.mean[place]
    return out


def generate_noise(posterior: Posterior, context: Context) -> Run[Array]:
    """Make a new noisy image of the signal of the first sample."""
    out = np.full(posterior.image.shape, np.nan, np.float32)
    samplers = _samplers(posterior, context, partial=True)
    planes = posterior.planes()
    total = sum(each.noise_steps for each in samplers)
    done = 0
    for number, sampler in enumerate(samplers):
        for noisy in sampler.noisy_again(context):
            done += 1
            if noisy is not None:
                group, at = planes[number]
                group.write(out, at, noisy)
            yield Progress(done, total, "generating noise")
    if context.stopping:
        context.honour_stop()
    return out


def draw_prior(posterior: Posterior, count: int, context: Context) -> list[Plane]:
    """Return images drawn from the prior of the first network, (channels, Y, X) each."""
    model = posterior.model
    denoiser = denoiser_of(model.method, model.config, model.members[0], Compute.of(context))
    denoiser.network.eval()
    side = model.config.patch_size
    return [
        from_prior(denoiser, (side, side), [posterior.seed, number]) for number in range(count)
    ]


def _in_one_pass(posterior: Posterior, context: Context) -> Run[WritableArray | None]:
    """Return the image as the network for one pass denoises it; None if there is none."""
    model = posterior.model
    if any(member.network.direct is None for member in model.members):
        return None
    return (yield from predict_image(model, posterior.image, context, restore=_restore_at_once))


def _restore_at_once(network: Any, tile: Tensor) -> Tensor:
    restored: tuple[Tensor] = network.call("in_one_pass", tile)
    return restored[0]


def _samplers(posterior: Posterior, context: Context, *, partial: bool) -> list[PlaneSampler]:
    """Return what samples each plane, in the order of `Posterior.planes`."""
    model, compute = posterior.model, Compute.of(context)
    found: list[PlaneSampler] = []
    halo = model.method.halo(model.config)
    for member, planes in parts_of(model, posterior.image, partial=partial):
        denoiser = denoiser_of(model.method, model.config, member, compute)
        denoiser.network.eval()
        for at in range(len(planes)):
            seed = [posterior.seed, len(found)]
            sampler = PlaneSampler(denoiser, planes, at, halo, seed, posterior.mirrored)
            found.append(sampler)
    return found


def _stopped(posterior: Posterior, context: Context) -> Run[None]:
    context.honour_stop()
    begun = sum(count > 0 for count in posterior.counts)
    if begun < len(posterior.counts):
        yield Note(unfinished(begun, len(posterior.counts)), "warning")
    else:
        yield Note(f"Sampling stopped after {posterior.count} samples.")


def _preview(posterior: Posterior, context: Context) -> Run[None]:
    """Show the mean so far where the user looks."""
    region = context.preview_region
    if region is None or context.preview_interval <= 0:
        return
    image = posterior.image.like(posterior.mean, f"{posterior.image.name} preview")
    shown = image.crop(region)
    if np.isfinite(shown.read()).all():
        yield Preview(posterior.count, shown.like(shown.read().copy()), region)
