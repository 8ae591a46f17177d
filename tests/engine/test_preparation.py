"""What is done to an image before a method sees it is undone after, around any method."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_selfdenoise import api
from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ConfigError, ImageError, ModelError, UsageError
from napari_selfdenoise.core.events import Note, Preview, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.preparation import Preparation, Prepared
from napari_selfdenoise.engine.prepare import choose_preparation, denoise
from napari_selfdenoise.methods import METHODS, get
from tests.running import SMALL, tiny


class Nothing(type(get("gaussian"))):
    """Changes nothing, and assumes all there is to assume."""

    assumes_even_noise = assumes_white_noise = True

    def denoise_plane(self, plane, config):
        return plane


def run(method, data, *, stabilise="off", decorrelate="off", config=None, context=None):
    image = data if isinstance(data, Image) else Image(data)
    if isinstance(method, str):
        method, config = get(method), config or tiny(method)
    preparation = Preparation(stabilise=stabilise, decorrelate=decorrelate)
    config = config or method.Config()
    return finish(denoise(method, image, config, context or Context(), preparation))


def scene(shape=(128, 128), low=10.0, high=200.0):
    """Smooth blobs between two intensities."""
    blobs = gaussian_filter(np.random.default_rng(1).normal(size=shape), 6)
    return low + (high - low) * np.clip((blobs - blobs.min()) / np.ptp(blobs), 0, 1)


def photons(clean, seed=0):
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


def correlated(clean, sigma=20.0, seed=0):
    noise = uniform_filter(np.random.default_rng(seed).normal(size=clean.shape), 2)
    return (clean + noise / noise.std() * sigma).astype(np.float32)


def chosen(data, method="bm3d", **settings):
    images = [data if isinstance(data, Image) else Image(data)]
    method = get(method)
    prepared, _ = finish(
        choose_preparation(method, images, method.Config(), Preparation(**settings))
    )
    return prepared


# Making noise even


@pytest.mark.parametrize("count", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("name", ["bm3d", "nl_means", "gaussian"])
def test_the_mean_comes_back_within_a_percent_at_any_count(name, count):
    clean = scene(low=0.5 * count, high=1.5 * count)
    noisy = photons(clean, seed=count)
    result = run(name, noisy, stabilise="on")
    denoised = result["denoised"].data
    assert denoised.mean() == pytest.approx(noisy.mean(), rel=0.01)
    for part in (clean < count, clean > count):  # not only on the whole
        assert denoised[part].mean() == pytest.approx(clean[part].mean(), rel=0.05)


def test_it_is_on_for_photon_noise_and_off_for_even_noise():
    clean = scene()
    assert chosen(photons(clean)).noise_models
    even = clean + np.random.default_rng(0).normal(0, 10, clean.shape)
    assert not chosen(even.astype(np.float32))
    assert not chosen(photons(clean), "gaussian")
    assert chosen(photons(clean), "gaussian", stabilise="on").noise_models
    assert not chosen(photons(clean), stabilise="off")


def test_photon_noise_is_removed_better_when_made_even():
    clean = scene(low=1, high=60)
    noisy = photons(clean)
    scores = [
        psnr(run("bm3d", noisy, stabilise=choice)["denoised"].data, clean, data_range=60)
        for choice in ("off", "on")
    ]
    assert scores[1] > scores[0] + 0.5


def test_channels_and_colours_have_noise_of_their_own():
    clean = scene()
    stack = np.stack([photons(clean), 7 * photons(clean) + 300])
    prepared = chosen(Image(stack, "CYX"))
    gains = [model.gain for model in prepared.noise_models]
    np.testing.assert_allclose(gains, [1, 7], rtol=0.25)
    image = Image(stack, "CYX")
    view = prepared.apply(image)
    for part in ((1,), (slice(1, 2),), (slice(None), 5), ()):
        np.testing.assert_array_equal(view.read(part), view.read()[part])
    even = [
        plane.std()
        for plane in view.read() - prepared.apply(image.like(stack * 0 + clean)).read()
    ]
    assert max(even) < 60  # of finite, comparable scales
    rgb = chosen(Image(np.moveaxis(stack, 0, -1)[..., [0, 1, 0]], "YXS"))
    np.testing.assert_allclose([m.gain for m in rgb.noise_models], [1, 7, 1], rtol=0.25)


def test_a_constant_plane_stays_as_it_is():
    stack = np.stack([photons(scene())] * 2)
    stack[1] = 9
    result = run("nl_means", stack, stabilise="on", decorrelate="2")
    assert (result["denoised"].data[1] == 9).all()


def test_a_given_sigma_is_not_mixed_with_another_scale():
    noisy, method = photons(scene()), get("bm3d")
    config = method.Config(sigma=10)
    prepared, _ = finish(choose_preparation(method, [Image(noisy)], config, Preparation()))
    assert not prepared
    with pytest.raises(UsageError, match="sigma is given in the image's intensities"):
        run("bm3d", noisy, stabilise="on", config=config)


def test_what_is_too_small_to_be_measured_is_left_alone_or_refused():
    noisy = photons(scene((24, 24)))
    assert not chosen(noisy)
    with pytest.raises(ImageError, match="A noise model needs"):
        run("gaussian", noisy, stabilise="on")


# Making noise white


@pytest.mark.parametrize("stride", ["2", "3", "5"])
@pytest.mark.parametrize(
    ("shape", "axes"), [((33, 40), "YX"), ((2, 20, 33), "TYX"), ((2, 2, 21, 20), "ZCYX")]
)
def test_a_method_that_changes_nothing_changes_only_what_blending_does(shape, axes, stride):
    rows, columns = np.indices(shape[-2:], dtype=np.float32)
    slope = np.broadcast_to(rows + 3 * columns, shape).copy()
    scale = tuple(0.5 + at for at in range(len(axes)))
    result = run(Nothing(), Image(slope, axes, scale), decorrelate=stride)
    denoised = result["denoised"]
    assert (denoised.shape, denoised.axes, denoised.scale) == (shape, axes, scale)
    inside = (..., slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(denoised.data[inside], slope[inside], rtol=1e-4)
    np.testing.assert_allclose(result["residual"].data, slope - denoised.data, atol=1e-4)


def test_it_is_on_for_correlated_noise_and_off_for_white():
    clean = scene()
    assert chosen(correlated(clean)).stride in (2, 3)
    assert chosen(correlated(clean), "gaussian").stride == 1
    assert chosen(correlated(clean), decorrelate="off").stride == 1
    assert chosen(correlated(clean), decorrelate="4").stride == 4
    white = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    assert chosen(white.astype(np.float32)).stride == 1
    assert chosen(photons(clean)).stride == 1
    rows = np.random.default_rng(0).normal(0, 20, clean.shape)
    rows = clean + uniform_filter(rows, (1, 4)) * 2
    assert chosen(rows.astype(np.float32)).stride == 1  # correlated in one direction


@pytest.mark.parametrize("seed", range(3))
def test_structure_is_not_taken_for_correlated_noise(seed):
    clean = scene((192, 192))
    for sigma in (0, 0.5, 3, 10):
        noisy = clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)
        assert chosen(noisy.astype(np.float32)).stride == 1


@pytest.mark.parametrize("name", ["bm3d", "nl_means"])
def test_correlated_noise_is_removed(name):
    clean = scene()
    noisy = correlated(clean)
    scores = [
        psnr(run(name, noisy, decorrelate=choice)["denoised"].data, clean, data_range=200)
        for choice in ("off", "auto")
    ]
    assert scores[1] > scores[0] + 3


def test_wrong_words_are_refused():
    with pytest.raises(ConfigError, match="decorrelate is '6'"):
        Preparation(decorrelate="6")


# Around any method


AS_IT_IS = [name for name in METHODS if get(name).learns_noise_as_it_is]


@pytest.mark.parametrize("name", AS_IT_IS)
@pytest.mark.parametrize("wanted", [{"stabilise": "on"}, {"decorrelate": "2"}])
def test_a_method_that_learns_any_noise_gets_the_image_as_it_is(name, wanted):
    """The spread of samples could not be brought back, and targets are not prepared."""
    image = Image(photons(scene((66, 70))))
    method = get(name)
    with pytest.raises(UsageError, match=f"does not go with {method.title}"):
        finish(denoise(method, image, tiny(name), Context(), Preparation(**wanted)))


@pytest.mark.parametrize("name", [name for name in METHODS if name not in AS_IT_IS])
def test_every_method_runs_prepared(name):
    noisy = photons(scene((66, 70))).astype(np.uint16)
    image = Image(np.stack([noisy, noisy[::-1]]), "CYX", (1, 0.2, 0.2), name="cells")
    before = image.data.copy()
    events = []
    method = get(name)
    preparation = Preparation(stabilise="on", decorrelate="2")
    result = finish(
        denoise(method, image, tiny(name), Context(seed=3), preparation), events.append
    )
    for each in result.images.values():
        assert (each.shape, each.axes, each.scale) == (image.shape, "CYX", image.scale)
        assert np.isfinite(each.data).all()
    np.testing.assert_array_equal(image.data, before)
    np.testing.assert_allclose(
        result["residual"].data, image.data - result["denoised"].data, atol=1e-3
    )
    provenance = result.provenance
    assert provenance.settings == tiny(name).to_json()
    assert (provenance.input_name, provenance.seed) == ("cells", 3)
    assert provenance.preparation["stabilise"] == "on"
    assert provenance.preparation["decorrelate"] == "2"
    assert provenance.preparation["stride"] == 2
    assert len(provenance.preparation["noise_models"]) == 2
    assert json.loads(json.dumps(provenance.to_json())) == provenance.to_json()
    assert {event.text for event in events if isinstance(event, Note)} == set(provenance.notes)
    steps = [event for event in events if isinstance(event, Progress)]
    assert steps[-1].step == steps[-1].total


def test_unprepared_it_is_the_method_itself():
    noisy = photons(scene((40, 36)))
    plain = finish(get("nl_means").denoise(Image(noisy), tiny("nl_means"), Context()))
    same = run("nl_means", noisy)
    np.testing.assert_array_equal(same["denoised"].data, plain["denoised"].data)
    assert same.provenance.input_hash == plain.provenance.input_hash
    prepared = run("nl_means", photons(scene()), stabilise="on")
    off = run("nl_means", photons(scene()))
    assert prepared.provenance.input_hash == off.provenance.input_hash


def test_nan_are_filled_or_refused():
    noisy = photons(scene())
    noisy[5, 5] = np.nan
    with pytest.raises(ImageError, match="1 NaN pixel"):
        run("nl_means", noisy, stabilise="on")
    context = Context(fill_nan=True)
    result = run("nl_means", noisy, stabilise="on", decorrelate="2", context=context)
    assert np.isfinite(result["denoised"].data).all()


def test_a_stop_leaves_whole_planes_or_nan():
    image = Image(np.stack([photons(scene((64, 64)), seed) for seed in range(4)]))
    context, events = Context(), 0

    def listen(event):
        nonlocal events
        events += isinstance(event, Progress)
        if events == 7:
            context.stop()

    preparation = Preparation(stabilise="on", decorrelate="2")
    run = denoise(get("nl_means"), image, tiny("nl_means"), context, preparation)
    result = finish(run, listen)
    assert result.stopped
    finite = np.isfinite(result["denoised"].data).all((1, 2))
    assert finite[0]
    assert not finite[1:].any()
    assert any("NaN" in note for note in result.provenance.notes)


# Models


def training(**settings):
    config = get("lota_n2n").Config.from_json({**SMALL, **settings})
    return get("lota_n2n"), config


def test_a_model_remembers_its_preparation(tmp_path):
    method, config = training()
    image = Image(photons(scene()))
    preparation = Preparation(stabilise="on", decorrelate="2")
    model = finish(runs.train(method, [image], config, Context(), preparation))
    assert model.preparation.stride == 2
    assert model.provenance.preparation["stride"] == 2
    loaded = api.load(api.save(model, tmp_path / "model"))
    assert loaded.preparation == model.preparation
    assert loaded.provenance == model.provenance
    other = Image(photons(scene(), seed=4)[:50, :61])
    before, after = (api.apply(each, other) for each in (model, loaded))
    np.testing.assert_array_equal(before["denoised"].data, after["denoised"].data)
    assert before.provenance.preparation == model.provenance.preparation
    assert before["denoised"].shape == other.shape
    at_once = finish(denoise(method, image, config, Context(), preparation))
    assert at_once.model.preparation == model.preparation
    np.testing.assert_allclose(
        at_once["denoised"].data, api.apply(model, image)["denoised"].data, rtol=1e-4
    )
    unprepared = finish(runs.train(method, [image], config, Context()))
    assert unprepared.preparation == Prepared()


def test_a_model_for_other_channels_says_so():
    method, config = training()
    clean = scene((64, 64))
    image = Image(np.stack([photons(clean), photons(clean, 2)]), "CYX")
    model = finish(runs.train(method, [image], config, Context(), Preparation(stabilise="on")))
    with pytest.raises(ModelError, match="noise of 2 channels was measured"):
        api.apply(model, np.stack([photons(clean)] * 3)[:, None][:, 0][None].swapaxes(0, 1))


def test_several_images_of_different_sizes_train_one_model():
    method, config = training()
    images = [Image(photons(scene(shape))) for shape in ((80, 70), (64, 90))]
    model = finish(runs.train(method, images, config, Context(), Preparation(stabilise="on")))
    assert len(model.preparation.noise_models) == 1


@pytest.mark.parametrize("decorrelate", ["off", "3"])
def test_previews_are_in_the_intensities_and_place_of_the_image(decorrelate):
    method, config = training(steps=30)
    context = Context(preview_interval=1e-6)
    context.preview_region = (slice(1, 2), slice(4, 30), slice(2, 40))
    noisy = np.stack([photons(scene((64, 64)), seed) + 1000 for seed in range(3)])
    image, events = Image(noisy, "TYX", (1, 0.1, 0.1)), []
    preparation = Preparation(stabilise="on", decorrelate=decorrelate)
    finish(denoise(method, image, config, context, preparation), events.append)
    previews = [event for event in events if isinstance(event, Preview)]
    assert previews
    last = previews[-1]
    assert last.image.scale == image.scale
    for wanted, shown, side in zip(
        context.preview_region, last.region, last.image.shape, strict=True
    ):
        assert shown.start <= wanted.start
        assert shown.stop >= wanted.stop
        assert side == shown.stop - shown.start
    assert np.abs(last.image.data - noisy[last.region]).mean() < 60
    assert last.image.data.mean() > 1000
    assert context.into_run is None


@pytest.mark.parametrize("name", ["nl_means", "lota_n2n"])
def test_colours_come_back_in_their_own_intensities(name):
    clean = scene((64, 64))
    colours = [photons(clean, 1), 5 * photons(clean, 2) + 100, 0.5 * photons(clean, 3)]
    image = Image(np.stack(colours, -1), "YXS")
    denoised = run(name, image, stabilise="on", decorrelate="2")["denoised"]
    assert (denoised.shape, denoised.axes) == (image.shape, "YXS")
    np.testing.assert_allclose(denoised.data.mean((0, 1)), image.data.mean((0, 1)), rtol=0.01)
