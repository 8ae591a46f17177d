from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_selfdenoise import api
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.sub_images import interleave, sub_images
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.ap_bsn import ApBsnConfig
from napari_selfdenoise.nn.dilated_blind_spot import (
    AsymmetricBlindSpot,
    DilatedBlindSpotNetwork,
    multiplications,
    radius,
)
from tests.running import denoise, noisy

METHOD = get("ap_bsn")
SMALL = {"width": 8, "blocks": 2, "patch_size": 48, "batch_size": 2}


def dependence(forward, shape, place, channels=1):
    """Where in an image the output at one place has a gradient, (Y, X), boolean."""
    image = torch.rand(1, channels, *shape, requires_grad=True)
    output = forward(image)[0, :, place[0], place[1]].sum()
    (slope,) = torch.autograd.grad(output, image)
    return (slope != 0)[0].any(0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("blocks", [1, 4])
def test_the_network_sees_all_around_a_pixel_but_not_the_pixel(channels, blocks):
    torch.manual_seed(0)
    network = DilatedBlindSpotNetwork(channels, 8, blocks)
    side = 2 * radius(blocks) + 7
    middle = side // 2
    seen = dependence(network, (side, side), (middle, middle), channels)
    assert not seen[middle, middle]
    around = seen[middle - 2 : middle + 3, middle - 2 : middle + 3]
    assert around.sum() == 24
    rows, _ = seen.nonzero().unbind(1)
    assert (rows - middle).abs().max() == radius(blocks)


def test_the_training_never_shows_a_pixel_to_its_prediction_nor_its_neighbours():
    """What is predicted at a pixel depends on pixels a stride apart, and no other."""
    torch.manual_seed(0)
    network = AsymmetricBlindSpot(DilatedBlindSpotNetwork(1, 8, 2), 3, 2, 2, 0.16)
    seen = dependence(lambda image: network.prediction(image)[0], (48, 48), (24, 25))
    rows, columns = seen.nonzero().unbind(1)
    assert not seen[24, 25]
    assert len(rows) > 20
    assert ((rows - 24) % 3 == 0).all()
    assert ((columns - 25) % 3 == 0).all()


def test_sub_images_are_those_of_the_preparation():
    class Doubled(torch.nn.Module):
        def forward(self, image):
            shapes.append(tuple(image.shape))
            return image * torch.arange(1, len(image) + 1)[:, None, None, None]

    shapes = []
    image = np.random.default_rng(0).random((31, 29)).astype(np.float32)
    through = AsymmetricBlindSpot(Doubled(), 4, 3, 0, 0.0)(torch.from_numpy(image)[None, None])
    parts = sub_images(Image(image), 3)
    expected = interleave(
        parts.read() * np.arange(1, 10)[:, None, None], Image(image), image.shape, 3
    )
    assert shapes == [(9, 1, 11, 10)]
    np.testing.assert_allclose(through[0, 0].numpy(), expected, rtol=1e-6)


def test_the_refinement_mixes_noisy_pixels_in_and_averages():
    """With a network that returns what it sees, the share of noisy pixels comes out."""
    torch.manual_seed(0)

    class Zero(torch.nn.Module):
        calls = 0

        def forward(self, image):
            self.calls += 1
            return image if self.calls > 1 else torch.zeros_like(image)

    refined = AsymmetricBlindSpot(Zero(), 1, 1, 40, 0.16)(torch.ones(1, 1, 64, 70))
    assert refined.mean().item() == pytest.approx(0.16, abs=0.02)
    assert ((refined > 0) & (refined < 0.5)).float().mean() > 0.95


def correlated(shape=(128, 128), sigma=25.0, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    clean = 100 + 40 * np.sin(rows / 11) * np.cos(columns / 13)
    noise = uniform_filter(rng.normal(size=shape), 2)
    return clean, (clean + sigma * noise / noise.std()).astype(np.float32)


def test_the_stride_follows_the_noise():
    white = 100 + np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    for image, strides in ((white, (1, 1)), (correlated()[1], (4, 2))):
        assert finish(METHOD.settle(ApBsnConfig(), [Image(image)])).strides == strides
    far = 100 + gaussian_filter(np.random.default_rng(0).normal(size=(256, 256)), 1.0)
    assert int(finish(METHOD.settle(ApBsnConfig(), [Image(far)])).denoising_stride) >= 3
    given = ApBsnConfig(training_stride="5")
    assert finish(METHOD.settle(given, [Image(white)])).training_stride == "5"


def test_correlated_noise_goes_where_a_plain_blind_spot_keeps_it():
    clean, image = correlated()
    config = ApBsnConfig(steps=200, refinement=False, **SMALL)
    errors = []
    for each in (config, replace(config, training_stride="1", denoising_stride="1")):
        denoised = denoise("ap_bsn", image, each)["denoised"].data
        errors.append(np.mean((denoised - clean) ** 2))
    assert errors[0] < 0.25 * np.mean((image - clean) ** 2)
    assert errors[0] < 0.5 * errors[1]


def test_the_preparation_leaves_it_the_image_as_it_is():
    """It goes by the noise's correlation itself."""
    result = api.denoise(correlated()[1], "ap_bsn", settings={"steps": 2, **SMALL})
    assert result.provenance.preparation["stride"] == 1
    assert any("training_stride=4" in note for note in result.provenance.notes)


def test_a_model_remembers_its_strides_and_masks(tmp_path):
    image = noisy((50, 47)).astype(np.float32)
    config = ApBsnConfig(steps=3, training_stride="3", denoising_stride="2", **SMALL)
    result = denoise("ap_bsn", image, config)
    loaded = api.load(api.save(result.model, tmp_path / "model"))
    again = api.apply(loaded, image)["denoised"].data
    np.testing.assert_array_equal(again, result["denoised"].data)


def test_the_work_is_that_of_the_convolutions():
    network = DilatedBlindSpotNetwork(1, 16, 3)
    convolutions = [each for each in network.modules() if isinstance(each, torch.nn.Conv2d)]
    for each in convolutions:
        each.register_forward_hook(
            lambda module, _, output: counts.append(
                module.weight[0].numel() * output[0].numel()
            )
        )
    counts = []
    network(torch.zeros(1, 1, 8, 8))
    assert sum(counts) / 64 == pytest.approx(multiplications(16, 3), rel=0.02)


def test_squares_find_the_mean_and_absolute_differences_the_median():
    batch = torch.tensor([0.0, 0.0, 3.0]).view(1, 1, 1, 3)
    for loss, value in (("l2", 3.0), ("l1", 1.0)):
        network = SimpleNamespace(call=lambda name, image: (torch.zeros_like(image),))
        losses = METHOD.losses(network, batch, ApBsnConfig(loss=loss))
        assert losses["prediction"].item() == pytest.approx(value)
