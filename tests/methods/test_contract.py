"""What every method in the table promises, on real runs with tiny settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_selfdenoise import api
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import (
    ConfigError,
    ImageError,
    UnknownMethodError,
    UsageError,
)
from napari_selfdenoise.core.events import Note, Preview, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.folder import image_files, result_name
from napari_selfdenoise.engine import predict, runs
from napari_selfdenoise.engine.learned import LearnedMethod, TrainingConfig
from napari_selfdenoise.methods import METHODS, get
from tests import running
from tests.running import SMALL, denoise, noisy, tiny

LEARNED = [name for name in METHODS if isinstance(get(name), LearnedMethod)]


@pytest.fixture(params=list(METHODS))
def name(request):
    return request.param


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((40, 36), "YX"),
        ((3, 40, 36), "TYX"),
        ((2, 3, 24, 36), "TZYX"),
        ((2, 2, 2, 24, 20), "TCZYX"),
        ((24, 20, 3), "YXC"),
    ],
)
def test_shape_axes_and_calibration_come_back(name, shape, axes, tmp_path):
    plane = noisy((shape[axes.index("Y")], shape[axes.index("X")]))
    kept = [slice(None) if axis in "YX" else None for axis in axes]
    data = np.ascontiguousarray(np.broadcast_to(plane[tuple(kept)], shape))
    scale = tuple(0.5 + at for at in range(len(axes)))
    units = tuple("second" if axis == "T" else "micrometer" for axis in axes)
    before = data.copy()
    result = denoise(name, Image(data, axes, scale, units, "cells"))
    assert next(iter(result.images)) == "denoised"
    for kind, image in result.images.items():
        several = kind == "samples"  # one more axis in front
        assert (image.shape[several:], image.axes[several:]) == (shape, axes)
        assert (image.scale[several:], image.units[several:]) == (scale, units)
        assert image.dtype == np.float32
        assert np.isfinite(image.data).all()
        (tmp_path / result_name(Path("cells.tif"), name, kind)).touch()
    with pytest.raises(UsageError):  # results are no images of a folder
        image_files(tmp_path)
    np.testing.assert_array_equal(data, before)
    residual = data - result["denoised"].data
    np.testing.assert_allclose(result["residual"].data, residual, atol=1e-3)


def test_colours_of_rgb_are_one_image(name):
    data = np.stack([noisy(seed=seed) for seed in range(3)], axis=-1).astype(np.uint8)
    result = denoise(name, Image(data, "YXS"))
    assert result["denoised"].shape == data.shape
    assert result["denoised"].axes == "YXS"
    assert np.isfinite(result["denoised"].data).all()


def test_same_seed_same_pixels(name):
    first, second = (denoise(name, noisy(), seed=5)["denoised"].data for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("shape", [(17, 23), (5, 40), (1, 30), (3, 3), (33, 16)])
def test_odd_and_tiny_sizes_work(name, shape):
    result = denoise(name, noisy(shape))
    assert result["denoised"].shape == shape
    assert np.isfinite(result["denoised"].data).all()


def test_intensities_and_mean_brightness_come_back(name):
    """An offset and a gain of the camera go through every method unchanged."""
    config = tiny(name)
    if isinstance(config, TrainingConfig):
        config = replace(config, steps=60)
    plain = noisy((48, 48))
    shifted = plain * np.float32(7) + np.float32(30_000)
    first = denoise(name, plain, config, precision="float32")["denoised"].data
    second = denoise(name, shifted, config, precision="float32")["denoised"].data
    noise = (plain - first).astype(np.float32).reshape(1, -1)
    # Most keep the mean; a method says so if it is, for its noise, the median.
    learned = isinstance(config, TrainingConfig)
    lost = get(name).centre(noise, config)[0] if learned else noise.mean()
    assert abs(lost) < 0.02 * plain.mean()
    span = float(np.ptp(plain))
    np.testing.assert_allclose((second - 30_000) / 7, first, atol=0.02 * span)


def test_a_constant_image_is_refused_with_a_sentence(name):
    with pytest.raises(ImageError, match=r"image is constant \(every pixel is 7\)"):
        denoise(name, np.full((20, 20), 7, np.uint8))


def test_a_constant_plane_of_a_stack_stays_as_it_is(name):
    stack = noisy((3, 24, 24))
    stack[1] = 9
    denoised = denoise(name, stack)["denoised"].data
    assert (denoised[1] == 9).all()


def test_nan_is_counted_and_refused_or_filled(name):
    data = noisy(dtype=np.float32)
    data[3, 4] = data[9, 9] = np.nan
    data[5, 5] = np.inf
    with pytest.raises(ImageError, match="2 NaN pixels and 1 infinite pixel"):
        denoise(name, data)
    filled = denoise(name, data, fill_nan=True)["denoised"].data
    assert np.isfinite(filled).all()
    assert np.isnan(data[3, 4])


def test_lazy_data_are_read_by_planes(name):
    most = []

    class Watched:
        shape, dtype = (4, 24, 24), np.dtype(np.uint16)
        whole = noisy((4, 24, 24))

        def __getitem__(self, key):
            part = self.whole[key]
            most.append(part.size)
            return part

    result = denoise(name, Image(Watched(), "TYX"))
    assert max(most) <= 24 * 24
    lazy = denoise(name, Image(da.from_array(Watched.whole, (1, 24, 24)), "TYX"))
    np.testing.assert_array_equal(result["denoised"].data, lazy["denoised"].data)


def test_a_stop_ends_within_one_boundary_and_returns_what_there_is(name):
    image = Image(noisy((6, 24, 24)))
    context = running.context(name, image)
    run = get(name).denoise(image, tiny(name), context)
    after = 0
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            result = end.value
            break
        if isinstance(event, Progress):
            context.stop()
            after += 1
        assert after < 8, "goes on after a stop"
    assert result.stopped
    assert result["denoised"].shape == (6, 24, 24)
    missing = np.isnan(result["denoised"].data)
    assert missing.any() == any("NaN" in note for note in result.provenance.notes)


def test_progress_reaches_its_total(name):
    events = []
    image = Image(noisy((2, 24, 24)))
    run = get(name).denoise(image, tiny(name), running.context(name, image))
    finish(run, events.append)
    steps = [event for event in events if isinstance(event, Progress)]
    assert steps[-1].step == steps[-1].total
    assert all(event.step <= event.total for event in steps)


def test_a_forecast_grows_with_the_image(name):
    method, config = get(name), get(name).Config()
    small = method.forecast(Image(noisy((64, 64))), config)
    large = method.forecast(Image(np.zeros((3, 512, 512), np.uint8), "CYX"), config)
    assert 0 < small < large


def test_the_method_describes_itself(name):
    method = get(name)
    assert method.name == name
    for sentence in (method.summary, method.assumes):
        assert sentence.endswith(".")
    assert method.title
    assert method.reference
    for setting in method.Config.settings():
        assert setting.description.endswith(".")
    for preset in method.Config.presets:
        method.Config.from_preset(preset)


def test_settings_survive_json_and_the_command_line(name):
    config_class = get(name).Config
    changed = {}
    for setting in config_class.settings():
        if setting.choices:
            changed[setting.name] = setting.choices[-1]
        elif setting.type is bool:
            changed[setting.name] = not setting.default
        else:
            changed[setting.name] = setting.type(setting.minimum)
    config = config_class.from_json(changed)
    assert config_class.from_json(config.to_json()) == config
    typed = {key: str(value) for key, value in changed.items()}
    assert config_class.from_strings(typed) == config
    with pytest.raises(ConfigError, match="No setting 'no_such_thing'"):
        config_class.from_json({"no_such_thing": 1})


def test_provenance_says_how_it_came_about(name):
    result = denoise(name, Image(noisy(), name="cells"), seed=3)
    provenance = result.provenance
    assert (provenance.method, provenance.seed) == (name, 3)
    assert provenance.settings == tiny(name).to_json()
    assert provenance.input_name == "cells"
    assert provenance.input_hash == denoise(name, noisy()).provenance.input_hash
    assert provenance.input_hash != denoise(name, noisy(seed=1)).provenance.input_hash


def test_an_unknown_method_offers_near_names():
    with pytest.raises(UnknownMethodError, match=r"Did you mean 'gaussian'\?"):
        get("gausian")


@pytest.mark.parametrize("name", LEARNED)
class TestLearned:
    def test_a_saved_model_predicts_the_same(self, name, tmp_path):
        model = denoise(name, Image(noisy((2, 2, 40, 36)), "TCYX")).model
        loaded = api.load(api.save(model, tmp_path / "model"))
        assert len(loaded.members) == 2
        assert loaded.provenance == model.provenance
        other = Image(noisy((3, 2, 30, 50), seed=4), "TCYX")
        before, after = (api.apply(each, other)["denoised"].data for each in (model, loaded))
        np.testing.assert_array_equal(before, after)

    def test_tiled_equals_whole_away_from_borders(self, name, monkeypatch):
        """But for networks that predict at the size they were trained at, and only there."""
        image = Image(noisy((90, 100)))
        model = denoise(name, image).model
        seen = []
        for member in model.members:
            member.network.register_forward_pre_hook(
                lambda _, given: seen.append(tuple(given[0].shape[2:]))
            )
        whole = api.apply(model, image)["denoised"].data
        monkeypatch.setattr(predict, "TILE_SIZE", 24)
        tiled = api.apply(model, image)["denoised"].data
        np.testing.assert_allclose(tiled / whole.std(), whole / whole.std(), atol=1e-4)
        if get(name).tile_size(model.config):
            assert set(seen) == {(SMALL["patch_size"], SMALL["patch_size"])}
            assert len(seen) > 2

    def test_channels_have_networks_of_their_own(self, name):
        # So large that what is measured of the noise of both is the same.
        first, second = noisy((80, 72)), noisy((80, 72), seed=2) * 20
        both = denoise(name, Image(np.stack([first, second]), "CYX"), seed=1)
        alone = denoise(name, first, seed=1)
        np.testing.assert_array_equal(both["denoised"].data[0], alone["denoised"].data)
        assert len(both.model.members) == 2

    def test_one_network_per_plane_when_asked(self, name):
        config = replace(tiny(name), network_per="plane")
        result = denoise(name, noisy((3, 32, 32)), config)
        assert len(result.model.members) == 3

    def test_previews_show_the_region_looked_at(self, name):
        events = []
        image = Image(noisy((3, 48, 48)), "TYX", (1, 0.1, 0.1))
        context = running.context(name, image, preview_interval=1e-6)
        context.preview_region = (slice(1, 2), slice(4, 30), slice(2, 40))
        finish(get(name).denoise(image, tiny(name), context), events.append)
        previews = [event for event in events if isinstance(event, Preview)]
        assert previews
        assert previews[-1].image.shape == (1, 26, 38)
        assert previews[-1].image.scale == image.scale
        assert previews[-1].region == context.preview_region

    def test_a_preview_is_of_the_channel_that_is_looked_at(self, name):
        """The network of one channel says nothing about another."""
        dark, bright = noisy((32, 32)), noisy((32, 32), seed=2) * 50
        events = []
        image = Image(np.stack([dark, bright]), "CYX")
        context = running.context(name, image, preview_interval=1e-6)
        context.preview_region = (slice(1, 2), slice(0, 30), slice(0, 30))
        finish(get(name).denoise(image, tiny(name), context), events.append)
        previews = [event.image.data for event in events if isinstance(event, Preview)]
        samples = get(name).samples_posterior  # whose mean is one more
        assert 0 < len(previews) <= SMALL["steps"] + samples
        # Of another channel's network nothing would be brighter than that channel; one that has
        # learned nothing yet may be darker than its own.
        assert all(preview.mean() > 5 * dark.mean() for preview in previews)

    def test_a_time_budget_ends_training_with_a_note(self, name):
        config = replace(tiny(name), steps=100_000)
        events = []
        image = Image(noisy())
        context = running.context(name, image, time_budget=0.5)
        run = get(name).denoise(image, config, context)
        result = finish(run, events.append)
        assert not result.stopped
        assert any("Time is up" in event.text for event in events if isinstance(event, Note))
        assert result.provenance.seconds < 20


@pytest.mark.parametrize("name", LEARNED)
def test_half_precision_costs_little_of_the_noise(name):
    """The rounding of bfloat16 is small beside the noise that is removed."""
    image = Image(noisy((64, 64)))
    config = replace(tiny(name), steps=60)
    context = running.context(name, image, precision="float32")
    model = finish(runs.train(get(name), [image], config, context))
    exact, rounded = (
        finish(runs.apply(model, image, Context(precision=precision)))["denoised"].data
        for precision in ("float32", "bfloat16")
    )
    assert (exact - rounded).std() < 0.03 * (image.data - exact).std()
    assert abs((exact - rounded).mean()) < 1e-3 * exact.mean()
