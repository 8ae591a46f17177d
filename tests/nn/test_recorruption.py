"""Noise that is added to noisy images."""

import pytest
import torch

from napari_selfdenoise.nn.recorruption import (
    PERIOD,
    NoiseStrength,
    Recorruption,
    recorrupted_pair,
)

SHAPE = (1, 1, 400, 400)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(seed=0, shape=SHAPE):
    return torch.randn(shape, generator=generator(seed))


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_noises_of_the_pair_are_uncorrelated_and_as_strong_as_they_should_be(alpha):
    sigma = 3.0
    first, second = recorrupted_pair(sigma * normal(), torch.tensor(sigma), alpha, generator(1))
    assert abs(float((first * second).mean())) < 0.05 * sigma**2 * (alpha + 1 / alpha)
    assert float(first.var()) == pytest.approx((1 + alpha**2) * sigma**2, rel=0.02)
    assert float(second.var()) == pytest.approx((1 + 1 / alpha**2) * sigma**2, rel=0.02)


def test_the_loss_has_the_gradient_of_training_with_clean_images():
    """For a network that scales: its best factor is that of supervised training."""
    alpha, clean = 0.5, 5 * normal(2)
    first, second = recorrupted_pair(clean + normal(3), torch.tensor(1.0), alpha, generator(4))
    factors = [
        float((first * target).mean() / first.square().mean()) for target in (second, clean)
    ]
    assert factors[0] == pytest.approx(factors[1], abs=0.01)
    # With noise half as strong as it is, the two share what is missing.
    first, second = recorrupted_pair(clean + normal(3), torch.tensor(0.5), alpha, generator(4))
    shared = float((first * second).mean() - clean.square().mean())
    assert shared == pytest.approx(1 - 0.25, abs=0.15)


def test_photon_noise_is_as_strong_as_the_image_tells():
    """In places of equal brightness, with a gain of 2 above an offset of 10."""
    strength = NoiseStrength(1)
    strength.gain.fill_(2.0)
    strength.offset.fill_(10.0)
    strength.floor.fill_(1.5**2)
    photons = torch.full(SHAPE, 4.0)
    photons[..., 200:] = 100.0
    image = 2 * torch.poisson(photons, generator=generator()) + 10 + 1.5 * normal(5)
    sigma = strength(image)
    for half in (slice(0, 190), slice(210, 400)):
        variance = float(image[..., half].var())
        assert float(sigma[..., half].square().mean()) == pytest.approx(variance, rel=0.05)
    dark = strength(torch.full(SHAPE, -20.0))
    torch.testing.assert_close(dark, torch.full(SHAPE, 1.5))


class Same(torch.nn.Module):
    """A network that denoises nothing, and keeps what it saw."""

    multiple = 8

    def forward(self, image):
        self.seen = [*getattr(self, "seen", []), image]
        return image


def test_a_result_is_the_mean_over_images_with_as_much_noise_added():
    network = Same()
    module = Recorruption(network, 1, alpha=0.5, draws=20)
    module.strength.floor.fill_(4.0)
    image = torch.zeros(1, 1, 120, 90)
    denoised = module(image)
    assert denoised.shape == image.shape
    assert len(network.seen) == 20
    for seen in network.seen:
        assert float(seen.std()) == pytest.approx(0.5 * 2.0, rel=0.05)
    assert float(denoised.std()) == pytest.approx(0.5 * 2.0 / 20**0.5, rel=0.2)


def test_a_pixel_gets_the_same_noise_in_every_tile():
    module = Recorruption(Same(), 2, alpha=0.5, draws=3)
    module.strength.floor.fill_(1.0)
    image = torch.zeros(1, 2, 3 * PERIOD, 2 * PERIOD + 8)
    whole = module(image)
    tile = module(image[..., PERIOD : 2 * PERIOD + 8, PERIOD:])
    torch.testing.assert_close(tile, whole[..., PERIOD : 2 * PERIOD + 8, PERIOD:])


def test_strength_is_saved_with_the_weights_and_the_added_noise_is_always_the_same():
    one, other = (Recorruption(Same(), 1, alpha=0.5, draws=2) for _ in range(2))
    one.strength.floor.fill_(2.0)
    other.load_state_dict(one.state_dict())
    image = torch.rand(1, 1, 24, 40, generator=generator())
    assert not torch.equal(one(image), image)
    torch.testing.assert_close(other(image), one(image))
