"""Mixtures of normal distributions, one for every value of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SCALE_FLOOR = 1e-3
"""Smallest standard deviation of a component, in units of the normalised image."""


@dataclass(frozen=True)
class GaussianMixture:
    """One mixture of normal distributions per pixel and channel, in float32.

    Attributes
    ----------
    logits : Tensor
        (B, C, components, ...); their softmax along the components are the weights.
    means, stds : Tensor
        (B, C, components, ...), in units of the normalised image.
    """

    logits: Tensor
    means: Tensor
    stds: Tensor

    @classmethod
    def of(cls, parameters: Tensor, channels: int) -> GaussianMixture:
        """Return the mixtures that a network describes.

        Parameters
        ----------
        parameters : Tensor
            (B, C * 3 * components, ...): for each channel all logits, then all means, then
            all standard deviations before softplus. The published code has no floor under
            these: with bfloat16 they reach zero, and training ends in NaN.
        channels : int
            Channels of the image.
        """
        # Planes apart: a handful of channels side by side is slow to compute with.
        apart = parameters.float().contiguous().unflatten(1, (channels, 3, -1))
        logits, means, raw = apart.unbind(2)
        return cls(logits, means, functional.softplus(raw).clamp(min=SCALE_FLOOR))

    @property
    def variance(self) -> Tensor:
        """Variances of the values, (B, C, ...)."""
        weights = self.logits.softmax(2)
        away = self.means - (weights * self.means).sum(2, keepdim=True)
        return (weights * (self.stds.square() + away.square())).sum(2)

    def log_density(self, image: Tensor) -> Tensor:
        """Return the log-density of every value of an image, (B, C, ...), in nats."""
        away = (image.unsqueeze(2) - self.means) / self.stds
        each = self.logits - self.stds.log() - 0.5 * away.square()
        densities = torch.logsumexp(each, 2) - torch.logsumexp(self.logits, 2)
        return densities - 0.5 * math.log(2 * math.pi)

    def at(self, uniform: Tensor, normal: Tensor) -> Tensor:
        """Return one value per mixture, (B, C, ...), for draws of this shape.

        `uniform`, from 0 to 1, chooses the component; `normal` the place in it.
        """
        reached = self.logits.softmax(2).cumsum(2) < uniform.unsqueeze(2)
        # The last component, also where rounding leaves the sum of weights below 1.
        chosen = reached[:, :, :-1].sum(2, keepdim=True)
        mean = self.means.gather(2, chosen).squeeze(2)
        std = self.stds.gather(2, chosen).squeeze(2)
        return torch.addcmul(mean, std, normal)
