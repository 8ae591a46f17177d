import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.engine.prepare import denoise as prepared
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.recorrupted2recorrupted import R2RConfig
from tests.running import denoise

METHOD = get("recorrupted2recorrupted")
SMALL = {"width": 8, "patch_size": 32, "batch_size": 4, "recorruptions": 4}
ROWS, COLUMNS = np.mgrid[:96, :96]
CLEAN = (100 + 40 * np.sin(ROWS / 7) * np.cos(COLUMNS / 9)).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 20, CLEAN.shape).astype(np.float32)


def error(steps=200, **settings):
    """What a denoised image differs by from the clean one."""
    config = R2RConfig(steps=steps, **SMALL, **settings)
    return denoise(METHOD.name, CLEAN + NOISE, config)["denoised"].data - CLEAN


def noise_model(result):
    """Gain, offset and read noise of the trained network, in grey levels."""
    (member,) = result.model.members
    (scale,), (offset,) = member.normalization.scale, member.normalization.offset
    strength = member.network.strength
    gain, dark, floor = (float(each) for each in strength.buffers())
    return gain * scale, dark * scale + offset, floor**0.5 * scale


def test_noise_goes_if_its_strength_is_right_and_stays_if_it_is_stronger():
    """What is missing in the added noise is shared by the pair, and learned."""
    kept = {}
    for sigma in (0.0, 20.0, 10.0):
        kept[sigma] = float(np.mean(error(sigma=sigma) * NOISE) / np.mean(NOISE**2))
    assert abs(kept[20.0]) < 0.2
    assert kept[0.0] == pytest.approx(kept[20.0], abs=0.1)
    assert kept[10.0] > abs(kept[20.0]) + 0.15


def test_the_error_falls():
    assert np.mean(error() ** 2) < 0.3 * np.mean(NOISE**2)


def test_photon_noise_is_measured_at_every_intensity():
    rng = np.random.default_rng(0)
    bright = np.linspace(5, 100, 192)[:, None] * np.ones(192)
    image = (5 * rng.poisson(bright) + 30 + rng.normal(0, 3, bright.shape)).astype(np.float32)
    gain, dark, floor = noise_model(denoise(METHOD.name, image, R2RConfig(steps=1, **SMALL)))
    for photons in (10, 50, 90):
        level = 5 * photons + 30
        expected = 25 * photons + 9
        assert gain * (level - dark) + floor**2 == pytest.approx(expected, rel=0.2)


def test_noise_that_was_made_even_has_the_strength_it_was_made():
    image = Image(np.random.default_rng(0).poisson(CLEAN).astype(np.float32))
    run = prepared(
        METHOD,
        image,
        R2RConfig(steps=1, **SMALL),
        Context(),
        Preparation(stabilise="on", decorrelate="off"),
    )
    gain, _, floor = noise_model(finish(run))
    assert (gain, floor) == pytest.approx((0, 1), abs=1e-5)
