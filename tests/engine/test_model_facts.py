"""What a model remembers of the images it was trained on."""

import numpy as np
import pytest

from napari_selfdenoise import api
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.model import describe
from napari_selfdenoise.engine.model_facts import THUMBNAILS
from tests.running import denoise, noisy

MICRONS = ("second", "micrometer", "micrometer")
FEW = {"steps": 40, "width": 8}


def train(image, method="lota_n2n", **options):
    return api.train(image, method, settings=FEW, **options)


@pytest.fixture(scope="module")
def sample():
    return make_sample("cells", shape=(200, 160))


@pytest.fixture(scope="module")
def model(sample):
    return train(sample.noisy, stabilise="off")


def test_it_knows_axes_pixel_size_and_number_of_images():
    films = [
        Image(noisy((3, 32, 30), seed=seed), "TYX", (2.0, 0.1, 0.2), MICRONS) for seed in (1, 2)
    ]
    facts = train(films).facts
    assert (facts.axes, facts.shape, facts.images) == ("TYX", (3, 32, 30), 2)
    assert (facts.scale, facts.units) == ((2.0, 0.1, 0.2), MICRONS)
    assert facts.pixel_size() == (0.2, "micrometer")
    assert facts.normalization == "range"


def test_it_knows_intensities_and_noise_of_each_channel():
    rng = np.random.default_rng(0)
    dim = rng.normal(100, 5, (64, 64))
    image = Image(np.stack([dim, dim * 10]).astype(np.float32), "CYX")
    facts = train(image).facts
    assert facts.channels == 2
    assert [each.sigma for each in facts.seen] == pytest.approx([5, 50], rel=0.1)
    for seen, factor in zip(facts.seen, (1, 10), strict=True):
        assert 80 * factor < seen.low < 92 * factor
        assert 108 * factor < seen.high < 120 * factor


def test_it_knows_the_camera_where_it_can_be_fitted(sample, model):
    (seen,) = model.facts.seen
    assert seen.camera.gain == pytest.approx(sample.camera.gain, rel=0.35)
    assert train(noisy((20, 20))).facts.seen[0].camera is None


@pytest.mark.parametrize("stabilise", ["off", "on"])
def test_thumbnails_are_of_the_middle_before_and_after(sample, stabilise):
    """Also with a preparation they are in the intensities of the image."""
    trained = train(sample.noisy, stabilise=stabilise)
    assert bool(trained.preparation) == (stabilise == "on")
    before, after = trained.facts.before, trained.facts.after
    assert before.shape == after.shape == (128, 128)
    assert before.dtype == after.dtype == np.uint8
    seen = trained.facts.seen[0]

    def picture(image):
        values = image.read()[36:164, 16:144]
        return np.clip((values - seen.low) / (seen.high - seen.low), 0, 1) * 255

    np.testing.assert_allclose(before, picture(sample.noisy), atol=0.51)
    whole = picture(api.apply(trained, sample.noisy)["denoised"])
    inner = slice(4, -4)
    np.testing.assert_allclose(after[inner, inner], whole[inner, inner], atol=3)


def test_denoising_with_a_preparation_remembers_the_image_itself(sample):
    plain = api.denoise(sample.noisy, "lota_n2n", settings=FEW, stabilise="off").model.facts
    prepared = api.denoise(sample.noisy, "lota_n2n", settings=FEW, stabilise="on").model.facts
    assert prepared == plain


def test_colours_have_a_thumbnail_in_colour():
    data = np.stack([noisy((20, 24), seed=seed) for seed in range(3)], axis=-1)
    facts = denoise("lota_n2n", Image(data, "YXS")).model.facts
    assert facts.before.shape == facts.after.shape == (20, 24, 3)
    assert len(facts.seen) == 3


def test_what_it_remembers_is_in_its_file(model, tmp_path):
    path = api.save(model, tmp_path / "cells", author="Ada")
    for facts in (describe(path).facts, api.load(path).facts):
        assert facts.author == "Ada"
        assert facts.seen == model.facts.seen
        for name in THUMBNAILS:
            np.testing.assert_array_equal(getattr(facts, name), getattr(model.facts, name))
    again = api.save(api.load(path), tmp_path / "again")
    assert describe(again).facts == describe(path).facts


def test_a_stopped_training_remembers_what_it_can():
    from napari_selfdenoise.core.context import Context
    from napari_selfdenoise.core.events import finish
    from napari_selfdenoise.engine import runs
    from napari_selfdenoise.methods import get
    from tests.running import tiny

    context = Context()
    context.stop()
    two = Image(noisy((2, 30, 30)), "CYX")
    run = runs.train(get("lota_n2n"), [two], tiny("lota_n2n"), context)
    facts = finish(run).facts
    assert len(facts.seen) == 2
    assert facts.after.shape == (30, 30)
