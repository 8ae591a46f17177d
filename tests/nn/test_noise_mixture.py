"""The model of the noise: a density whose mean is the signal, and what a fit finds."""

import numpy as np
import pytest
import torch

from napari_selfdenoise.nn.noise_mixture import NoiseMixture

VALUES = torch.linspace(-200, 500, 70_001)  # every hundredth
SIGNALS = torch.tensor([3.0, 20.0, 50.0, 90.0])


def moments(mixture):
    """Return integral, mean and variance of the density over noisy values, per signal."""
    values, signals = torch.meshgrid(VALUES, SIGNALS, indexing="ij")
    density = mixture.log_density(values[:, None], signals[:, None]).exp()[:, 0].double()
    density *= 700 / 70_000
    mean = (density * values).sum(0)
    return density.sum(0), mean, (density * (values - mean) ** 2).sum(0)


def random_mixture():
    mixture = NoiseMixture(1, 3, 3)
    mixture.low[0], mixture.high[0] = 0, 100
    mixture.logits.normal_()
    mixture.offsets.normal_(0, 5)
    mixture.variances.uniform_(10, 100)
    return mixture


def camera(gain, read_noise, count=30_000):
    rng = np.random.default_rng(0)
    signal = rng.uniform(0, 100, count)
    photons = gain * rng.poisson(signal / gain) if gain else signal
    noisy = photons + rng.normal(0, read_noise, count)
    return torch.from_numpy(signal).float(), torch.from_numpy(noisy).float()


def test_densities_integrate_to_one_around_the_signal():
    integral, mean, _ = moments(random_mixture())
    torch.testing.assert_close(integral, torch.ones(4).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(mean, SIGNALS.double(), rtol=0, atol=0.01)


def test_a_line_is_that_of_the_camera():
    mixture = NoiseMixture(1)
    mixture.set_line(0, 9.0, 2.0, 10.0, 100.0)
    integral, mean, variance = moments(mixture)
    torch.testing.assert_close(integral, torch.ones(4).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(mean, SIGNALS.double(), rtol=0, atol=0.01)
    expected = 9 + 2 * (SIGNALS.double() - 10).clamp(min=0)
    torch.testing.assert_close(variance, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize(("gain", "read_noise"), [(2.0, 3.0), (0.0, 5.0), (10.0, 2.0)])
def test_a_fit_finds_mean_and_variance_of_a_camera(gain, read_noise):
    mixture = NoiseMixture(1, 3)
    mixture.fit(0, *camera(gain, read_noise))
    integral, mean, variance = moments(mixture)
    torch.testing.assert_close(integral, torch.ones(4).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(mean, SIGNALS.double(), rtol=0, atol=0.01)
    expected = gain * SIGNALS.double() + read_noise**2
    torch.testing.assert_close(variance[1:], expected[1:], rtol=0.1, atol=0)
    torch.testing.assert_close(variance[:1], expected[:1], rtol=0.3, atol=0)


def test_a_fit_of_few_photons_is_likelier_than_a_normal_distribution():
    signal, noisy = camera(10.0, 1.0)
    line = NoiseMixture(1)
    line.set_line(0, 1.0, 10.0, 0.0, 100.0)
    normal = line.log_density(noisy[None, None], signal[None, None]).mean()
    assert NoiseMixture(1, 3).fit(0, signal, noisy) > normal


def test_a_fit_follows_the_units():
    """An offset and a factor of all values change the density as they should."""
    signal, noisy = camera(2.0, 3.0, 5000)
    mixture = NoiseMixture(2, 3)
    first = mixture.fit(0, signal, noisy)
    second = mixture.fit(1, 0.01 * signal - 3, 0.01 * noisy - 3)
    assert second == pytest.approx(first + np.log(100), abs=0.02)


def test_no_noise_at_all_has_a_density():
    signal = torch.linspace(0, 1, 100)
    mixture = NoiseMixture(1, 3)
    assert np.isfinite(mixture.fit(0, signal, signal))
    assert mixture.log_density(signal[None, None], signal[None, None]).isfinite().all()


def test_noisy_images_have_the_noise_of_the_model():
    mixture = random_mixture()
    signal = torch.full((1, 1, 200, 200), 50.0)
    draws = mixture.draws(1, (200, 200), torch.Generator().manual_seed(0))
    noisy = torch.stack(list(mixture.columns(signal, draws)), mixture.axis)
    _, mean, variance = moments(mixture)
    assert float(noisy.mean()) == pytest.approx(float(mean[2]), abs=0.3)
    assert float(noisy.var()) == pytest.approx(float(variance[2]), rel=0.05)
