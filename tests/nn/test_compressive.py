"""The autoencoder: its size, that nothing passes beside the bottleneck, its normalisation."""

import math

import pytest
import torch
from torch import nn

from napari_selfdenoise.nn.compressive import (
    CompressiveAutoencoder,
    Standardised,
    multiplications,
)

SMALL = {"halvings": 3, "width": 4, "blocks": 2, "head_kernels": (5, 3, 3)}


@pytest.mark.parametrize(
    ("bottleneck", "parameters", "per_pixel"), [(1, 7.29e6, 49.5e3), (64, 7.44e6, 49.6e3)]
)
def test_it_has_the_size_of_the_published_network(bottleneck, parameters, per_pixel):
    with torch.device("meta"):
        network = CompressiveAutoencoder(1, bottleneck)
    counted = sum(weights.numel() for weights in network.parameters())
    assert counted == pytest.approx(parameters, rel=2e-3)
    made = multiplications(lambda: CompressiveAutoencoder(1, bottleneck), 1)
    assert made == pytest.approx(per_pixel, rel=2e-3)


@pytest.mark.parametrize("halvings", [3, 4, 5])
def test_outputs_have_the_published_scales_and_the_bottleneck_its_own(halvings):
    network = CompressiveAutoencoder(
        3, 2, halvings=halvings, width=4, blocks=1, head_kernels=(9, 7, 5)
    )
    seen = []
    network.bottleneck.register_forward_hook(lambda _, __, made: seen.append(made.shape))
    outputs = network.scales(torch.rand(2, 3, 64, 32))
    assert [output.shape for output in outputs] == [
        (2, 3, 64, 32),
        (2, 3, 32, 16),
        (2, 3, 16, 8),
    ]
    assert all(output.min() > 0 and output.max() < 1 for output in outputs)
    assert seen == [(2, 2, 64 >> halvings, 32 >> halvings)]


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(20, 32\) pixels.*multiples of 8"):
        CompressiveAutoencoder(1, 1, **SMALL)(torch.zeros(1, 1, 20, 32))


def test_nothing_passes_beside_the_bottleneck():
    """With what the bottleneck holds taken away, the output is the same for every image."""
    network = CompressiveAutoencoder(1, 2, **SMALL)
    one, other = torch.rand(2, 1, 1, 32, 32)
    assert (network(one) - network(other)).abs().max() > 1e-4
    network.bottleneck.register_forward_hook(lambda _, __, made: torch.zeros_like(made))
    for first, second in zip(network.scales(one), network.scales(other), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_the_output_is_one_of_the_scales():
    network = CompressiveAutoencoder(1, 2, **SMALL)
    image = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(network(image), network.scales(image)[0])


def formula(features, gain, bias):
    mean = features.mean((1, 2, 3), keepdim=True)
    deviation = features.std((1, 2, 3), keepdim=True, correction=0)
    normalised = gain * (features - mean) / (deviation + 1e-3) + bias
    return torch.where(normalised > 0, normalised, 0.2 * normalised)


def test_normalisation_is_over_channels_and_pixels_with_one_gain_and_bias():
    part = Standardised().double()
    assert [each.numel() for each in part.parameters()] == [1, 1]
    with torch.no_grad():
        part.gain += 0.7
        part.bias -= 0.2
    features = torch.randn(3, 4, 5, 6, dtype=torch.float64) * 0.01 + 2
    torch.testing.assert_close(part(features), formula(features, 1.7, -0.2))


def test_the_gradient_is_that_of_the_formula():
    inputs = [torch.randn(2, 3, 4, 5), torch.tensor(1.3), torch.tensor(-0.4)]
    inputs = [each.double().requires_grad_() for each in inputs]
    weights = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    part = Standardised().double()
    expected = torch.autograd.grad((formula(*inputs) * weights).sum(), inputs)
    with torch.no_grad():
        part.gain.copy_(inputs[1])
        part.bias.copy_(inputs[2])
    found = torch.autograd.grad(
        (part(inputs[0]) * weights).sum(), [inputs[0], part.gain, part.bias]
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_constant_features_have_a_gradient():
    features = torch.ones(1, 2, 4, 4, requires_grad=True)
    Standardised()(features).square().sum().backward()
    assert torch.isfinite(features.grad).all()


def test_it_begins_after_glorot():
    network = CompressiveAutoencoder(1, 2, **SMALL)
    for part in network.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            area = part.kernel_size[0] * part.kernel_size[1]
            limit = math.sqrt(6 / (area * (part.in_channels + part.out_channels)))
            assert part.weight.abs().max() <= limit
            assert not part.bias.any()
