"""A U-Net with two convolutions at every level, and no normalisation."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from napari_selfdenoise.nn.doubling import interpolated_convolution
from napari_selfdenoise.nn.thin import ThinConvolution

OUTPUT_DEVIATION = 1e-3
"""Of the last layer's weights before training: then the network returns its input."""


class DoubleUNet(nn.Module):
    """Encoder and decoder with skip connections; maps (B, C, Y, X) to the same shape.

    Two 3x3 convolutions with ReLU at every level and in every block of the decoder,
    max-pooling, bilinear upsampling; what comes out is added to the image. With the defaults
    841 thousand parameters for RGB, and 93 thousand multiplications per pixel.

    Source: the code of Lin et al., Noise2Grad (IJCAI 2021), whose authors call the network
    of IDDP (AAAI 2023) "a simple U-Net". Deviations: the network predicts what to add to the
    image and not the image, which is worth 0.3 dB after 1500 supervised steps, most where
    there is little noise. The weights begin at the size that keeps the variance (He et al.
    2015), the last ones near zero, and not with a deviation of 0.02, with which the signal
    of nine layers is lost. The upsampling has pixels at fixed places (their
    ``align_corners`` makes it depend on the size of the image, so that no image could be
    denoised tile by tile). And what is upsampled goes on beyond the border of the image, where
    theirs is zero; so it need never be made (see `nn.doubling`).

    Parameters
    ----------
    channels : int
        Channels of input and output.
    width : int
        Channels at full resolution; 2, 4 and 4 times as many at the coarser levels.
    levels : int
        How often the resolution is halved. The sides of an input are multiples of
        ``2 ** levels`` pixels.
    outputs : int
        Channels of the output, which is added to the first ones of the input; 0 for as many
        as that has.
    """

    def __init__(
        self, channels: int, width: int = 32, levels: int = 3, outputs: int = 0
    ) -> None:
        super().__init__()
        self.outputs = outputs or channels
        encoder, decoder = _widths(width, levels)
        inputs = [channels, *encoder[:-1]]
        self.encoder = nn.ModuleList(
            _block(*pair) for pair in zip(inputs, encoder, strict=True)
        )
        beside = encoder[-2::-1]
        below = [encoder[-1], *decoder[:-1]]
        self.decoder = nn.ModuleList(
            _block(low + high, out)
            for low, high, out in zip(below, beside, decoder, strict=True)
        )
        self.output = ThinConvolution(decoder[-1], self.outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.output.weight, std=OUTPUT_DEVIATION)

    def forward(self, image: Tensor) -> Tensor:
        """Return the output for `image`, (B, C, Y, X)."""
        skipped = [self.encoder[0](image)]
        for block in self.encoder[1:]:
            skipped.append(block(max_pool2d(skipped[-1], 2)))
        features = skipped.pop()
        for block in self.decoder:
            first, *others = block.children()
            assert isinstance(first, nn.Conv2d)
            features = interpolated_convolution(first, features, skipped.pop())
            for layer in others:
                features = layer(features)
        output: Tensor = image[:, : self.outputs] + self.output(features)
        return output


def radius(levels: int) -> int:
    """Return how many pixels away an input can be that changes an output, at most."""
    convolutions = sum(4 * 2**level for level in range(levels)) + 2 * 2**levels + 1
    # An upsampled pixel lies between two coarse ones; a pooled one is made of two.
    between = sum(2**level for level in range(1, levels + 1))
    reach: int = convolutions + between + 2**levels - 1
    return reach


def multiplications(channels: int, width: int, levels: int = 3) -> float:
    """Return the multiplications per pixel of one pass."""
    encoder, decoder = _widths(width, levels)
    total = 0.0
    for level, (inputs, out) in enumerate(zip([channels, *encoder[:-1]], encoder, strict=True)):
        total += 9 * (inputs + out) * out / 4**level
    below = encoder[-1]
    for level, out in zip(range(levels - 1, -1, -1), decoder, strict=True):
        total += 9 * (below + encoder[level] + out) * out / 4**level
        below = out
    return total + 9 * below * channels


def _widths(width: int, levels: int) -> tuple[list[int], list[int]]:
    """Return the channels of the levels, from fine to coarse, and of the way back."""
    encoder = [width * min(2**level, 4) for level in range(levels + 1)]
    decoder = [max(width, encoder[level] // 2) for level in range(levels - 1, -1, -1)]
    return encoder, decoder


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
