"""The U-Net: its size, how far it sees, and what it does with sizes that do not fit."""

import pytest
import torch
from torch import nn

from napari_selfdenoise.nn import doubling
from napari_selfdenoise.nn.unet import UNet, multiplications, padded, radius


def test_it_is_the_published_network():
    """Noise2Noise's widths, with an 11x11 convolution for the first two."""
    network = UNet(1)
    kernels = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert len(kernels) == 17
    assert kernels[0].kernel_size == (11, 11)
    assert {part.kernel_size for part in kernels[1:]} == {(3, 3)}
    assert [part.out_channels for part in kernels[-3:]] == [64, 32, 1]
    assert sum(weights.numel() for weights in network.parameters()) == 973_201


@pytest.mark.parametrize("top_skip", [True, False])
@pytest.mark.parametrize(("channels", "width", "levels"), [(1, 48, 5), (3, 8, 3)])
def test_multiplications_are_counted(channels, width, levels, top_skip, monkeypatch):
    """As the network is written; what the doubled features save is not taken off."""
    monkeypatch.setattr(doubling, "LEAST_PIXELS", 64**2)
    options = {"top_skip": top_skip, "last_widths": (24, 16)}
    network, counted = UNet(channels, width, levels, blurred=True, **options), 0

    def count(part, _, output):
        nonlocal counted
        counted += part.weight.numel() * output.shape[2] * output.shape[3]

    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(count)
    network(torch.zeros(1, channels, 64, 64))
    expected = multiplications(channels, width, levels, **options)
    assert counted / 64**2 == pytest.approx(expected)


@pytest.mark.parametrize("blurred", [True, False])
@pytest.mark.parametrize("levels", [2, 3])
def test_an_output_depends_on_nothing_beyond_the_radius(levels, blurred):
    torch.manual_seed(0)
    network, side = UNet(1, 8, levels, blurred=blurred).double(), 128
    reach = radius(levels, blurred=blurred)
    image = torch.rand(1, 1, side, side, dtype=torch.float64)
    before, farthest = network(image), 0
    for place in range(2**levels):
        changed = image.clone()
        changed[..., side // 2 + place, side // 2] += 10
        rows = (network(changed) - before).abs().sum((0, 1, 3)).nonzero().flatten()
        distances = (rows - (side // 2 + place)).abs()
        farthest = max(farthest, int(distances.max()))
    assert reach - 2**levels <= farthest <= reach


def test_blurred_pooling_follows_an_image_that_moves():
    """By a pixel: half of a pooled one, which without a blur is nothing or all."""
    from napari_selfdenoise.nn.unet import _halved

    torch.manual_seed(0)
    image = torch.rand(1, 1, 64, 64)
    changes = []
    for blurred in (False, True):
        before, after = (_halved(image.roll(by, -1), blurs=blurred) for by in (0, 1))
        changes.append(float((after - before).std() / before.std()))
    assert changes[1] < 0.8 * changes[0]
    flat = _halved(torch.ones(1, 1, 8, 8), blurs=True)
    torch.testing.assert_close(flat, torch.ones(1, 1, 4, 4))


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(20, 32\) pixels.*multiples of 8"):
        UNet(1, 8, 3)(torch.zeros(1, 1, 20, 32))


@pytest.mark.parametrize("shape", [(5, 7), (1, 3), (8, 8), (9, 2)])
def test_padding_mirrors_and_keeps_the_corner(shape):
    image = torch.arange(float(shape[0] * shape[1])).reshape(1, 1, *shape)
    grown = padded(image, 8)
    assert all(side % 8 == 0 for side in grown.shape[2:])
    torch.testing.assert_close(grown[..., : shape[0], : shape[1]], image)
    if 1 < shape[0] < grown.shape[2]:
        row = grown[0, 0, shape[0], : shape[1]]
        torch.testing.assert_close(row, image[0, 0, shape[0] - 2])
