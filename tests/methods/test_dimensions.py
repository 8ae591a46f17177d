"""Methods that can use a volume: planes denoised with those beside them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_selfdenoise import api
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ModelError, UsageError
from napari_selfdenoise.core.events import Preview
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.bioimageio.whole import checked
from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.engine.stages import Training
from napari_selfdenoise.methods import get
from tests.running import noisy

METHODS = "noise2void", "noise2self", "supervised"
SMALL = {"steps": 6, "batch_size": 2, "patch_size": 32, "width": 8}
VOLUME = {**SMALL, "dimensions": "3"}


def denoise(name, image, settings=VOLUME, **options):
    target = image if get(name).target else None
    return api.denoise(image, name, settings=settings, target=target, **options)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((2, 40, 36), "ZYX"), ((3, 40, 36), "TYX"), ((2, 2, 5, 34, 32), "TCZYX")],
)
def test_stacks_keep_their_shape_and_numbers(name, shape, axes):
    image = Image(noisy(shape), axes)
    result = denoise(name, image)
    assert result["denoised"].shape == shape
    assert result["denoised"].axes == axes
    denoised = np.asarray(result["denoised"].data)
    assert np.isfinite(denoised).all()
    assert denoised.mean() == pytest.approx(image.read().mean(), rel=0.01)


@pytest.mark.parametrize("name", METHODS)
def test_rgb(name):
    values = np.stack([noisy((3, 40, 36), seed=seed) for seed in range(3)], -1)
    result = denoise(name, Image(values, "ZYXS"))
    assert result["denoised"].shape == values.shape
    assert result.model.channels == 3


@pytest.mark.parametrize("name", METHODS)
def test_a_model_remembers_what_it_sees(name, tmp_path):
    image = Image(noisy((5, 40, 36)), "ZYX")
    result = denoise(name, image)
    api.save(result.model, tmp_path / "model.safetensors")
    again = api.apply(tmp_path / "model.safetensors", image)["denoised"].data
    assert np.array_equal(np.asarray(again), np.asarray(result["denoised"].data))


@pytest.mark.parametrize("name", METHODS)
def test_other_planes_are_seen_and_with_two_dimensions_are_not(name):
    image = noisy((5, 40, 36)).astype(np.float32)
    other = image.copy()
    other[1] += 100
    for settings, seen in ((VOLUME, True), ({**SMALL, "dimensions": "2"}, False)):
        model = denoise(name, Image(image, "ZYX"), settings).model
        first, second = (
            np.asarray(api.apply(model, Image(each, "ZYX"))["denoised"].data)
            for each in (image, other)
        )
        assert np.array_equal(first[2], second[2]) is not seen
        assert np.array_equal(first[4], second[4])  # three planes away


@pytest.mark.parametrize("name", ["noise2void", "noise2self"])
def test_pixels_are_hidden_in_the_plane_itself_alone(name):
    torch.manual_seed(0)
    method = get(name)
    config = method.Config.from_json(VOLUME)
    network = Float32Outputs(
        method.network(config, 1), Compute(torch.device("cpu"), torch.float32)
    )
    batch, shown = torch.rand(2, 5, 32, 32), []
    inner = getattr(network.network, "network", network.network)
    inner.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    patches = SimpleNamespace(rng=np.random.default_rng(0))
    method._hidden_losses(network, batch, Training(None, patches, None, None, None), config)
    assert torch.equal(shown[0][:, 1:], batch[:, 1:])
    hidden = shown[0][:, 0] != batch[:, 0]
    assert 0.01 < hidden.float().mean() < 0.2


@pytest.mark.parametrize("name", ["noise2void", "noise2self"])
def test_what_does_not_move_is_denoised_better_with_other_frames(name):
    """Five frames of the same scene hold more of it than one."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    clean = 100 + 40 * np.sin(rows / 2) * np.cos(columns / 3)
    image = Image((clean + rng.normal(0, 30, (6, 64, 64))).astype(np.float32), "TYX")
    errors = []
    for dimensions in "23":
        settings = {**SMALL, "steps": 150, "learning_rate": 2e-3, "dimensions": dimensions}
        result = api.denoise(image, name, settings=settings)
        errors.append(np.square(np.asarray(result["denoised"].data) - clean).mean())
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("name", METHODS)
def test_one_plane_gets_a_sentence(name):
    stack, plane = Image(noisy((3, 40, 36)), "ZYX"), Image(noisy((40, 36)), "YX")
    with pytest.raises(UsageError, match="dimensions=3 needs a stack"):
        denoise(name, plane)
    model = denoise(name, stack).model
    with pytest.raises(UsageError, match=r"but one plane.*dimensions=2"):
        api.apply(model, plane)
    with pytest.raises(ModelError, match="dimensions=2"):
        checked(model)


def test_sub_images_do_not_stand_for_frames():
    """With Z the planes beside are those of the stack; along T sub-images are in the way."""
    values = noisy((3, 96, 96))
    with pytest.raises(UsageError, match="decorrelate=off"):
        denoise("noise2void", Image(values, "TYX"), decorrelate="2")
    result = denoise("noise2void", Image(values, "ZYX"), decorrelate="2")
    assert result["denoised"].shape == values.shape


def test_the_region_on_view_is_previewed_with_the_planes_beside_it():
    image = Image(noisy((5, 48, 40)), "ZYX")
    region = (slice(2, 3), slice(8, 40), slice(4, 36))
    context = Context(preview_interval=1e-9)
    context.preview_region = region
    config = get("noise2void").Config.from_json(VOLUME)
    events = list(get("noise2void").denoise(image, config, context))
    previews = [event for event in events if isinstance(event, Preview)]
    assert previews
    assert previews[-1].image.shape == (1, 32, 32)
    assert np.isfinite(np.asarray(previews[-1].image.data)).all()
