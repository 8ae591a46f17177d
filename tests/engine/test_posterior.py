"""Posterior samples: one consistent draw, a running mean, and when it is enough."""

from dataclasses import replace

import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.events import Note, Preview, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine import posterior as sampling_engine
from napari_selfdenoise.engine import runs, sampler
from napari_selfdenoise.engine.posterior import Posterior, draw, sampled_images
from napari_selfdenoise.methods import get
from tests.running import denoise, noisy, tiny

FOUR = Sampling(samples=4, keep_samples=4, tolerance=0.0)


def context(**options):
    return Context(precision="float32", **options)


@pytest.fixture(scope="module")
def model():
    """A network that was trained so little that its samples differ a lot."""
    config = replace(tiny("cosdd"), direct_share=0.3, direction="x")
    run = runs.train(get("cosdd"), [Image(noisy((70, 50)))], config, context())
    return finish(run)


@pytest.fixture
def stack():
    return Image(noisy((3, 70, 50)) + np.arange(3, dtype=np.uint16)[:, None, None], "TYX")


def drawn(model, image, sampling=FOUR, seed=0):
    posterior = Posterior(model, image, seed)
    finish(draw(posterior, sampling, context()))
    return posterior


def test_mean_and_spread_are_those_of_the_samples(model, stack):
    posterior = drawn(model, stack)
    samples = posterior.samples()
    assert samples.shape == (4, *stack.shape)
    assert samples.std(axis=0).min() > 0
    np.testing.assert_allclose(posterior.mean, samples.mean(axis=0), rtol=1e-5)
    spread = samples.std(axis=0, ddof=1)
    np.testing.assert_allclose(posterior.std(), spread, rtol=1e-2, atol=1e-5)  # of about 100


def test_no_more_samples_are_kept_than_asked_for(model, stack):
    posterior = drawn(model, stack, replace(FOUR, keep_samples=2))
    np.testing.assert_array_equal(posterior.samples(), drawn(model, stack).samples()[:2])
    assert len(posterior.kept) == 2


def test_samples_added_later_are_those_drawn_at_once(model, stack):
    at_once = drawn(model, stack, replace(FOUR, samples=13))
    posterior = drawn(model, stack, replace(FOUR, samples=3))
    finish(draw(posterior, replace(FOUR, samples=13), context()))
    np.testing.assert_array_equal(posterior.mean, at_once.mean)
    np.testing.assert_array_equal(posterior.std(), at_once.std())


def test_samples_of_the_mirrored_image_take_turns(model, stack):
    """Each is what the mirrored image gives, mirrored back."""
    sizes = replace(FOUR, samples=5, keep_samples=5)
    samples = drawn(model, stack, sizes).samples()
    for number, (up, left) in enumerate(((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 1))):
        turned = stack.like(stack.read()[:, ::up, ::left].copy())
        plain = Posterior(model, turned, mirrored=False)
        finish(draw(plain, sizes, context()))
        np.testing.assert_array_equal(samples[number], plain.samples()[number, :, ::up, ::left])


def test_samples_are_mirrored_only_where_patches_were(model, stack):
    assert Posterior(model, stack).facts()["mirrored"]
    otherwise = replace(model, config=replace(model.config, augment=False))
    assert not Posterior(otherwise, stack).facts()["mirrored"]
    for mirrored in (True, False):
        where = context(sampling=replace(FOUR, mirrored=mirrored))
        result = finish(runs.apply(model, stack, where))
        assert result.provenance.sampling["mirrored"] == mirrored
        # More samples go on as those before did, whatever is asked for.
        other = context(sampling=replace(FOUR, mirrored=not mirrored))
        more = finish(runs.sample(result, 2, other))
        assert more.provenance.sampling["mirrored"] == mirrored


def test_tiles_of_the_mirrored_image_show_the_same_sample(model, monkeypatch):
    image = Image(noisy((160, 150)))
    whole = drawn(model, image).samples()
    monkeypatch.setattr(sampler, "TILE_SIZE", 64)
    tiled = drawn(model, image).samples()
    assert np.abs(tiled - whole).mean() < 0.01 * whole.std(axis=0).mean()
    monkeypatch.setattr(sampler, "KEPT_BYTES", 0)
    np.testing.assert_array_equal(drawn(model, image).samples(), tiled)


def test_another_seed_gives_other_samples_and_planes_differ(model):
    plane = noisy((70, 50))
    image = Image(np.stack([plane, plane]), "TYX")
    first, second = (drawn(model, image, seed=seed).samples() for seed in (0, 1))
    assert (first != second).mean() > 0.99
    assert (first[:, 0] != first[:, 1]).mean() > 0.99


def test_tiles_show_one_and_the_same_sample(model, monkeypatch):
    """Away from their borders, where less than the whole plane is in view."""
    image = Image(noisy((160, 150)))
    whole = drawn(model, image).samples()
    monkeypatch.setattr(sampler, "TILE_SIZE", 64)
    tiled = drawn(model, image).samples()
    spread = whole.std(axis=0).mean()
    assert np.abs(tiled - whole).mean() < 0.01 * spread
    monkeypatch.setattr(sampler, "KEPT_BYTES", 0)  # every tile is encoded again
    np.testing.assert_array_equal(drawn(model, image).samples(), tiled)


def test_sampling_ends_when_the_mean_is_good_enough(model, stack):
    events = []
    posterior = Posterior(model, stack)
    run = draw(posterior, Sampling(samples=1000, tolerance=0.5), context())
    finish(run, events.append)
    assert posterior.count < 100
    variance, noise = posterior.error()
    assert variance < 0.5 * noise
    all_of_them = replace(FOUR, samples=posterior.count, keep_samples=posterior.count)
    samples = drawn(model, stack, all_of_them).samples()
    expected = samples.var(axis=0, ddof=1).mean() / len(samples)
    np.testing.assert_allclose(variance, expected, rtol=0.05)
    assert "of 1000 samples" in next(each.text for each in events if isinstance(each, Note))
    last = [each for each in events if isinstance(each, Progress)][-1]
    assert last.step == last.total


def test_a_stop_ends_it_within_one_sample(model, stack):
    where = context()
    posterior = Posterior(model, stack)
    seen = []

    def listen(event):
        seen.append(event)
        if isinstance(event, Progress) and event.step == 5:
            where.stop()

    finish(draw(posterior, FOUR, where), listen)
    assert where.stopped
    assert posterior.counts == [4, 1, 0]
    assert np.isnan(posterior.mean[2]).all()
    assert np.isfinite(posterior.mean[:2]).all()
    assert np.isnan(posterior.std()[1]).all()  # one sample has no spread
    assert "2 of 3 planes" in seen[-1].text


def test_a_stopped_run_can_go_on(model, stack):
    where = context()
    posterior = Posterior(model, stack)
    run = draw(posterior, FOUR, where)
    next(run)
    where.stop()
    finish(run)
    finish(draw(posterior, FOUR, context()))
    np.testing.assert_array_equal(posterior.mean, drawn(model, stack).mean)


def test_a_constant_plane_has_no_spread(model, stack):
    data = stack.read().copy()
    data[1] = 9
    posterior = drawn(model, stack.like(data))
    assert (posterior.mean[1] == 9).all()
    assert (posterior.std()[1] == 0).all()


def test_generated_noise_is_about_the_same_signal_and_the_prior_is_not(model, stack):
    wanted = replace(FOUR, generated_noise=True, prior_images=3)
    where = context(sampling=wanted)
    images = finish(sampled_images(Posterior(model, stack), where))
    generated = images["generated_noise"]
    assert (generated.axes, generated.shape) == (stack.axes, stack.shape)
    assert np.isfinite(generated.data).all()
    assert not np.allclose(generated.data, images["denoised"].data, rtol=1e-3)
    prior = images["prior"]
    side = model.config.patch_size
    assert (prior.axes, prior.shape) == ("QYX", (3, side, side))
    assert (prior.data[0] != prior.data[1]).any()


def test_the_network_for_one_pass_alone(model, stack):
    images = finish(sampled_images(Posterior(model, stack), context(sampling=FOUR)))
    alone = replace(FOUR, samples=0)
    fast = finish(sampled_images(Posterior(model, stack), context(sampling=alone)))
    np.testing.assert_array_equal(fast["denoised"].data, images["direct"].data)
    assert "samples" not in fast


def test_no_samples_without_such_a_network_are_refused(stack):
    """Before a training, whose model would be lost otherwise."""
    events = []
    where = Context(sampling=replace(FOUR, samples=0))
    with pytest.raises(UsageError, match="samples is 0, but direct_share is 0"):
        finish(get("cosdd").denoise(stack, tiny("cosdd"), where), events.append)
    assert not events
    model = denoise("cosdd", stack).model
    with pytest.raises(UsageError, match="samples is 0, but the model has no network"):
        finish(runs.apply(model, stack, where))


def test_adding_samples_does_not_repeat_what_does_not_change(model, stack):
    result = finish(runs.apply(model, stack, context(sampling=FOUR)))
    stages = []
    finish(runs.sample(result, 2, context()), lambda event: stages.append(event))
    told = {event.stage for event in stages if isinstance(event, Progress)}
    assert told == {"sampling"}
    assert "direct" in result.images


def test_the_mean_so_far_is_shown_while_sampling(model, stack):
    where = context(preview_interval=1e-6)
    where.preview_region = (slice(1, 2), slice(3, 20), slice(5, 30))
    posterior = Posterior(model, stack)
    events = []
    finish(draw(posterior, FOUR, where), events.append)
    shown = [event for event in events if isinstance(event, Preview)]
    np.testing.assert_array_equal(shown[-1].image.data, posterior.mean[where.preview_region])


def test_more_samples_of_a_result(stack):
    result = denoise("cosdd", stack, sampling=FOUR, seed=2)
    more = finish(runs.sample(result, 3, context(sampling=replace(FOUR, tolerance=0.0))))
    assert more.provenance.sampling["samples"] == 7
    at_once = denoise("cosdd", stack, sampling=replace(FOUR, samples=7), seed=2)
    np.testing.assert_allclose(more["denoised"].data, at_once["denoised"].data, rtol=1e-3)
    assert more["posterior_std"].shape == stack.shape


def test_a_result_without_a_posterior_has_no_more_samples():
    result = denoise("gaussian", noisy())
    with pytest.raises(UsageError, match="gaussian draws no posterior samples"):
        finish(runs.sample(result, 3, context()))


def test_rounds_do_not_change_what_is_drawn(model, stack, monkeypatch):
    before = drawn(model, stack)
    monkeypatch.setattr(sampling_engine, "ROUND", 1)
    np.testing.assert_array_equal(drawn(model, stack).mean, before.mean)
