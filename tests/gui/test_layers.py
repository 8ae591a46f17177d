"""Layers as images, and results as layers: nothing of where and how they lie is lost."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from napari_selfdenoise import denoise
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Preview
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.gui.layer_adapter import METADATA, LayerAdapter
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


def sampled(taken, count=5):
    """Return what a method with a posterior returns: a number of samples, and the rest."""
    image, shape = taken.image, taken.image.shape
    generator = np.random.default_rng(1)
    noisy = image.read().astype(np.float32)
    samples = noisy / 2 + generator.normal(0, 3, (count, *shape)).astype(np.float32)
    denoised, spread = samples.mean(axis=0), samples.std(axis=0)
    drawn = generator.normal(50, 3, (3, 12, 16) + shape[-1:] * image.axes.count("S"))
    images = {
        "denoised": image.like(denoised),
        "residual": image.like(noisy - denoised),
        "posterior_std": image.like(spread),
        "samples": image.sampled(samples),
        "generated_noise": image.like(noisy + 1),
        "direct": image.like(denoised + 1),
        "prior": Image(drawn.astype(np.float32), "QYXS" if "S" in image.axes else "QYX"),
    }
    return Result(images, PROVENANCE)


def added(model, adapter, layer, use="all", axes="", method=halved):
    """Return the layers that a run on a layer adds, the denoised one first."""
    taken = adapter.take(layer, axes, use)
    group = adapter.add(taken, method(taken), "Halved")
    return adapter.group(group)[::-1]


def added_by_kind(model, adapter, layer, use="all", axes=""):
    """Return the layers that a run with samples adds, by the kind of image."""
    layers = added(model, adapter, layer, use, axes, sampled)
    return {layer.metadata[METADATA]["kind"]: layer for layer in layers}


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
        (("sample", "y", "x"), (5, 8, 9), False, "QYX", False),
        (("Sample", "-2", "-1"), (5, 8, 9), False, "QYX", False),
        (("sample", "-3", "-2", "-1"), (5, 4, 8, 9), False, "QTYX", True),
        (("sample", "t", "c", "z", "y", "x"), (2, 2, 2, 2, 8, 9), False, "QTCZYX", False),
        (("sample", "-2", "-1"), (5, 40, 40, 3), True, "QYXS", False),
        (("q", "y", "x"), (5, 8, 9), False, "QYX", False),
        (("y", "x", "sample"), (5, 8, 9), False, "TYX", True),
        (("sample", "signal"), (8, 9), False, "YX", False),
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


# --- results with posterior samples -----------------------------------------------------


def test_each_image_of_a_posterior_becomes_a_layer_that_looks_as_it_should(
    model, adapter, anisotropic
):
    layers = added_by_kind(model, adapter, anisotropic)
    assert [kind for kind, layer in layers.items() if layer.visible] == ["denoised"]
    for kind in ("denoised", "samples", "generated_noise", "direct", "prior"):
        assert layers[kind].contrast_limits == [20, 180], kind
        assert layers[kind].colormap == anisotropic.colormap, kind
    spread = layers["posterior_std"]
    assert spread.name == "cells · Halved · posterior std"
    assert spread.colormap.name == "inferno"
    low, high = spread.contrast_limits
    assert low == 0
    assert high == pytest.approx(np.quantile(spread.data, 0.998))


def test_samples_lie_where_the_input_lies_one_behind_the_other(model, adapter, anisotropic):
    layer = added_by_kind(model, adapter, anisotropic)["samples"]
    assert layer.axis_labels == ("sample", "t", "y", "x")
    np.testing.assert_array_equal(layer.scale, (1, *anisotropic.scale))
    assert layer.data.shape == (5, *anisotropic.data.shape)
    for sample, pixel in ((0, (0, 0, 0)), (3, (2, 7, 9))):
        expected = (sample, *world(anisotropic, pixel))
        np.testing.assert_allclose(world(layer, (sample, *pixel)), expected)


def test_samples_of_a_part_lie_where_it_was_taken(model, adapter, anisotropic):
    model.dims.set_current_step(0, 2)
    anisotropic.corner_pixels = np.array([[0, 3, 5], [0, 12, 20]])
    layers = added_by_kind(model, adapter, anisotropic, "region")
    for kind in ("samples", "prior"):
        np.testing.assert_allclose(
            world(layers[kind], (4, 0, 1, 2)), (4, *world(anisotropic, (2, 4, 7)))
        )


def test_images_of_a_prior_are_there_at_every_time(model, adapter, anisotropic):
    layer = added_by_kind(model, adapter, anisotropic)["prior"]
    assert layer.data.shape == (3, 4, 12, 16)
    np.testing.assert_array_equal(layer.data[:, 0], layer.data[:, 3])
    np.testing.assert_array_equal(layer.scale, (1, *anisotropic.scale))
    np.testing.assert_allclose(world(layer, (0,) * 4), (0, *world(anisotropic, (0,) * 3)))


@pytest.mark.parametrize(
    ("axes", "shape"), [("YXC", (2, 12, 16, 3)), ("CYX", (2, 30, 12, 16))], ids=str
)
def test_images_of_a_prior_follow_the_order_of_the_input(model, adapter, noisy, axes, shape):
    layer = model.add_image(noisy(30, 20, 3), rgb=False)
    taken = adapter.take(layer, axes, "all")
    drawn = np.random.default_rng(0).normal(size=(2, 12, 16))
    images = {"denoised": taken.image.like(layer.data / 2), "prior": Image(drawn, "QYX")}
    group = adapter.add(taken, Result(images, PROVENANCE), "Halved")
    prior = adapter.group(group)[0]
    assert prior.data.shape == shape
    channel = prior.data[..., 2] if axes == "YXC" else prior.data[:, 2]
    np.testing.assert_array_equal(channel, drawn)


def test_samples_of_colours_stay_colours(model, adapter, noisy):
    layer = model.add_image(noisy(20, 30, 3, dtype=np.uint8), name="stain", rgb=True)
    layers = added_by_kind(model, adapter, layer)
    for kind in ("denoised", "samples", "generated_noise", "direct", "prior"):
        assert layers[kind].rgb, kind
        assert layers[kind].data.dtype == np.uint8, kind
    assert layers["samples"].data.shape == (5, 20, 30, 3)
    assert layers["samples"].axis_labels[0] == "sample"
    assert layers["prior"].data.shape == (3, 12, 16, 3)
    for kind in ("residual", "posterior_std"):
        assert not layers[kind].rgb
        assert layers[kind].data.shape == (3, 20, 30)
        assert layers[kind].colormap.name == "gray"


def test_samples_can_be_denoised_one_by_one(model, adapter, noisy):
    layer = model.add_image(noisy(20, 30), name="cells", scale=(0.5, 0.25))
    samples = added_by_kind(model, adapter, layer)["samples"]
    assert read_axes(samples).letters == "QYX"
    image = adapter.take(samples, "", "all").image
    assert (image.axes, image.axes_guessed, image.scale) == ("QYX", False, (1.0, 0.5, 0.25))
    assert [len(planes) for planes in channel_planes(image)] == [5]
    denoised = denoise(image, "gaussian")["denoised"]
    alone = denoise(Image(image.data[3], "YX"), "gaussian")["denoised"]
    np.testing.assert_allclose(denoised.data[3], alone.data, rtol=1e-5)
    again, residual = added(model, adapter, samples)
    for each in (again, residual):
        assert each.axis_labels == samples.axis_labels
        np.testing.assert_array_equal(each.scale, samples.scale)
    model.dims.set_current_step(0, 2)
    plane = adapter.take(samples, "", "plane")
    np.testing.assert_array_equal(plane.image.read(), samples.data[2:3])


@pytest.mark.parametrize("shape", [(20, 30), (4, 20, 30), (20, 30, 3)], ids=str)
def test_a_viewer_shows_what_it_showed_when_samples_come(viewer, noisy, shape, qtbot):
    rgb = shape[-1] == 3
    layer = viewer.add_image(
        noisy(*shape, dtype=np.uint8), rgb=rgb, scale=(3, 0.5, 0.25)[-len(shape) + rgb :]
    )
    if layer.ndim == 3:
        viewer.dims.set_current_step(0, 2)
    dims, camera = viewer.dims, viewer.scene.camera
    point, shown = dims.point, layer._slice.image.view.copy()
    place, zoom = camera.center, camera.zoom
    first = added_by_kind(viewer, LayerAdapter(viewer), layer)["samples"]
    assert (dims.ndim, dims.ndisplay) == (layer.ndim + 1, 2)
    assert dims.displayed == (layer.ndim - 1, layer.ndim)
    assert dims.axis_labels[0] == "sample"
    assert dims.point == (0, *point)
    assert (camera.center, camera.zoom) == (place, zoom)
    np.testing.assert_array_equal(layer._slice.image.view, shown)
    sliders = viewer.window._qt_viewer.dims
    assert sliders.nsliders == layer.ndim + 1
    assert sliders._displayed_sliders[0]
    # Samples are paged through, and another run leaves the slider where it is.
    dims.set_current_step(0, 3)
    second = added_by_kind(viewer, LayerAdapter(viewer), layer)["samples"]
    assert dims.point == (3, *point)
    for samples in (first, second):
        samples.visible = True
        at = (3, *(2,) * (layer.ndim - 2))
        np.testing.assert_array_equal(samples._slice.image.view, samples.data[at])
    for group in {each.metadata[METADATA]["group"] for each in (first, second)}:
        LayerAdapter(viewer).remove(group)
    assert (dims.ndim, dims.point) == (layer.ndim, point)
