"""A model of noise that is correlated along one axis, given the code of the clean image."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_selfdenoise.nn.mixture import GaussianMixture
from napari_selfdenoise.nn.residual import CONVOLUTIONS, Convolution

Direction = Literal["x", "y", "z", "none"]

DILATIONS = 1, 1, 2, 1, 2, 1, 1, 1
TAPS = 5
"""Pixels along the axis that a convolution sees, the current one included."""

AXES: dict[str, int] = {"x": -1, "y": -2, "z": -3, "none": -1}
"""Of images, counted from the last, by the direction of the noise."""


class CausalBlock(nn.Module):
    """A convolution along one axis, seeing back alone, plus one of the code; ReLU; 1x1.

    What it makes is added to its input.

    The first block sees the image itself, but never the pixel in question, and does not add
    its output to it.

    Parameters
    ----------
    inputs, outputs : int
        Channels. Both are divided into `groups` that do not see each other.
    code_features : int
        Channels of the code, which all of the output sees.
    groups : int
        Channels of the image.
    axis : int
        Of the convolution, counted from the last.
    taps : int
        Pixels it sees; in the first block one less, and no convolution if none is left.
    dilation : int
        Distance of these pixels.
    dimensions : int
        2 or 3.
    first : bool
        Whether `inputs` are the channels of the image itself.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        code_features: int,
        groups: int,
        *,
        axis: int,
        taps: int,
        dilation: int,
        dimensions: int,
        first: bool,
    ) -> None:
        super().__init__()
        self.first, self.dilation = first, dilation
        taps -= first
        reach = dilation * (taps - 1)
        # Padded by one more before and cropped at the end, the output is one pixel later.
        self.ends = [0, 0] * (-axis - 1) + ([reach + 1, -1] if first else [reach, 0])
        kernel, steps = [1] * dimensions, [1] * dimensions
        kernel[axis], steps[axis] = taps, dilation
        layer = CONVOLUTIONS[dimensions]
        along = layer(inputs, outputs, kernel, dilation=steps, groups=groups) if taps else None
        self.along: Convolution | None = along
        self.from_code = layer(code_features, outputs, 1)
        self.mix = layer(outputs, outputs, 1, groups=groups)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """Return the output for features (B, inputs, [Z,] Y, X) and a code of the same size."""
        change: Tensor = self.from_code(code)
        if self.along is not None:
            change += self._see_back(self.along, functional.pad(features, self.ends))
        change = self.mix(change.relu_())
        return change if self.first else features + change

    def _see_back(self, along: Convolution, padded: Tensor) -> Tensor:
        """Return the convolution along the axis, of several groups in single precision.

        On CPUs (PyTorch 2.13, oneDNN) the gradient of a convolution with groups and a dilation
        along Y is made of memory that was never written, if it is computed in bfloat16.
        """
        single = along.groups > 1
        values = padded.to(along.weight.dtype) if single else padded
        with torch.autocast(values.device.type, enabled=False) if single else nullcontext():
            seen: Tensor = along(values)
        return seen


class BlockStep:
    """One block of the decoder, one column at a time, with the columns it still needs.

    Parameters
    ----------
    block : CausalBlock
        Where the weights come from.
    groups : int
        Channels of the image.
    lines : int
        Pixels of a column.
    """

    def __init__(self, block: CausalBlock, groups: int, lines: int) -> None:
        self.block = block
        self.mix = grouped(block.mix, groups)
        if block.along is None:
            return
        self.along = grouped(block.along, groups)
        inputs = block.along.weight.shape[1]
        taps = self.along[1].shape[1] // inputs
        before = block.dilation * (taps - 1)
        zeros = self.along[1].new_zeros(groups, lines, inputs)
        self.places = range(-1 - before, 0, block.dilation)
        self.history = deque([zeros] * (before + 1), maxlen=before + 1)

    def __call__(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return the output, (groups, lines, outputs), for the newest column.

        Parameters
        ----------
        features : Tensor
            (groups, lines, inputs) of this column; of the one before it in the first block.
        condition : Tensor
            (groups, lines, outputs) of this column.
        """
        if self.block.along is not None:
            self.history.append(features)
            seen = torch.cat([self.history[place] for place in self.places], 2)
            bias, weight = self.along
            condition = condition + torch.baddbmm(bias, seen, weight)
        bias, weight = self.mix
        change = torch.baddbmm(bias, torch.relu(condition), weight)
        return change if self.block.first else features + change


def grouped(layer: Convolution, groups: int) -> tuple[Tensor, Tensor]:
    """Return bias (groups, 1, outputs) and weight (groups, taps * inputs, outputs)."""
    assert layer.bias is not None
    weight = layer.weight.flatten(2).unflatten(0, (groups, -1))  # groups, outputs, inputs, taps
    return layer.bias.view(groups, 1, -1), weight.permute(0, 3, 2, 1).flatten(1, 2)


class AutoregressiveDecoder(nn.Module):
    """Likelihood of a noisy image given the code of its clean one, pixel after pixel.

    A PixelCNN in one dimension: with the defaults every pixel depends on the 40 before it on
    the same line, and on the code there. It can follow noise along the line, but hardly
    structures, which have two dimensions and must come through the code. Channels are
    independent of each other given the code.

    Source: Salmon and Krull, Unsupervised Denoising for Signal-Dependent and Row-Correlated
    Imaging Noise, WACV 2025, supplement, section 3, after van den Oord et al., Conditional
    Image Generation with PixelCNN Decoders, NeurIPS 2016. As in the published code, the
    first convolution sees 4 pixels; the paper pads for 5.

    Parameters
    ----------
    channels : int
        Channels of the image.
    code_features : int
        Channels of the code.
    direction : {"x", "y", "z", "none"}
        Along which axis the noise is correlated; "none" for noise that is independent
        between pixels, with convolutions of one pixel.
    components : int
        Normal distributions per mixture.
    filters : int
        Channels in between, rounded up to a multiple of `channels`.
    dilations : sequence of int
        Distance of the pixels that the convolution of each block sees.
    dimensions : int
        2 or 3.

    Raises
    ------
    ValueError
        If there is no such direction in this number of dimensions.
    """

    def __init__(
        self,
        channels: int,
        code_features: int,
        direction: Direction,
        *,
        components: int = 3,
        filters: int = 64,
        dilations: Sequence[int] = DILATIONS,
        dimensions: int = 2,
    ) -> None:
        super().__init__()
        if direction not in AXES or AXES[direction] < -dimensions:
            known = "x, y, z or none" if dimensions > 2 else "x, y or none"
            raise ValueError(f"noise is correlated along {known}, not {direction!r}")
        self.channels, self.axis = channels, AXES[direction]
        filters = -(-filters // channels) * channels
        self.blocks = nn.ModuleList(
            CausalBlock(
                filters if number else channels,
                filters,
                code_features,
                channels,
                axis=self.axis,
                taps=1 if direction == "none" else TAPS,
                dilation=dilation,
                dimensions=dimensions,
                first=number == 0,
            )
            for number, dilation in enumerate(dilations)
        )
        layer = CONVOLUTIONS[dimensions]
        self.output = layer(filters, channels * 3 * components, 1, groups=channels)

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        """Return the parameters of the mixtures, (B, channels * 3 * components, [Z,] Y, X).

        Parameters
        ----------
        image : Tensor
            (B, channels, [Z,] Y, X), noisy, normalised.
        code : Tensor
            (B, code_features, [Z,] Y, X).
        """
        features = image
        for block in self.blocks:
            features = block(features, code)
        parameters: Tensor = self.output(features)
        return parameters

    def log_likelihood(self, image: Tensor, code: Tensor) -> Tensor:
        """Return the log-density of every value given those before it, in nats; as `image`."""
        mixtures = GaussianMixture.of(self(image, code), self.channels)
        return mixtures.log_density(image)

    def draws(
        self, batch: int, size: Sequence[int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return uniform and normal draws for `batch` images of `size`, as `sample` needs.

        On the device of the generator, float32: (B, channels, [Z,] Y, X) each.
        """
        shape = (batch, self.channels, *size)
        uniform = torch.rand(shape, generator=generator, device=generator.device)
        return uniform, torch.randn(shape, generator=generator, device=generator.device)

    @torch.no_grad()
    def sample(self, code: Tensor, draws: tuple[Tensor, Tensor]) -> Tensor:
        """Return noisy images, (B, channels, [Z,] Y, X), of the clean ones behind `code`.

        Time is proportional to the number of pixels; see `columns` for doing it in parts.
        """
        image = torch.empty_like(draws[0])
        for place, column in enumerate(self.columns(code, draws)):
            image.select(self.axis, place).copy_(column)
        return image

    @torch.no_grad()
    def columns(self, code: Tensor, draws: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
        """Yield a noisy image column by column, or row by row for direction y.

        Of what came before, each block keeps the columns that it still needs, so that a
        column costs the same wherever it is.

        Parameters
        ----------
        code : Tensor
            (B, code_features, [Z,] Y, X).
        draws : pair of Tensor
            See `draws`.

        Yields
        ------
        column : Tensor
            (B, channels, ...), without the axis of the noise.
        """
        shape = code.select(self.axis, 0).shape  # B, features, and the lines
        lines = shape[0] * shape[2:].numel()
        steps = [BlockStep(block, self.channels, lines) for block in self._blocks()]
        weight, bias = self._from_code()
        output = grouped(self.output, self.channels)
        value = weight.new_zeros(lines, self.channels)
        for place in range(code.shape[self.axis]):
            here, uniform, normal = (
                values.select(self.axis, place).movedim(1, -1).flatten(0, -2)
                for values in (code, *draws)
            )
            conditions = functional.linear(here.float(), weight, bias)
            # (lines, blocks, channels, filters) -> (blocks, channels, lines, filters)
            conditions = conditions.view(lines, len(steps), self.channels, -1)
            features = value.t().unsqueeze(2)
            for step, condition in zip(steps, conditions.permute(1, 2, 0, 3), strict=True):
                features = step(features, condition)
            parameters = torch.baddbmm(output[0], features, output[1]).transpose(0, 1)
            value = GaussianMixture.of(parameters.flatten(1), self.channels).at(uniform, normal)
            yield value.view(shape[0], *shape[2:], -1).movedim(-1, 1)

    def _from_code(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the code's convolutions in all blocks."""
        layers = [block.from_code for block in self._blocks()]
        biases = [layer.bias for layer in layers if layer.bias is not None]
        return torch.cat([layer.weight.flatten(1) for layer in layers]), torch.cat(biases)

    def _blocks(self) -> Sequence[CausalBlock]:
        return cast("Sequence[CausalBlock]", self.blocks)
