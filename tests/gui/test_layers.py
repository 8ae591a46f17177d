"""Layers as images, and results as layers: nothing of where and how they lie is lost."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Preview
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.gui.layer_adapter import LayerAdapter
from napari_selfdenoise.gui.layer_image import choose_region, part_of, read_axes, read_layer

PROVENANCE = Provenance("m", {}, 0, "in", "hash", "cpu", "float32", 1.0, {}, "ref", "today")


@pytest.fixture
def model():
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def adapter(model):
    return LayerAdapter(model)


def halved(taken):
    """Return the result of a method that halves."""
    noisy = taken.image.read().astype(np.float32)
    image = taken.image.like
    return Result({"denoised": image(noisy / 2), "residual": image(noisy / 2)}, PROVENANCE)


def added(model, adapter, layer, use="all", axes=""):
    """Return the layers that a run on a layer adds, the denoised one first."""
    taken = adapter.take(layer, axes, use)
    group = adapter.add(taken, halved(taken), "Halved")
    return adapter.group(group)[::-1]


def world(layer, pixel):
    return np.asarray(layer.data_to_world(pixel))


ANISOTROPIC = {
    "scale": (3.0, 0.5, 0.25),
    "translate": (10.0, -5.0, 7.0),
    "rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]),
    "shear": (0.0, 0.0, 0.2),
    "affine": np.array([[1, 0, 0, 4], [0, 2, 0.1, 5], [0, 0, 1, 6], [0, 0, 0, 1.0]]),
    "units": ("second", "um", "um"),
    "axis_labels": ("t", "y", "x"),
    "contrast_limits": (20, 180),
    "colormap": "green",
    "blending": "additive",
    "gamma": 0.8,
}


@pytest.fixture
def anisotropic(model, noisy):
    return model.add_image(noisy(4, 20, 30), name="cells", **ANISOTROPIC)


def test_a_result_lies_where_the_input_lies(model, adapter, anisotropic):
    for layer in added(model, adapter, anisotropic):
        for name in ("scale", "translate", "rotate", "shear"):
            np.testing.assert_allclose(getattr(layer, name), getattr(anisotropic, name))
        np.testing.assert_allclose(layer.affine.affine_matrix, anisotropic.affine.affine_matrix)
        assert layer.units == anisotropic.units
        assert layer.axis_labels == anisotropic.axis_labels


def test_a_result_looks_as_the_input_looks(model, adapter, anisotropic):
    denoised, residual = added(model, adapter, anisotropic)
    assert denoised.name == "cells · Halved · denoised"
    assert denoised.contrast_limits == [20, 180]
    assert denoised.colormap == anisotropic.colormap
    assert denoised.blending == anisotropic.blending
    assert denoised.gamma == anisotropic.gamma
    low, high = residual.contrast_limits
    assert low == -high < 0


@pytest.mark.parametrize("use", ["plane", "region"])
def test_a_part_lies_where_it_was_taken(model, adapter, anisotropic, use):
    model.dims.set_current_step(0, 2)
    anisotropic.corner_pixels = np.array([[0, 3, 5], [0, 12, 20]])
    taken = adapter.take(anisotropic, "", use)
    start = [part.start for part in taken.region]
    assert start[1:] == ([0, 0] if use == "plane" else [3, 5])
    for layer in added(model, adapter, anisotropic, use):
        np.testing.assert_allclose(world(layer, (0, 0, 0)), world(anisotropic, start))
        end = np.add(start, (0, 2, 3))
        np.testing.assert_allclose(world(layer, (0, 2, 3)), world(anisotropic, end))


def test_a_preview_lies_where_it_was_taken(model, adapter, anisotropic):
    taken = adapter.take(anisotropic, "", "all")
    region = (slice(1, 2), slice(4, 10), slice(6, 16))
    preview = Preview(1, taken.image.crop(region), region)
    adapter.show_preview(taken, preview, "Halved")
    layer = model.layers["cells · Halved · preview"]
    np.testing.assert_allclose(world(layer, (0, 0, 0)), world(anisotropic, (1, 4, 6)))
    np.testing.assert_array_equal(layer.data, anisotropic.data[region])
    moved = (slice(2, 3), slice(0, 20), slice(0, 30))
    adapter.show_preview(taken, Preview(2, taken.image.crop(moved), moved), "Halved")
    assert len(model.layers) == 2
    np.testing.assert_allclose(world(layer, (0, 0, 0)), world(anisotropic, (2, 0, 0)))
    np.testing.assert_array_equal(layer.data, anisotropic.data[moved])
    adapter.hide_preview()
    assert list(model.layers) == [anisotropic]


def test_the_visible_part_is_told_in_pixels_of_what_was_taken(model, adapter, anisotropic):
    model.dims.set_current_step(0, 2)
    anisotropic.corner_pixels = np.array([[0, 3, 5], [0, 12, 20]])
    taken = adapter.take(anisotropic, "", "region")
    anisotropic.corner_pixels = np.array([[0, 5, 0], [0, 19, 12]])
    assert adapter.visible_part(taken) == (slice(0, 1), slice(2, 10), slice(0, 8))
    model.dims.set_current_step(0, 0)
    assert adapter.visible_part(taken) is None


def test_colours_stay_colours(model, adapter, noisy):
    data = noisy(20, 30, 3, dtype=np.uint8)
    layer = model.add_image(data, name="stain", rgb=True, scale=(2, 3), translate=(5, 7))
    assert read_layer(layer).axes == "YXS"
    denoised, residual = added(model, adapter, layer)
    assert denoised.rgb
    assert denoised.data.dtype == np.uint8
    np.testing.assert_allclose(denoised.data, data / 2, atol=0.5)
    np.testing.assert_array_equal(denoised.scale, (2, 3))
    assert not residual.rgb  # differences below zero are no colours
    np.testing.assert_allclose(residual.data, np.moveaxis(data, -1, 0) / 2)
    np.testing.assert_array_equal(world(residual, (0, 4, 6)), (0, *world(layer, (4, 6))))


@pytest.mark.parametrize(
    ("use", "shape"),
    [("all", (3, 4, 20, 30)), ("stack", (1, 4, 20, 30)), ("plane", (1, 1, 20, 30))],
)
def test_parts_of_a_stack_of_stacks(model, adapter, noisy, use, shape):
    layer = model.add_image(noisy(3, 4, 20, 30), axis_labels=tuple("tzyx"))
    model.dims.set_current_step(0, 1)
    model.dims.set_current_step(1, 3)
    taken = adapter.take(layer, "", use)
    assert taken.image.shape == shape
    part = layer.data[taken.region]
    np.testing.assert_array_equal(taken.image.read(), part)
    if use == "plane":
        np.testing.assert_array_equal(part[0, 0], layer.data[1, 3])


class Unreadable:
    """An array on disk that must not be read."""

    dtype, ndim = np.dtype(np.uint16), 3

    def __init__(self, shape):
        self.shape = shape

    def __getitem__(self, key):
        raise AssertionError("pixels were read")


def test_no_pixel_is_read_before_the_run():
    lazy = da.from_array(Unreadable((4, 64, 64)), chunks=(1, 64, 64))
    region = (slice(1, 2), slice(0, 64), slice(8, 16))
    for data in (lazy, Unreadable((4, 64, 64))):
        assert part_of(data, region).shape == (1, 64, 8)


def test_a_part_of_a_zarr_array_holds_its_pixels(noisy):
    stored = zarr.array(noisy(4, 64, 64), chunks=(1, 64, 64))
    region = (slice(1, 2), slice(0, 64), slice(8, 16))
    np.testing.assert_array_equal(np.asarray(part_of(stored, region)), stored[region])


def test_a_multiscale_layer_is_taken_at_full_resolution(model, adapter, noisy):
    full = noisy(4, 64, 64)
    layer = model.add_image(
        [full, full[:, ::2, ::2]], multiscale=True, contrast_limits=(0, 200)
    )
    taken = adapter.take(layer, "", "all")
    np.testing.assert_array_equal(taken.image.read(), full)
    layer.corner_pixels = np.array([[0, 4, 8], [0, 15, 23]])
    layer.data_level = 1
    assert adapter.region(layer, "", "region")[1:] == (slice(8, 31), slice(16, 47))


@pytest.mark.parametrize(
    ("labels", "shape", "rgb", "axes", "guessed"),
    [
        (None, (8, 9), False, "YX", False),
        (None, (5, 8, 9), False, "TYX", True),
        (("z", "y", "x"), (5, 8, 9), False, "ZYX", False),
        (("C", "Y", "X"), (5, 8, 9), False, "CYX", False),
        (("depth", "row", "column"), (5, 8, 9), False, "TYX", True),
        (None, (40, 40, 3), True, "YXS", False),
        (("t", "y", "x"), (5, 40, 40, 3), True, "TYXS", False),
    ],
)
def test_axes_are_read_from_letters_or_guessed(labels, shape, rgb, axes, guessed):
    layer = ImageLayer(np.zeros(shape, np.uint8), axis_labels=labels, rgb=rgb)
    read = read_axes(layer)
    assert (read.letters, read.guessed) == (axes, guessed)


def test_scale_and_units_are_read(anisotropic):
    image = read_layer(anisotropic)
    assert image.scale == (3.0, 0.5, 0.25)
    assert image.units == ("second", "micrometer", "micrometer")


@pytest.mark.parametrize("add", ["add_labels", "add_shapes", "add_points"])
def test_other_layers_are_refused_with_a_sentence(model, adapter, add):
    layer = (
        model.add_labels(np.zeros((8, 8), int))
        if add == "add_labels"
        else getattr(model, add)()
    )
    with pytest.raises(ImageError, match="only image layers can be denoised"):
        adapter.take(layer, "", "all")


def test_a_region_holds_the_place_it_is_asked_for():
    axes, shape = "TCZYX", (5, 2, 7, 30, 40)
    position = (3, 1, 4, 0, 0)
    visible = [(0, side) for side in shape[:3]] + [(5, 25), (6, 36)]
    at = {
        use: choose_region(use, axes, shape, position, visible)
        for use in ("all", "stack", "plane", "region")
    }
    sizes = {use: [part.stop - part.start for part in region] for use, region in at.items()}
    assert sizes == {
        "all": [5, 2, 7, 30, 40],
        "stack": [1, 1, 7, 30, 40],
        "plane": [1, 1, 1, 30, 40],
        "region": [1, 1, 1, 20, 30],
    }
    for region in at.values():
        for part, place, side in zip(region[:3], position, shape, strict=False):
            assert part.start <= place < part.stop <= side
