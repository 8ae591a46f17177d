"""What makes COSDD what it is: noise along an axis is told from structure."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.patches import Patches
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.device import Compute
from napari_selfdenoise.engine.learner import Learner
from napari_selfdenoise.engine.stages import Stage, Training
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.cosdd import CosddConfig
from tests.running import SAMPLING, denoise, noisy, tiny

COSDD = get("cosdd")


def striped(axis=1, shape=(96, 96)):
    """Return a clean image and a noisy one whose noise runs along an axis."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    clean = 100 + 40 * np.sin(rows / 5) * np.cos(columns / 6)
    noise = 5 * gaussian_filter1d(rng.normal(0, 6, shape), 1.5, axis=axis)
    return clean, (clean + noise + rng.normal(0, 3, shape)).astype(np.float32)


def correlation(residual, axis):
    here, there = np.delete(residual, 0, axis), np.delete(residual, -1, axis)
    return float(np.corrcoef(here.ravel(), there.ravel())[0, 1])


@pytest.mark.parametrize(("noise_model", "count"), [("measured", 600), ("learned", 200)])
@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_go_and_the_image_stays(axis, noise_model, count):
    clean, image = striped(axis)
    config = CosddConfig(
        steps=count,
        batch_size=2,
        patch_size=32,
        features=8,
        levels=3,
        noise_filters=8,
        noise_model=noise_model,
    )
    result = denoise("cosdd", image, config)
    denoised = result["denoised"].data
    assert np.square(denoised - clean).mean() < 0.7 * np.square(image - clean).mean()
    removed = correlation(result["residual"].data, axis)
    assert removed > correlation(result["residual"].data, 1 - axis) + 0.2
    assert any("yx"[axis] == each[-1] for each in _directions(result))


def test_the_image_does_not_become_a_constant():
    """As it did with the published decoder of the signal under measured noise: ReLUs died."""
    sample = make_sample("cells_striped", shape=(256, 256))
    config = CosddConfig.from_preset("tiny", {"steps": 250, "noise_model": "measured"})
    denoised = denoise("cosdd", sample.noisy, config)["denoised"].data
    clean = sample.clean.read()
    error = np.square(denoised - clean).mean()
    assert error < 0.7 * np.square(sample.noisy.read() - clean).mean()
    assert denoised.std() > 0.5 * clean.std()


def _directions(result):
    return [
        note.split("direction=")[1].split(")")[0]
        for note in result.provenance.notes
        if "direction=" in note
    ]


def test_a_chosen_direction_is_not_measured():
    config = replace(tiny("cosdd"), direction="none")
    result = denoise("cosdd", noisy(), config)
    assert not _directions(result)
    assert result.model.config.direction == "none"


def test_patches_are_no_larger_than_the_image_and_that_is_said():
    result = denoise("cosdd", noisy((20, 90)), replace(tiny("cosdd"), patch_size=64))
    assert result.model.config.patch_size == 20
    assert any("20 pixels a side" in note for note in result.provenance.notes)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_few_small_images_are_enough_to_train(count):
    """The published code cannot cut its patches from them."""
    images = [Image(noisy((40, 40), seed=seed)) for seed in range(count)]
    model = finish(runs.train(COSDD, images, tiny("cosdd"), Context()))
    assert len(model.members) == 1


def test_measured_noise_is_that_of_the_image_and_stays_so():
    _, image = striped()
    config = replace(tiny("cosdd"), direction="x", noise_model="measured")
    learner, patches, (stage,) = staged(image, config)
    noise = learner.network.noise
    assert float(noise.weights[0, 0].mean()) > 0.2
    before = {name: each.clone() for name, each in noise.state_dict().items()}
    steps(learner, patches, stage, 3)
    assert all((each == before[name]).all() for name, each in noise.state_dict().items())


@pytest.mark.parametrize(("read_noise", "expected"), [(4, "photons"), (40, "measured")])
def test_noise_of_few_photons_is_spread_as_theirs(read_noise, expected):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:128, :128]
    photons = rng.poisson(4 + 3 * np.sin(rows / 20) * np.cos(columns / 18))
    counts = 100 + 20 * photons + rng.normal(0, read_noise, photons.shape)
    result = denoise("cosdd", counts.astype(np.float32))
    assert result.model.config.noise_model == expected


@pytest.mark.parametrize(
    ("direction", "noise_model", "augment"),
    [
        ("none", "learned", True),
        ("x", "measured", True),
        ("y", "photons", True),
        ("x", "learned", False),
    ],
)
def test_patches_are_turned_and_mirrored_where_the_noise_stays_the_same(
    direction, noise_model, augment
):
    config = replace(tiny("cosdd"), direction=direction, noise_model=noise_model)
    settled = finish(COSDD.settle(config, [Image(noisy((64, 64)))]))
    assert settled.augment == augment
    assert COSDD.directed(settled) == (direction != "none")
    assert not CosddConfig.from_preset("small").augment  # as published


@pytest.mark.parametrize(("direction", "turned"), [("none", True), ("x", False)])
def test_training_sees_patches_turned_by_90_degrees_only_without_a_direction(
    direction, turned, monkeypatch
):
    drawn, draw = [], Patches.draw

    def kept(*given, **options):
        drawn.append(draw(*given, **options))
        return drawn[-1]

    monkeypatch.setattr(Patches, "draw", kept)
    slope = np.linspace(0, 900, 64)[:, None] + noisy((64, 64))
    config = replace(tiny("cosdd"), direction=direction, noise_model="measured", augment=True)
    denoise("cosdd", slope.astype(np.float32), replace(config, steps=12))
    across, down = (
        np.abs(np.diff(np.concatenate(drawn).mean(1), axis=at)).mean((1, 2)) for at in (2, 1)
    )
    assert (across > down).any() == turned


def test_noise_that_cannot_be_measured_is_learned():
    image = noisy((40, 36))
    image[np.random.default_rng(0).random(image.shape) < 0.9] = 65535  # saturated
    result = denoise("cosdd", image)
    assert result.model.config.noise_model == "learned"
    assert any("noise_model=learned" in note for note in result.provenance.notes)


def test_models_from_before_there_was_a_choice_have_learned_their_noise():
    older = {k: v for k, v in tiny("cosdd").to_json().items() if k != "noise_model"}
    assert CosddConfig.from_file(older).noise_model == "learned"
    assert CosddConfig.from_file({**older, "noise_model": "measured"}).noise_model == "measured"


def test_the_signal_shapes_nothing_but_its_decoder():
    network = COSDD.network(replace(tiny("cosdd"), direction="x", noise_model="learned"), 1)
    image = torch.randn(2, 1, 32, 32)
    draws = network.encoder.draws(2, (32, 32), torch.Generator())
    _, _, signal = network.evidence(image, draws)
    signal.square().mean().backward()
    assert all(each.grad is None for each in network.encoder.parameters())
    assert all(each.grad is not None for each in network.signal.parameters())


@pytest.mark.parametrize(
    ("noise_model", "losses"),
    [("measured", ["elbo", "kl", "nll"]), ("learned", ["elbo", "kl", "nll", "signal"])],
)
def test_the_curves_show_the_bound_and_its_parts(noise_model, losses):
    events = []
    config = replace(tiny("cosdd"), noise_model=noise_model)
    finish(
        COSDD.denoise(Image(noisy((90, 40))), config, Context(sampling=SAMPLING)),
        events.append,
    )
    points = [event.values for event in events if isinstance(event, Metrics)]
    for where in ("train", "validation"):
        found = next(each for each in points if f"{where}/kl" in each)
        assert {f"{where}/{name}" for name in losses} <= set(found)
        total = found[f"{where}/kl"] + found[f"{where}/nll"]
        assert found[f"{where}/elbo"] == pytest.approx(total)


def test_validation_is_the_same_whenever_it_is_made():
    """With the same weights: fixed patches, fixed draws, and the full weight of the KL."""
    events = []
    config = replace(tiny("cosdd"), steps=40, learning_rate=1e-6, weight_average=0.0)
    image = Image(noisy((90, 40)))
    finish(COSDD.denoise(image, config, Context(sampling=SAMPLING)), events.append)
    losses = [
        event.values["validation/kl"]
        for event in events
        if isinstance(event, Metrics) and "validation/kl" in event.values
    ]
    assert len(losses) > 2
    np.testing.assert_allclose(losses, losses[-1], rtol=0.05)


def staged(image, config):
    """Return a learner, its patches and its stages."""
    network = COSDD.network(config, 1)
    learner = Learner(network, COSDD.parts(network), config, Compute.of(Context()))
    planes = channel_planes(Image(image))
    patches = Patches(
        planes,
        Normalization.fit(planes, "standard"),
        patch_size=32,
        validation_fraction=0.0,
        rng=np.random.default_rng(0),
    )
    training = Training(learner.network, patches, Context(), None, lambda: 0.0)
    stages = [each for each in COSDD.stages(training, config) if isinstance(each, Stage)]
    return learner, patches, stages


def steps(learner, patches, stage, count):
    learner.network.train()
    for _ in range(count):
        total, _ = learner.loss(stage.losses, learner.tensor(patches.draw(2)))
        learner.follow(total)
        learner.update(dict.fromkeys(learner.parts, 1e-2))


def test_distilling_changes_no_sample():
    """The network for one pass learns from a model that stays as it is."""
    config = replace(tiny("cosdd"), steps=8, direct_share=0.5, schedule="constant")
    config = replace(config, direction="x", noise_model="measured")
    learner, patches, (_, distilling) = staged(noisy(), config)
    network = learner.network
    before = {name: each.clone() for name, each in network.state_dict().items()}
    steps(learner, patches, distilling, 3)
    changed = {
        name for name, each in network.state_dict().items() if (each != before[name]).any()
    }
    assert changed
    assert all(name.startswith("direct.") for name in changed)


def test_noise_along_both_axes_is_warned_of():
    rng = np.random.default_rng(0)
    noise = gaussian_filter1d(rng.normal(0, 5, (96, 96)), 0.8, axis=0)
    noise = gaussian_filter1d(noise, 1.4, axis=1)
    events = []
    run = COSDD.denoise(
        Image((100 + noise).astype(np.float32)), tiny("cosdd"), Context(sampling=SAMPLING)
    )
    finish(run, events.append)
    warnings = [each for each in events if isinstance(each, Note) and each.level == "warning"]
    assert "along rows and columns" in warnings[0].text
