"""The ladder networks: their size, their padding, and what encoding once is worth."""

import pytest
import torch
from torch import nn

from napari_selfdenoise.nn.autoregressive import AutoregressiveDecoder
from napari_selfdenoise.nn.ladder import crop, halving_levels, pad, padded_size
from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import SCALE_FLOOR, LadderVAE, Normal
from napari_selfdenoise.nn.signal_decoder import SignalDecoder


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def count(network):
    return sum(weights.numel() for weights in network.parameters())


def with_statistics(network, image, draws):
    """Give batch norm something to remember, then let it rest."""
    with torch.no_grad():
        network(image, draws)
    return network.eval()


@pytest.mark.parametrize(
    ("levels", "crop", "expected"),
    [
        (14, 256, [0, 1] * 7),
        (14, 128, [0, 0, 0, 1] + [0, 1] * 5),
        (6, 64, [0, 1, 1, 1, 1, 1]),
        (6, 128, [1] * 6),
        (8, 64, [0, 1, 0, 1, 0, 1, 1, 1]),
    ],
)
def test_halving_levels_are_the_published_ones(levels, crop, expected):
    assert list(halving_levels(levels, crop)) == [bool(halves) for halves in expected]


def test_impossible_ladders_are_refused():
    with pytest.raises(ValueError, match="not 0 and 64"):
        halving_levels(0, 64)
    with pytest.raises(ValueError, match="at least 1 level"):
        LadderVAE(1, 8, [], (32, 32))
    with pytest.raises(ValueError, match="2 or 3 dimensions, not 1"):
        LadderVAE(1, 8, [True], (32,))


@pytest.mark.parametrize(
    ("levels", "features", "crop", "vae", "unet"),
    [
        (6, 64, 64, 2_698_880, 2_177_345),
        (6, 64, 128, 2_739_968, 2_218_433),
        (6, 64, 256, 2_740_736, 2_218_433),
        (8, 64, 256, 3_658_240, 2_952_001),
        (14, 64, 256, 6_289_792, 5_029_441),
        (14, 128, 256, 25_088_768, 20_053_121),
    ],
)
def test_networks_have_the_published_size(levels, features, crop, vae, unet):
    halves = halving_levels(levels, crop)
    with torch.device("meta"):
        assert count(LadderVAE(1, features, halves, (crop, crop))) == vae
        assert count(LadderUNet(1, features, halves)) == unet


@pytest.mark.parametrize(
    ("features", "noise", "signal"), [(64, 211_337, 111_361), (128, 244_105, 443_905)]
)
def test_decoders_have_the_published_size(features, noise, signal):
    # The published first convolution has a fifth tap, whose 64 weights are always masked.
    assert count(AutoregressiveDecoder(1, features, "x")) == noise - 64
    assert count(SignalDecoder(1, features)) == signal


@pytest.mark.parametrize("padding", ["mirror", "zero"])
def test_padding_is_undone(padding):
    image = torch.rand(1, 2, 5, 29, 40)
    size = padded_size(image.shape[2:], [True] * 4)
    assert size == (32, 32, 48)  # at least two pixels are left on the coarsest level
    bigger = pad(image, size, padding)
    assert bigger.shape[2:] == size
    torch.testing.assert_close(crop(bigger, image.shape[2:]), image)
    outside = bigger[:, :, 0]
    if padding == "zero":
        assert not outside.any()
    else:
        assert set(outside.unique().tolist()) <= set(image.unique().tolist())


@pytest.mark.parametrize("size", [(32, 32), (21, 45), (3, 70)])
def test_many_samples_from_one_encoding(size):
    """Encoding once and drawing several samples at once gives those of whole passes."""
    network = LadderVAE(2, 8, halving_levels(4, 32), (32, 32))
    with_statistics(network, torch.randn(4, 2, 32, 32), network.draws(4, (32, 32), generator()))
    image = torch.randn(1, 2, *size)
    draws = network.draws(3, size, generator(1))
    with torch.no_grad():
        together = network.sample(network.encode(image), draws)
        for number in range(3):
            alone, _ = network(image, [draw[number : number + 1] for draw in draws])
            torch.testing.assert_close(together[number], alone[0], atol=2e-5, rtol=1e-4)
    assert together.shape == (3, 8, *size)
    assert (together.std(0) > 0).all()


def test_three_dimensions():
    network = LadderVAE(1, 4, [True, False, True], (8, 8, 8), latents=3)
    image = torch.randn(2, 1, 5, 9, 8)
    code, divergences = network(image, network.draws(2, image.shape[2:], generator()))
    assert code.shape == (2, 4, 5, 9, 8)
    assert divergences.shape == (2, 3)
    divergences.sum().backward()
    drawn = network.generate(network.draws(1, (6, 6, 6), generator()), (6, 6, 6))
    assert drawn.shape == (1, 4, 6, 6, 6)


def test_divergences_are_those_of_torch():
    one, other = (Normal.of(torch.randn(2, 6, 4, 4)) for _ in range(2))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(one.mean, one.std), normal(other.mean, other.std)
    )
    torch.testing.assert_close(one.divergence(other), expected.sum((1, 2, 3)))
    torch.testing.assert_close(one.divergence(one), torch.zeros(2))


def test_every_weight_but_the_unused_learns():
    network = LadderVAE(1, 4, [True, True], (16, 16))
    code, divergences = network(
        torch.randn(2, 1, 16, 16), network.draws(2, (16, 16), generator())
    )
    (code.square().mean() + divergences.mean()).backward()
    for name, weights in network.named_parameters():
        assert weights.grad is not None, name


def test_the_prior_fits_any_size():
    """The learned prior of the training size is used as it is, others are interpolated."""
    network = LadderVAE(1, 4, [True, True], (16, 16))
    with torch.no_grad():
        network.top.prior_parameters.normal_(generator=generator())
    learned = network.top.prior((4, 4)).mean
    torch.testing.assert_close(learned, network.top.prior_parameters[:, :2].detach())
    wide = network.top.prior((4, 12)).mean
    assert wide.shape == (1, 2, 4, 12)
    assert wide.min() >= learned.min()
    assert wide.max() <= learned.max()
    image = torch.randn(1, 1, 16, 48)
    _, divergences = network(image, network.draws(1, (16, 48), generator()))
    assert divergences.isfinite().all()


def test_deviations_have_a_floor():
    """Without one, training in bfloat16 divides by zero."""
    parameters = torch.full((1, 2, 3, 3), -200.0).bfloat16().requires_grad_()
    narrow = Normal.of(parameters)
    assert (narrow.std == SCALE_FLOOR).all()
    divergence = narrow.divergence(Normal.of(torch.zeros(1, 2, 3, 3))) + Normal.of(
        torch.zeros(1, 2, 3, 3)
    ).divergence(narrow)
    divergence.sum().backward()
    assert divergence.isfinite().all()
    assert parameters.grad.isfinite().all()


def test_half_precision_stays_close():
    """Under autocast in bfloat16, channels last, as in single precision but for rounding."""
    network = LadderVAE(1, 8, [True, True], (32, 32))
    image, draws = torch.randn(4, 1, 32, 32), network.draws(4, (32, 32), generator())
    expected, divergences = with_statistics(network, image, draws)(image, draws)
    network.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        code, rounded = network(image, draws)
    assert ((code - expected).std() / expected.std()) < 0.03
    torch.testing.assert_close(rounded.sum(), divergences.sum(), rtol=0.03, atol=0)
    (code.float().mean() + rounded.sum()).backward()
    assert all(weights.grad.isfinite().all() for weights in network.parameters())


def test_unet_keeps_any_size():
    network = LadderUNet(3, 4, halving_levels(3, 32)).eval()
    for size in [(32, 32), (9, 50), (1, 1)]:
        assert network(torch.randn(2, 3, *size)).shape == (2, 3, *size)
    network = LadderUNet(1, 4, [True, False], dimensions=3).eval()
    assert network(torch.randn(1, 1, 3, 8, 7)).shape == (1, 1, 3, 8, 7)


def test_signal_decoder_mirrors_the_border():
    """A constant code has a constant signal, up to the border."""
    for dimensions in (2, 3):
        network = SignalDecoder(2, 4, dimensions)
        signal = network(torch.ones(1, 4, *(5,) * dimensions)).flatten(2)
        torch.testing.assert_close(signal, signal[:, :, :1].expand_as(signal))
        assert isinstance(network[-1], nn.Conv2d | nn.Conv3d)  # no ReLU: values may be negative
