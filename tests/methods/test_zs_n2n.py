import numpy as np
import pytest
import torch

from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.zero_shot import ZeroShotConfig
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.lota_n2n import LotaN2NConfig
from tests.running import denoise, noisy

METHOD = get("zs_n2n")
SMALL = {"steps": 40, "patch_size": 32}


def test_it_is_the_first_stage_of_lota_n2n():
    first = denoise("zs_n2n", noisy(), ZeroShotConfig(**SMALL), seed=3)
    alone = denoise("lota_n2n", noisy(), LotaN2NConfig(trace_fraction=0.0, **SMALL), seed=3)
    np.testing.assert_array_equal(first["denoised"].data, alone["denoised"].data)


def test_the_losses_are_those_of_the_paper():
    """By hand, both directions, for a network that calls a third of the image noise."""
    y = torch.rand(2, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    losses = METHOD.losses(lambda image: image / 3, y, ZeroShotConfig())
    anti = (y[..., ::2, 1::2] + y[..., 1::2, ::2]) / 2
    main = (y[..., ::2, ::2] + y[..., 1::2, 1::2]) / 2
    residual = (2 / 3 * anti - main).square() + (2 / 3 * main - anti).square()
    torch.testing.assert_close(losses["residual"], residual.mean() / 2)
    # A linear network denoises halves as it does the whole.
    assert losses["consistency"] == pytest.approx(0, abs=1e-12)


def test_what_is_removed_is_noise():
    """Of the noise much goes, of the structure little."""
    sample = make_sample("cells", shape=(128, 128))
    image, clean = sample.noisy.data.astype(float), sample.clean.data.astype(float)
    config = ZeroShotConfig(steps=300, patch_size=48)
    residual = denoise("zs_n2n", sample.noisy, config)["residual"].data.astype(float)
    noise = image - clean
    assert np.mean((residual - noise) ** 2) < 0.4 * np.mean(noise**2)
