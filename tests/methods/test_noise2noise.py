"""Noise2Noise and supervised training: learning from pairs."""

import numpy as np
import pytest

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine import runs
from napari_selfdenoise.methods import get
from tests.running import tiny

SIGMA = 30
ROWS, COLUMNS = np.mgrid[:96, :80]
CLEAN = (100 + 60 * np.sin(ROWS / 7) * np.cos(COLUMNS / 9)).astype(np.float32)


def capture(seed, clean=CLEAN):
    noise = np.random.default_rng(seed).normal(0, SIGMA, clean.shape)
    return Image((clean + noise).astype(np.float32), name=f"capture {seed}")


def config(name):
    return get(name).Config(width=8, steps=200, learning_rate=2e-3, weight_average=0.97)


def error(image):
    return float((image.data - CLEAN).std())


@pytest.mark.parametrize(
    ("name", "target"),
    [("noise2noise", capture(1)), ("supervised", Image(CLEAN, name="clean"))],
)
def test_pairs_teach_to_denoise(name, target):
    image = capture(0)
    run = get(name).denoise(image, config(name), Context(targets=[target]))
    assert error(finish(run)["denoised"]) < 0.35 * SIGMA


def test_both_captures_are_learned_from_each_other():
    """Each is input and target once, and nothing is lost to a third."""
    first, second = capture(0), capture(1)
    images, targets = finish(get("noise2noise").pairs([first], [second]))
    assert (images, targets) == ([first, second], [second, first])


@pytest.mark.parametrize(("axes", "along"), [("TYX", "T"), ("ZYX", "Z"), ("TZYX", "T")])
def test_neighbours_in_a_stack_are_pairs(axes, along):
    shape = {"TYX": (5, 4, 4), "ZYX": (5, 4, 4), "TZYX": (5, 2, 4, 4)}[axes]
    image = Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), axes)
    notes = []
    images, (target,) = finish(get("noise2noise").pairs([image], []), notes.append)
    assert images == [image]
    assert [f"neighbours along {along}" in e.text for e in notes if isinstance(e, Note)]
    rest = (0,) * (len(axes) - 3) + (slice(None), slice(None))
    for at, partner in enumerate([1, 0, 3, 2, 3]):
        np.testing.assert_array_equal(target.read((at, *rest)), image.data[(partner, *rest)])


def test_a_stack_of_captures_teaches_to_denoise():
    stack = np.stack([capture(seed).data for seed in range(4)])
    run = get("noise2noise").denoise(Image(stack, "TYX"), config("noise2noise"), Context())
    denoised = finish(run)["denoised"]
    assert float((denoised.data - CLEAN).std()) < 0.3 * SIGMA


def test_a_single_capture_is_refused_with_what_to_do():
    run = get("noise2noise").denoise(capture(0), tiny("noise2noise"), Context())
    with pytest.raises(UsageError, match="capture 0 is one capture only"):
        finish(run)


def test_supervised_needs_a_clean_image():
    run = get("supervised").denoise(capture(0), tiny("supervised"), Context())
    with pytest.raises(UsageError, match="a clean image for each image to train on, but none"):
        finish(run)


def test_a_target_of_another_shape_is_refused():
    context = Context(targets=[Image(CLEAN[:50], name="part")])
    run = get("supervised").denoise(capture(0), tiny("supervised"), context)
    with pytest.raises(ImageError, match=r"part .* cannot be the target of capture 0"):
        finish(run)


def test_a_target_with_holes_is_refused():
    holed = CLEAN.copy()
    holed[3, 3] = np.nan
    context = Context(targets=[Image(holed, name="holed")])
    run = get("supervised").denoise(capture(0), tiny("supervised"), context)
    with pytest.raises(ImageError, match="holed has 1 NaN pixel"):
        finish(run)


def test_targets_must_be_as_many_as_images():
    context = Context(targets=[Image(CLEAN)])
    run = runs.train(get("supervised"), [capture(0), capture(1)], tiny("supervised"), context)
    with pytest.raises(UsageError, match="1 for 2 images"):
        finish(run)
