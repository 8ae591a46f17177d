"""A network trained by plug-and-play ADMM, with a denoiser as its teacher."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_selfdenoise.core.events import Metrics, Progress, Run
from napari_selfdenoise.data.noise_level import estimate_sigma
from napari_selfdenoise.engine.device import choose
from napari_selfdenoise.engine.plug_and_play_config import PlugAndPlayConfig
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.solvers.admm import Split, plug_and_play, proximal_gradient
from napari_selfdenoise.solvers.bm3d import bm3d
from napari_selfdenoise.solvers.nl_means import nl_means

Array = NDArray[np.float32]
_LEAST_SIGMA = 1e-3
"""Of an image of variance 1: less noise than that would give its data boundless weight."""


class PlugAndPlay:
    """The auxiliary image M and the dual variable A of each plane, and what they are for.

    They accompany the patches of the noisy image Y: a batch holds Y, M and A.

    Parameters
    ----------
    training : Training
        Network and planes.
    config : PlugAndPlayConfig
        The method's settings.

    Attributes
    ----------
    sigma : float
        Standard deviation of the noise, for an image of variance 1.
    gauge : float
        How many times as strong as `data.noise_level` measures it the noise is: 1 unless
        sigma is given. Where much of the image is darker than a few photons, stabilised
        noise is weaker there than elsewhere, and all that is measured is that.
    weight, rho : float
        Of the noisy image, in ``weight / 2 |Y - X|^2``, and of the tie between X and M.
    """

    def __init__(self, training: Training, config: PlugAndPlayConfig) -> None:
        self.training, self.config = training, config
        if config.planes > 0:
            training.patches.thin_out(config.planes)
        self.sigma, self.gauge = _noise_of(training, config)
        self.weight = 2 * config.data_weight or 1 / self.sigma**2
        self.rho = config.rho or 2 * self.weight
        self._device = choose(training.context.device)
        self._stopping: Callable[[], bool] = lambda: training.context.stopping

    def start(self) -> Run[None]:
        """Give every plane its first M and A."""
        patches = self.training.patches
        places = patches.places()
        for number, place in enumerate(places):
            noisy = patches.normalised(*place)
            auxiliary, dual = noisy, np.zeros_like(noisy)
            if self.config.warm_up > 0 and not self._stopping():
                yield Progress(number, len(places), "denoising by the prior")
                auxiliary = self._prior(noisy, self.sigma)
                dual = np.float32(self.weight / self.rho) * (noisy - auxiliary)
            patches.accompany(*place, np.concatenate([auxiliary, dual]))

    def update(self, step: int) -> Run[None]:
        """Let the prior denoise what the network has learned: new M and A for every plane."""
        patches = self.training.patches
        primal, dual = [], []
        for place in patches.places():
            if self._stopping():
                return
            split = self._advanced(place)
            patches.accompany(*place, np.concatenate([split.auxiliary, split.dual]))
            primal.append(split.primal_residual)
            dual.append(split.dual_residual)
        residuals = {"primal": np.mean(primal), "dual": np.mean(dual)}
        yield Metrics(step, {f"residual/{name}": float(v) for name, v in residuals.items()})

    def losses(self, network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        """Return the part of the problem that X = network(Y) solves (algorithm 1, line 5).

        On patches that are renoised, M stands for both Y and M, and A is 0; the network sees
        M with fresh noise.
        """
        noisy, auxiliary, dual = batch.chunk(3, 1)
        fresh = self._drawn(len(batch)) < self.config.renoise
        seen = noisy
        if fresh.any():
            auxiliary = torch.where(fresh, auxiliary * self._varied(len(batch), 1.0), auxiliary)
            noise = self._noise(noisy.shape) * self._varied(len(batch), 0.5)
            seen = torch.where(fresh, auxiliary + noise, noisy)
            noisy, dual = torch.where(fresh, auxiliary, noisy), dual * ~fresh
        seen = seen.contiguous(memory_format=torch.channels_last)
        estimate = network(seen)
        return {
            "data": self.weight / 2 * (noisy - estimate).square().mean(),
            "prior": self.rho / 2 * (estimate + dual - auxiliary).square().mean(),
        }

    def _drawn(self, count: int) -> Tensor:
        """Return a number between 0 and 1 for each patch."""
        drawn = self.training.patches.rng.random((count, 1, 1, 1), np.float32)
        return torch.from_numpy(drawn).to(self._device)

    def _varied(self, count: int, share: float) -> Tensor:
        """Return a factor around 1 for each patch."""
        return torch.exp(share * self.config.variety * (2 * self._drawn(count) - 1))

    def _noise(self, shape: torch.Size) -> Tensor:
        drawn = self.training.patches.rng.standard_normal(tuple(shape), np.float32)
        return self.sigma * torch.from_numpy(drawn).to(self._device)

    def _advanced(self, place: tuple[int, int]) -> Split:
        run = self._iterations(place)
        next(run)
        return run.send(self.training.restored(*place))

    def _iterations(self, place: tuple[int, int]) -> Generator[Split, Array, None]:
        noisy = self.training.patches.normalised(*place)
        auxiliary, dual = np.split(self.training.patches.companion(*place), 2)
        if self.config.dual == "optimum":
            return proximal_gradient(
                noisy, auxiliary, self._prior, rho=self.rho, weight=self.weight
            )
        start = Split(auxiliary, dual)
        return plug_and_play(start, self._prior, rho=self.rho, eta=self.config.eta)

    def _prior(self, plane: Array, sigma: float | None = None) -> Array:
        """Denoise each colour, by default by as much as it is measured to be noisy.

        A stop leaves it as it is.
        """
        colours = map(np.ascontiguousarray, plane)
        return np.stack([self._denoised(each, sigma) for each in colours])

    def _denoised(self, colour: Array, sigma: float | None) -> Array:
        if sigma is None:
            sigma = self.gauge * estimate_sigma(colour)
        if self.config.prior == "nl_means":
            return nl_means(colour[np.newaxis], sigma).reshape(colour.shape)
        image = torch.from_numpy(colour).to(self._device)
        run = bm3d(image, sigma, stopping=self._stopping)
        while True:
            try:
                next(run)
            except StopIteration as end:
                denoised: Array = end.value.cpu().numpy()
                return colour if np.isnan(denoised).any() else denoised


def _noise_of(training: Training, config: PlugAndPlayConfig) -> tuple[float, float]:
    """Return the noise of the normalised planes, and how many times that measured it is."""
    patches = training.patches
    planes = (patches.normalised(*place) for place in patches.places())
    estimates = [estimate_sigma(colour) for plane in planes for colour in plane]
    measured = max(float(np.median(estimates)), _LEAST_SIGMA)
    if config.sigma == 0:
        return measured, 1.0
    sigma = max(config.sigma / float(np.mean(patches.normalization.scale)), _LEAST_SIGMA)
    return sigma, sigma / measured
