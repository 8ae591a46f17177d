"""Images that are written by parts, as OME-Zarr and as TIFF."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.output_files import FileOutputs, write_image
from napari_selfdenoise.data.planes import channel_planes
from tests.data.test_io import ALL_AXES, noisy, provenance

KINDS = ["a.ome.zarr", "a.ome.tif"]


@pytest.fixture(params=KINDS)
def path(request, tmp_path) -> Path:
    return tmp_path / request.param


def written_by_planes(path: Path, image: Image) -> Image:
    """Write an image as a run does, plane by plane."""
    with FileOutputs(path) as outputs:
        out = outputs.new(image)
        for planes in channel_planes(image):
            for at in range(len(planes)):
                planes.write(out, at, planes.read(at))
        return outputs.finish(image.like(out), provenance())


@pytest.mark.parametrize("axes", ALL_AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_by_planes_comes_back(tmp_path, axes, kind):
    image = noisy(axes)
    read = written_by_planes(tmp_path / kind, image)
    assert (read.axes, read.scale, read.units) == (image.axes, image.scale, image.units)
    np.testing.assert_array_equal(read.read(), image.data)
    other = read_image(tmp_path / kind)
    assert not other.axes_guessed
    order = [image.axes.index(axis) for axis in other.axes]
    np.testing.assert_array_equal(other.read(), image.data.transpose(order))
    assert other.scale == pytest.approx([image.scale[at] for at in order])
    assert other.units == tuple(image.units[at] for at in order)
    assert [each.name for each in tmp_path.iterdir()] == [kind]


@pytest.mark.parametrize("axes", ["QYX", "QTYX", "QZYX", "QTZYX", "QYXS"])
def test_posterior_samples_come_first_again(tmp_path, axes):
    if axes == "QYXS":
        with pytest.raises(FileError, match="one axis beside time and space"):
            write_image(tmp_path / "a.zarr", noisy(axes))
        return
    read = write_image(tmp_path / "a.zarr", noisy(axes))
    assert read.axes == read_image(tmp_path / "a.zarr").axes == axes
    np.testing.assert_array_equal(read.read(), noisy(axes).data)


def test_pixels_are_read_where_they_are_asked_for(path):
    image = noisy("ZTYX")
    read = written_by_planes(path, image)
    for key in [(1,), (slice(1, 3), 0), (2, 1, slice(3, 9), slice(0, 4)), (0, 0, 5, slice(2))]:
        np.testing.assert_array_equal(read.read(key), image.data[key])


def test_nothing_of_a_run_that_failed_is_left(path):
    def fail():
        with FileOutputs(path) as outputs:
            outputs.new(noisy("TYX"))
            outputs.scratch().new(noisy("TYX"))[0] = 1
            assert list(path.parent.glob(".*.partial"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(path.parent.iterdir())


def test_an_output_is_replaced_only_if_told(path):
    write_image(path, noisy("YX"))
    with pytest.raises(FileError, match="exists already"):
        write_image(path, noisy("TYX"))
    write_image(path, noisy("TYX"), overwrite=True)
    assert read_image(path).axes == "TYX"
    assert len(list(path.parent.iterdir())) == 1


def test_planes_that_were_not_written_are_nan(path):
    image = noisy("TYX")
    with FileOutputs(path) as outputs:
        out = outputs.new(image)
        out[1] = image.data[1]
        read = outputs.finish(image.like(out)).read()
    assert np.isnan(read[0]).all()
    np.testing.assert_array_equal(read[1], image.data[1])


def test_other_kinds_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"a\.png must end in \.ome\.zarr or \.tif"):
        FileOutputs(tmp_path / "a.png")


class Striped:
    """A large image that is nowhere."""

    shape, dtype = (64, 1024, 1024), np.dtype(np.float32)

    def __getitem__(self, key):
        return np.broadcast_to(np.float32(key[0]), self.shape[1:])


def test_memory_holds_a_few_planes(path):
    image = Image(Striped(), "TYX")
    tracemalloc.start()
    read = written_by_planes(path, image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # of 268
    assert (read.read((5,)) == 5).all()


def test_a_large_tiff_is_a_big_one_and_has_every_plane(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_selfdenoise.data.tiff_layout._BIG", 1000)
    image = noisy("TZYX")
    written_by_planes(tmp_path / "a.tif", image)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
        assert len(file.pages) == 8
        np.testing.assert_array_equal(file.pages[3].asarray(), image.data[0, 3])
        assert "gaussian" in file.ome_metadata


# --- OME-Zarr ---------------------------------------------------------------------------


@pytest.fixture
def pyramid(tmp_path) -> tuple[Image, Path]:
    rows, columns = np.mgrid[:1030, :2201]
    plane = (rows + 2.0 * columns).astype(np.float32)
    scale, units = (2.0, 0.5, 0.25), ("second", "micrometer", "micrometer")
    image = Image(np.stack([plane, -plane]), "TYX", scale, units, "cells")
    written_by_planes(tmp_path / "a.ome.zarr", image)
    return image, tmp_path / "a.ome.zarr"


def test_levels_are_means_in_the_right_place(pyramid):
    _, path = pyramid
    group = zarr.open_group(path, mode="r")
    (described,) = group.attrs["ome"]["multiscales"]
    shapes = [group[each["path"]].shape for each in described["datasets"]]
    assert shapes == [(2, 1030, 2201), (2, 515, 1101), (2, 258, 551), (2, 129, 276)]
    # On a ramp the value tells the place: each level says the same of the same micrometers.
    for each in described["datasets"]:
        (size, *shift) = each["coordinateTransformations"]
        moved = shift[0]["translation"] if shift else [0, 0, 0]
        at = np.array([1, 20, 30])
        _, y, x = at * size["scale"] + moved
        value = group[each["path"]][0, 20, 30]
        assert value == pytest.approx(y / 0.5 + 2 * x / 0.25)


def test_metadata_are_those_of_the_standard(pyramid):
    _, path = pyramid
    described = json.loads((path / "zarr.json").read_text())
    assert described["zarr_format"] == 3
    ome = described["attributes"]["ome"]
    assert ome["version"] == "0.5"
    assert ome["multiscales"][0]["axes"] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    array = json.loads((path / "0" / "zarr.json").read_text())
    assert array["dimension_names"] == ["t", "y", "x"]
    own = described["attributes"]["napari-selfdenoise"]["provenance"]
    assert own == provenance().to_json()


@pytest.mark.parametrize("axes", ["YX", "CYX", "TCZYX", "YXS", "QTYX"])
def test_a_validator_finds_nothing(tmp_path, axes):
    models = pytest.importorskip("ome_zarr_models.v05")
    write_image(tmp_path / "a.ome.zarr", noisy(axes))
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert models.Image.from_zarr(group).ome_attributes.version == "0.5"


def test_older_versions_and_plain_arrays_are_read(tmp_path):
    pixels = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)
    group = zarr.create_group(tmp_path / "old.zarr", zarr_format=2)
    group.create_array("full", data=pixels)
    axes = [{"name": name} for name in "cz"]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = {"type": "scale", "scale": [1, 2, 0.5, 0.25]}
    dataset = {"path": "full", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]
    read = read_image(tmp_path / "old.zarr")
    assert (read.axes, read.scale) == ("CZYX", (1, 2, 0.5, 0.25))
    assert read.units == ("pixel", "pixel", "micrometer", "micrometer")
    np.testing.assert_array_equal(read.read((1, 2)), pixels[1, 2])
    zarr.create_array(tmp_path / "plain.zarr", data=pixels)
    plain = read_image(tmp_path / "plain.zarr", "ctyx")
    assert plain.axes == "CTYX"
    assert read_image(tmp_path / "plain.zarr").axes_guessed


def test_what_is_no_image_is_told(tmp_path):
    group = zarr.create_group(tmp_path / "plate.zarr")
    group.attrs["ome"] = {"version": "0.5", "plate": {}}
    group.create_group("A1")
    with pytest.raises(FileError, match=r"holds a plate of many images.*A1"):
        read_image(tmp_path / "plate.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="is a folder"):
        read_image(tmp_path / "folder")
    damaged = tmp_path / "damaged.zarr"
    write_image(damaged, noisy("YX"))
    (damaged / "0" / "zarr.json").write_text("{")
    with pytest.raises(FileError, match="cannot be read as a zarr image"):
        read_image(damaged)
