"""A whole model as one network: from noisy to denoised intensities.

Other programs know nothing of normalisation, brightness and preparation, so that all of it
is part of the network they get.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from napari_selfdenoise.core.errors import ModelError
from napari_selfdenoise.data import noise_model
from napari_selfdenoise.data.noise_model import NoiseModel
from napari_selfdenoise.engine.model import Member, Model


class WholeModel(nn.Module):
    """Denoises planes as `engine.runs.apply` does, in float32; see `checked` for which.

    Maps (B, channels, Y, X) to the same shape, both in intensities. Channels are those of the
    images (axis C), each with its own network if there are several, or colour samples (axis
    S). Unlike `apply` it does not leave constant planes as they are.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        prepared = model.preparation.noise_models
        colours = model.channels
        groups = [prepared[at : at + colours] for at in range(0, len(prepared), colours)]
        if len(model.members) > 1 and len(groups) == 1:
            groups *= len(model.members)
        self.parts = nn.ModuleList(
            _WholeMember(model, member, groups[number] if groups else ())
            for number, member in enumerate(model.members)
        )

    def forward(self, noisy: Tensor) -> Tensor:
        """Return the denoised planes."""
        if len(self.parts) == 1:
            denoised: Tensor = self.parts[0](noisy)
            return denoised
        return torch.cat([part(noisy[:, at : at + 1]) for at, part in enumerate(self.parts)], 1)


class _WholeMember(nn.Module):
    """One network of a model, with all that is done before and after."""

    offset: Tensor
    scale: Tensor
    brightness: Tensor

    def __init__(self, model: Model, member: Member, prepared: Sequence[NoiseModel]) -> None:
        super().__init__()
        self.network = copy.deepcopy(member.network).cpu().float().eval()
        self._method, self._samples = model.method, model.method.samples_posterior
        for name, values in (
            ("offset", member.normalization.offset),
            ("scale", member.normalization.scale),
            ("brightness", member.brightness),
        ):
            self.register_buffer(name, torch.tensor(values)[:, None, None])
        self.stabilisations = nn.ModuleList(map(Stabilisation, prepared))

    def forward(self, noisy: Tensor) -> Tensor:
        values = self._each("stabilise", noisy)
        values = self._restored((values - self.offset) / self.scale)
        values = self._each("restore", values * self.scale + self.offset + self.brightness)
        if not self.stabilisations:
            return values
        # As `engine.preparation` does it: noise of zero mean keeps the mean.
        return values + (noisy - values).mean((2, 3), keepdim=True)

    def _restored(self, normalised: Tensor) -> Tensor:
        if self._samples:
            in_one_pass: Any = self.network.in_one_pass
            restored: Tensor = in_one_pass(normalised)[0]
            return restored
        return self._method.restore(self.network, normalised)

    def _each(self, name: str, values: Tensor) -> Tensor:
        """Apply or undo the stabilisation of each colour."""
        if not self.stabilisations:
            return values
        alike = len(self.stabilisations) == 1
        colours = [
            getattr(self.stabilisations[0 if alike else at], name)(values[:, at : at + 1])
            for at in range(values.shape[1])
        ]
        return torch.cat(colours, 1)


class Stabilisation(nn.Module):
    """`data.noise_model.NoiseModel.stabilise` and `restore` for tensors, in float32."""

    squares: Tensor
    photons: Tensor

    def __init__(self, camera: NoiseModel) -> None:
        super().__init__()
        self.camera = camera
        self.unit = camera.gain or camera.read_noise or 1.0
        if camera.gain:
            ratio = camera.read_noise / camera.gain
            means, photons = noise_model.mean_transforms(round(ratio, 6))
            self.least = float(means[0])
            self.slope = float((photons[1] - photons[0]) / (means[1] - means[0]))
            self.register_buffer("squares", torch.tensor(means**2, dtype=torch.float32))
            self.register_buffer("photons", torch.tensor(photons, dtype=torch.float32))

    def stabilise(self, values: Tensor) -> Tensor:
        """Return values whose noise has about unit variance."""
        values = (values - self.camera.offset) / self.unit
        if not self.camera.gain:
            return values
        shift = 3 / 8 + (self.camera.read_noise / self.camera.gain) ** 2
        return 2 * torch.sqrt(torch.clamp(values + shift, min=0))

    def restore(self, values: Tensor) -> Tensor:
        """Return intensities, without bias."""
        if self.camera.gain:
            values = self._inverse(values)
        return values * self.unit + self.camera.offset

    def _inverse(self, values: Tensor) -> Tensor:
        squares, photons = self.squares, self.photons
        squared = values.square()
        right = torch.searchsorted(squares, squared.contiguous()).clamp(1, len(squares) - 1)
        left = right - 1
        share = (squared - squares[left]) / (squares[right] - squares[left])
        inside = photons[left] + share * (photons[right] - photons[left])
        above = photons[-1] + (squared - squares[-1]) / 4
        below = (values - self.least) * self.slope
        found = torch.where(squared > squares[-1], above, inside)
        return torch.where(values < self.least, below, found)


def checked(model: Model) -> Model:
    """Return the model if it can be one network.

    Raises
    ------
    ModelError
        If it cannot: the sentence says why.
    """
    reason = ""
    if not model.members:
        reason = "it has no network, because its training was stopped before it began"
    elif model.preparation.stride > 1:
        reason = (
            "it denoises sub-images of every n-th pixel (decorrelate="
            f"{model.preparation.stride}), which a package cannot express; train it with "
            "decorrelate=off"
        )
    elif model.method.beside(model.config):
        reason = (
            "it denoises a plane with those beside it (dimensions=3), and in a package there "
            "is but one plane; train it with dimensions=2"
        )
    elif tile := model.method.tile_size(model.config):
        reason = (
            f"its network takes tiles of {tile} x {tile} pixels only, which are blended into "
            "each other, and a package cannot express that"
        )
    elif model.config.network_per == "plane" and len(model.members) > 1:
        reason = (
            f"it has {len(model.members)} networks, one for each plane of the stack it was "
            "trained on, and no other image has these planes; train it with network_per=stack"
        )
    elif len(model.members) > 1 and model.channels > 1:
        reason = (
            f"it has {len(model.members)} networks for channels that have {model.channels} "
            "colour samples each, and a package has one axis for both"
        )
    elif model.method.samples_posterior and any(
        getattr(member.network, "direct", None) is None for member in model.members
    ):
        reason = (
            "its image is the mean of posterior samples, which are drawn at random; train it "
            "with direct_share above 0, and the network for one pass can be exported"
        )
    if reason:
        raise ModelError(f"The model cannot be exported to BioImage.IO: {reason}.")
    return model
