from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.lota_n2n import LotaN2NConfig
from napari_selfdenoise.nn.subsample import pair_downsample
from tests.running import denoise

METHOD = get("lota_n2n")


def test_the_network_has_the_published_number_of_parameters():
    for channels, expected in ((1, 21_313), (3, 22_275)):
        network = METHOD.network(LotaN2NConfig(), channels)
        assert sum(each.numel() for each in network.parameters()) == expected


@pytest.mark.parametrize(("layers", "radius"), [(2, 2), (3, 4), (4, 8), (5, 16)])
def test_the_network_sees_as_far_as_its_halo(layers, radius):
    config = LotaN2NConfig(layers=layers)
    assert METHOD.halo(config) == radius
    network = METHOD.network(config, 1)
    pixels = torch.zeros(1, 1, 41, 41, requires_grad=True)
    network(pixels)[0, 0, 20, 20].backward()
    rows = pixels.grad[0, 0].abs().sum(1).nonzero()
    assert (rows.min().item(), rows.max().item()) == (20 - radius, 20 + radius)


def test_noise_of_the_two_halves_is_independent():
    noise = torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    anti, main = pair_downsample(noise)
    assert abs(float((anti * main).mean())) < 0.02
    assert float(anti.var()) == pytest.approx(0.5, rel=0.05)


def test_the_error_falls():
    sample = make_sample("cells", shape=(128, 128))
    noisy, clean = sample.noisy.data.astype(float), sample.clean.data.astype(float)
    config = LotaN2NConfig(steps=200, patch_size=48)
    denoised = denoise("lota_n2n", sample.noisy, config)["denoised"].data
    assert np.mean((denoised - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)


def test_stage_one_does_not_depend_on_the_trace_weight():
    """trace_weight=0 is the control: same start, same crops, same number of steps."""
    image = np.random.default_rng(0).poisson(50, (40, 40)).astype(np.float32)
    settings = {"steps": 40, "patch_size": 32, "trace_fraction": 0.5}
    ends = []
    for weight in (0.0, 1.5):
        config = LotaN2NConfig(trace_weight=weight, **settings)
        network = METHOD.network(config, 1)
        torch.manual_seed(0)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        stages = METHOD.stages(SimpleNamespace(network=network), config)
        ends.append(next(stages))
        assert ends[-1].steps == 20
        batch = torch.from_numpy(image)[None, None]
        losses = next(stages).losses(network, batch)
        # At its start stage 2 differs from stage 1 by the weighted trace term alone.
        assert losses["residual"] == METHOD.losses(network, batch, config)["residual"]
        assert bool(losses["trace"] > 0) == (weight > 0)


def test_the_trace_term_is_a_patchwise_bound_of_the_interaction():
    """Sum over tiles of |I| is at least |sum of I|: smaller tiles give a larger term."""
    rng = np.random.default_rng(1)
    batch = torch.from_numpy(rng.normal(size=(1, 1, 64, 64)).astype(np.float32))
    network, proxy = METHOD.network(LotaN2NConfig(), 1), METHOD.network(LotaN2NConfig(), 1)
    traces = []
    for side in (1, 4, 16, 32):
        config = LotaN2NConfig(trace_patch=side)
        losses = METHOD._adapted_losses(network, proxy, batch, config)
        traces.append(losses["trace"].item())
    assert traces == sorted(traces, reverse=True)


def test_correlated_noise_is_kept_as_documented():
    """The assumption is real: noise correlated between neighbours is not removed."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    white = rng.normal(0, 10, (64, 64))
    correlated = gaussian_filter(white, 2.0)
    correlated *= 10 / correlated.std()
    config = LotaN2NConfig(steps=100, patch_size=48)
    left = [
        denoise("lota_n2n", (100 + noise).astype(np.float32), config)["denoised"].data.std()
        for noise in (white, correlated)
    ]
    assert left[0] < 6
    assert left[1] > 8
