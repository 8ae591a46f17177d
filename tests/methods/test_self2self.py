from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_selfdenoise import api
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.self2self import LEVELS, Self2SelfConfig
from napari_selfdenoise.nn.dropout_unet import DropoutUNet, _partial, multiplications, radius
from tests.running import denoise, noisy

SMALL = Self2SelfConfig(
    steps=80, width=8, patch_size=32, batch_size=2, learning_rate=5e-3, predictions=8
)


def network(channels=1, **options):
    torch.manual_seed(0)
    shares = {"hidden": 0.3, "dropout": 0.3, "predictions": 6} | options
    return DropoutUNet(channels, 8, 3, **shares)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_hidden_pixels_reach_no_prediction(channels):
    """Whatever they are, in any colour, the prediction is the same."""
    image = torch.rand(2, channels, 32, 32)
    net = network(channels)
    predicted, hidden = net.prediction(image, generator())
    assert hidden.mean().item() == pytest.approx(0.3, abs=0.05)
    other, again = net.prediction(torch.where(hidden > 0, image + 5, image), generator())
    assert torch.equal(hidden, again)
    torch.testing.assert_close(predicted, other)
    different, _ = net.prediction(torch.where(hidden > 0, image, image + 5), generator())
    assert (predicted - different).abs().max() > 0.1


def test_a_partial_convolution_makes_up_for_holes():
    """Of a constant image with holes comes what would come without them."""
    convolution = torch.nn.Conv2d(1, 1, 3, padding=1)
    torch.nn.init.constant_(convolution.weight, 1 / 9)
    mask = (torch.rand(1, 1, 24, 24, generator=generator()) > 0.5).float()
    mask[..., 4:9, 4:9] = 0
    out, shown = _partial(convolution, 2 * mask, mask)
    inner = out[..., 1:-1, 1:-1], shown[..., 1:-1, 1:-1]
    expected = 2 + convolution.bias.item()
    values = inner[0][inner[1] > 0]
    torch.testing.assert_close(values, torch.full_like(values, expected))
    assert (shown[0, 0, 5:8, 5:8] == 0).all()
    assert shown.mean() > 0.9


def test_mean_and_spread_are_those_of_the_looks():
    image, net = torch.rand(1, 1, 40, 48), network(predictions=5)
    mean, spread = net.ensemble(image)
    looks = []
    for number in range(1, 6):
        net.predictions = number
        looks.append(number * net(image) - sum(looks))
    looks = torch.stack(looks)
    torch.testing.assert_close(mean, looks.mean(0), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(spread, looks.std(0), atol=1e-3, rtol=1e-2)
    assert spread.min() > 0


def test_without_gaps_all_looks_are_alike():
    _, spread = network(hidden=0.0, dropout=0.0).ensemble(torch.rand(1, 1, 32, 32))
    assert spread.max() < 1e-4


def test_the_field_is_not_larger_than_said():
    net, side = network(hidden=0.0, dropout=0.0, predictions=1), 16 * radius(3) // 4
    side = -(-side // 8) * 8
    image = torch.rand(1, 1, side, side, requires_grad=True)
    (slope,) = torch.autograd.grad(net(image)[0, 0, side // 2, side // 2], image)
    seen = slope[0, 0].nonzero() - side // 2
    assert 0 < seen.abs().max() <= radius(3)


def test_the_error_falls_and_the_spread_comes_with_it():
    rows, columns = np.mgrid[:64, :64]
    clean = 100 + 40 * np.sin(rows / 7) * np.cos(columns / 9)
    image = (clean + np.random.default_rng(0).normal(0, 20, clean.shape)).astype(np.float32)
    result = denoise("self2self", image, SMALL)
    denoised, spread = result["denoised"].data, result["dropout_std"].data
    assert np.mean((denoised - clean) ** 2) < 0.4 * np.mean((image - clean) ** 2)
    assert 0 < spread.mean() < 20


def test_the_spread_is_in_the_intensities_of_the_image():
    config, image = replace(SMALL, steps=5), noisy((32, 32)).astype(np.float32)
    plain, scaled = (
        denoise("self2self", each, config, precision="float32")["dropout_std"].data
        for each in (image, 10 * image + 500)
    )
    np.testing.assert_allclose(scaled, 10 * plain, atol=0.05 * scaled.mean())


def test_more_looks_disagree_less_from_their_mean():
    image = noisy((48, 48)).astype(np.float32)
    model = denoise("self2self", image, replace(SMALL, steps=20)).model
    net = model.members[0].network
    results = []
    for count in (2, 4, 40):
        net.predictions = count
        results.append(api.apply(model, image)["denoised"].data)
    assert np.abs(results[1] - results[2]).mean() < np.abs(results[0] - results[2]).mean()


def test_the_spread_is_left_out_when_not_wanted():
    config = replace(SMALL, steps=2, spread=False)
    assert list(denoise("self2self", noisy(), config).images) == ["denoised", "residual"]


def test_the_work_is_that_of_the_convolutions():
    net, counts = DropoutUNet(1, 16, LEVELS, 0.3, 0.3, 1), []

    def count(module, _, output):
        counts.append(module.weight[0].numel() * output[0].numel())

    for each in net.modules():
        if isinstance(each, torch.nn.Conv2d):
            each.register_forward_hook(count)
    net(torch.zeros(1, 1, 32, 32))
    assert sum(counts) / 32**2 == pytest.approx(multiplications(16, LEVELS), rel=0.01)


def test_the_forecast_counts_the_looks():
    method, image = get("self2self"), Image(np.zeros((512, 512), np.uint8))
    few, many = (method.Config(predictions=count) for count in (10, 100))
    assert method.forecast(image, many) > method.forecast(image, few) + 5
