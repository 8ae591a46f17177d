from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.cvf_sid import CvfSidConfig, _losses, _measured
from napari_selfdenoise.nn.cyclic import CyclicFunction, multiplications, radius
from tests.running import denoise

METHOD = get("cvf_sid")
SMALL = {"width": 8, "layers": 5, "patch_size": 32}


class Perfect:
    """Splits what is made of waves along X, of noise that follows them, and of noise."""

    def __init__(self, clean, follows, apart):
        self.parts = clean, follows, apart

    def call(self, name, mixed):
        """Find how much of each part there is, by least squares."""
        assert name == "split"
        clean, follows, apart = self.parts
        columns = torch.stack([each.flatten() for each in (clean, clean * follows, apart)], 1)
        shares = torch.linalg.lstsq(columns, mixed.flatten()[:, None]).solution[:, 0]
        return tuple(share * part for share, part in zip(shares, self.parts, strict=True))


def parts(seed=0):
    torch.manual_seed(seed)
    clean = 2 + torch.sin(torch.arange(32.0) / 3).expand(1, 1, 32, 32)
    follows, apart = (torch.randn(1, 1, 32, 32) for _ in range(2))
    centred = [0.1 * (each - each.mean()) for each in (follows, apart)]
    return clean.contiguous(), *centred


def test_the_right_split_has_no_loss_and_others_have():
    """The losses are those of the paper: they vanish where the parts are told apart."""
    clean, follows, apart = parts()
    noisy = clean + clean * follows + apart
    local = torch.nn.functional.avg_pool2d(clean, 7, 1, 3, count_include_pad=False)
    sigma = (local.square().mean() * follows.var() + apart.var()).sqrt()[None]
    right = _losses(Perfect(clean, follows, apart), noisy, sigma, 0.1)
    assert all(value.item() < 1e-6 for value in right.values()), right
    assert set(right) == {"consistency", "identity", "zero", "strength", "mixtures"}

    def wrong(split):
        return _losses(SimpleNamespace(call=lambda _, image: split(image)), noisy, sigma, 0.1)

    none = torch.zeros_like(noisy)
    everything_clean = wrong(lambda image: (image, none, none))
    assert everything_clean["consistency"] == 0
    assert everything_clean["strength"] > 0.01
    everything_noise = wrong(lambda image: (none, none, image))
    assert everything_noise["strength"] > 0.01
    halves = wrong(lambda image: (image / 2, none, image / 2))
    assert halves["zero"] > 0.1
    assert halves["identity"] > 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_has_no_mean_and_the_clean_image_sees_so_far(channels):
    torch.manual_seed(0)
    depths = CvfSidConfig(layers=5).depths
    network = CyclicFunction(channels, 8, depths)
    image = torch.rand(1, channels, 41, 41, requires_grad=True)
    clean, *noise = network.split(image)
    assert all(each.mean((2, 3)).abs().max() < 1e-5 for each in noise)
    assert clean.shape == noise[0].shape == image.shape
    torch.testing.assert_close(network(image), clean)
    (slope,) = torch.autograd.grad(clean[0, :, 20, 20].sum(), image)
    seen = slope.abs().sum((0, 1)).nonzero() - 20
    assert 0 < seen.abs().max() <= radius(depths)


def test_the_strength_is_that_of_the_noise_even_if_it_is_correlated():
    rng = np.random.default_rng(0)
    for noise in (rng.normal(size=(1, 192, 192)), None):
        if noise is None:
            white = rng.normal(size=(1, 193, 193))
            noise = (white[:, 1:, 1:] + white[:, :-1, 1:] + white[:, 1:, :-1]) / 3**0.5
        assert _measured(noise.astype(np.float32))[0] == pytest.approx(1, rel=0.15)


def waves(sigma=20.0):
    rows, columns = np.mgrid[:64, :64]
    clean = 100 + 40 * np.sin(rows / 7) * np.cos(columns / 9)
    return clean, (clean + np.random.default_rng(0).normal(0, sigma, clean.shape)).astype("f4")


def test_the_error_falls():
    clean, image = waves()
    config = CvfSidConfig(steps=120, learning_rate=4e-3, **SMALL)
    denoised = denoise("cvf_sid", image, config)["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.6 * np.mean((image - clean) ** 2)


def test_what_was_measured_is_told_and_what_is_given_holds():
    _, image = waves()
    measured = denoise("cvf_sid", image, CvfSidConfig(steps=2, **SMALL)).provenance.notes
    assert any("standard deviation of" in note for note in measured)
    given = denoise("cvf_sid", image, CvfSidConfig(steps=2, sigma=20, **SMALL)).provenance.notes
    assert not any("standard deviation of" in note for note in given)


def test_the_work_is_that_of_all_splits():
    config = CvfSidConfig(width=16, layers=9, mixtures=0)
    network, counts = CyclicFunction(1, 16, config.depths), []

    def count(module, _, output):
        counts.append(module.weight[0].numel() * output[0].numel())

    for each in network.modules():
        if isinstance(each, torch.nn.Conv2d):
            each.register_forward_hook(count)
    compute = Compute(torch.device("cpu"), torch.float32)
    batch, sigma = torch.rand(1, 1, 16, 16), torch.ones(1)
    _losses(Float32Outputs(network, compute), batch, sigma, 0.0)
    assert sum(counts) / 16**2 == pytest.approx(METHOD.work(config), rel=0.01)
    assert METHOD.work(CvfSidConfig()) > 2 * METHOD.work(CvfSidConfig(mixtures=0))
    assert multiplications(16, config.depths) * 4 == METHOD.work(config)
