import errno
import itertools
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_selfdenoise.core.errors import AxesError, FileError, ImageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Provenance
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.lazy import MOST_OPEN
from napari_selfdenoise.data.tiff_layout import NAMESPACE
from napari_selfdenoise.data.units import unit_name

SIZES = {"Q": 5, "T": 2, "C": 3, "Z": 4, "Y": 17, "X": 13, "S": 3}
SCALES = {
    "Q": 1.0,
    "T": 1.5,
    "C": 1.0,
    "Z": 0.3,
    "Y": 0.051493135957597184,
    "X": 0.11,
    "S": 1.0,
}
UNITS = {
    "Q": "pixel",
    "T": "second",
    "C": "pixel",
    "Z": "micrometer",
    "Y": "micrometer",
    "X": "micrometer",
    "S": "pixel",
}
ALL_AXES = [
    "".join(outer) + "YX" + colour
    for count in range(4)
    for outer in itertools.permutations("TCZ", count)
    for colour in ("", "S")
    if not (colour and "C" in outer)
]
STACKS = Path(
    os.environ.get(
        "SELFDENOISE_DATA", Path(__file__).resolve().parents[2].parent / "shared/data"
    ),
    "stacks",
)


def noisy(axes: str, dtype="float32") -> Image:
    shape = tuple(SIZES[axis] for axis in axes)
    pixels = np.random.default_rng(0).uniform(0, 1000, shape).astype(dtype)
    return Image(
        pixels,
        axes=axes,
        scale=tuple(SCALES[axis] for axis in axes),
        units=tuple(UNITS[axis] for axis in axes),
        name="noisy",
    )


def provenance() -> Provenance:
    return Provenance(
        method="gaussian",
        settings={"sigma": 1.5},
        seed=3,
        input_name="<noisy> & more",
        input_hash="ab12",
        device="cpu",
        precision="float32",
        seconds=1.0,
        versions={"numpy": "2"},
        reference="none",
        created="2026-01-01T00:00:00+00:00",
        notes=("µ",),
    )


@pytest.mark.parametrize("axes", ALL_AXES)
def test_axes_scale_units_and_pixels_come_back(tmp_path, axes):
    image = noisy(axes)
    write_tiff(tmp_path / "a.tif", image)
    again = read_image(tmp_path / "a.tif")
    assert again.axes == axes
    assert not again.axes_guessed
    assert again.dtype == np.float32
    assert again.scale == pytest.approx(image.scale, rel=1e-12)
    assert again.units == image.units
    assert again.name == "a"
    np.testing.assert_array_equal(again.read(), image.read())


@pytest.mark.parametrize("axes", ["Q" + axes for axes in ALL_AXES])
def test_posterior_samples_come_back_in_front(tmp_path, axes):
    image = noisy(axes)
    write_tiff(tmp_path / "a.tif", image, provenance=provenance())
    again = read_image(tmp_path / "a.tif")
    assert (again.axes, again.axes_guessed) == (axes, False)
    assert again.scale == pytest.approx(image.scale, rel=1e-12)
    assert again.units == image.units
    np.testing.assert_array_equal(again.read(), image.read())
    np.testing.assert_array_equal(again.read((slice(1, 4), 0)), image.read()[1:4, 0])
    np.testing.assert_array_equal(again.read((3,)), image.read()[3])


@pytest.mark.parametrize(
    ("axes", "stored", "along"),
    [
        ("QYX", "QYX", "T"),
        ("QTYX", "QTYX", "Z"),
        ("QTZYX", "QTZYX", "C"),
        ("QTCZYX", "TQCZYX", "T"),
        ("QTZYXS", "TQZYXS", "T"),  # C holds the colours
    ],
)
def test_posterior_samples_are_told_as_ome_tells_other_axes(tmp_path, axes, stored, along):
    write_tiff(tmp_path / "a.tif", noisy(axes), provenance=provenance())
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == stored
        root = ElementTree.fromstring(tif.ome_metadata)
    told = [each for each in root.iter() if "ModuloAlong" in each.tag]
    assert [each.tag.partition("}")[2] for each in told] == [f"ModuloAlong{along}"]
    assert (told[0].get("Type"), told[0].get("End")) == ("other", str(SIZES["Q"] - 1))


@pytest.mark.parametrize("axes", ["QYX", "TQYX", "ZQYX", "TCZQYX", "TQCZYX", "TQYXS"])
@pytest.mark.parametrize("options", [{"ome": True}, {}], ids=str)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_posterior_samples_of_other_programs_are_moved(tmp_path, axes, options, compression):
    shape = tuple(SIZES[axis] for axis in axes)
    pixels = np.random.default_rng(0).integers(0, 999, shape, dtype="uint16")
    photometric = "rgb" if "S" in axes else "minisblack"
    options = {**options, "photometric": photometric, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": axes}, **options)
    again = read_image(tmp_path / "a.tif")
    pixels = np.moveaxis(pixels, axes.index("Q"), 0)
    assert (again.axes, again.axes_guessed) == ("Q" + axes.replace("Q", ""), False)
    assert (again.shape, again.dtype) == (pixels.shape, pixels.dtype)
    for place in itertools.product((1, slice(1, 3), slice(None)), repeat=2):
        np.testing.assert_array_equal(again.read(place), pixels[place])
    at = (slice(None, None, 2), *(0,) * (pixels.ndim - 3), slice(3, 5), slice(None))
    np.testing.assert_array_equal(again.read(at), pixels[at])
    np.testing.assert_array_equal(again.read(), pixels)


def test_given_axes_of_posterior_samples_are_those_stored(tmp_path):
    pixels = np.arange(2 * 3 * 8 * 9, dtype="uint16").reshape(2, 3, 8, 9)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    image = read_image(tmp_path / "a.tif", axes="tqyx")
    assert image.axes == "QTYX"
    np.testing.assert_array_equal(image.read(), pixels.swapaxes(0, 1))
    with pytest.raises(AxesError, match="name 3 axes, but the image has 4"):
        read_image(tmp_path / "a.tif", axes="TQX")


def test_samples_behind_another_axis_are_not_read_as_a_whole(tmp_path):
    path, stack = tmp_path / "a.tif", np.zeros((2, 100, 256, 256), "uint16")
    stack[1, 77] = 5
    options = {"ome": True, "compression": "zlib", "metadata": {"axes": "TQYX"}}
    tifffile.imwrite(path, stack, **options)
    size = stack.nbytes
    del stack
    read_image(path).read((77, 1))  # imports and caches
    tracemalloc.start()
    image = read_image(path)
    assert image.read((slice(77, 78), 1, slice(10, 20))).mean() == 5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 5


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64", ">u2"])
def test_the_type_of_the_pixels_comes_back(tmp_path, dtype):
    write_tiff(tmp_path / "a.tif", noisy("TYX", dtype))
    again = read_image(tmp_path / "a.tif")
    assert again.dtype.name == np.dtype(dtype).name
    np.testing.assert_array_equal(again.read(), noisy("TYX", dtype).read())


@pytest.mark.parametrize(("dtype", "stored"), [("float16", "float32"), ("int64", "float64")])
def test_types_that_ome_does_not_know_become_floats(tmp_path, dtype, stored):
    write_tiff(tmp_path / "a.tif", noisy("YX", dtype))
    assert read_image(tmp_path / "a.tif").dtype == stored


def test_other_orders_are_written_in_the_order_of_ome(tmp_path):
    pixels = np.arange(2 * 3 * 4, dtype="uint16").reshape(2, 3, 4)
    write_tiff(tmp_path / "a.tif", Image(pixels, axes="YXC", scale=(0.1, 0.2, 1)))
    again = read_image(tmp_path / "a.tif")
    assert again.axes == "CYX"
    assert again.scale == pytest.approx((1, 0.1, 0.2))
    np.testing.assert_array_equal(again.read(), np.moveaxis(pixels, 2, 0))


def test_other_programs_read_axes_and_pixel_size(tmp_path):
    write_tiff(tmp_path / "a.tif", noisy("TZYX"), provenance=provenance())
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "TZYX"
        assert not tif.is_bigtiff
        root = ElementTree.fromstring(tif.ome_metadata)
        tags = tif.pages.first.tags
        per_cm = tags["XResolution"].value
    pixels = next(each for each in root.iter() if each.tag.endswith("Pixels"))
    assert (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit")) == ("0.11", "µm")
    assert (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit")) == ("1.5", "s")
    assert per_cm[0] / per_cm[1] == pytest.approx(1e4 / 0.11)


def test_the_provenance_is_inside(tmp_path):
    write_tiff(tmp_path / "a.tif", noisy("YX"), provenance=provenance())
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        root = ElementTree.fromstring(tif.ome_metadata)
    note = next(each for each in root.iter() if each.get("Namespace") == NAMESPACE)
    assert json.loads("".join(note.itertext())) == provenance().to_json()


class Virtual:
    """An array too large for the memory, which notes what is read of it."""

    shape = (40_000, 256, 256)
    dtype = np.dtype("uint16")

    def __init__(self):
        self.read = []

    def __getitem__(self, key):
        self.read.append(key)
        if len(self.read) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return np.zeros((256, 256), "uint16")


def test_a_full_disk_gets_a_sentence_and_leaves_nothing(tmp_path):
    with pytest.raises(FileError, match=r"disk is full: big\.tif needs 5243 MB.*Nothing was"):
        write_tiff(tmp_path / "big.tif", Image(Virtual(), name="big"))
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_gets_64_bit_offsets(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_selfdenoise.data.tiff_layout._BIG", 1000)
    write_tiff(tmp_path / "a.tif", noisy("ZYX"))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").read(), noisy("ZYX").read())


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_real_write_that_fails_leaves_nothing(tmp_path):
    code = (
        "import resource, signal, numpy as np\n"
        "from napari_selfdenoise.core.image import Image\n"
        "from napari_selfdenoise.data.io import write_tiff\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"write_tiff({str(tmp_path / 'a.tif')!r}, Image(np.zeros((9, 200, 200), 'f4')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "FileError: The disk is full" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_told(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"precious")
    with pytest.raises(FileError, match="exists already"):
        write_tiff(path, noisy("YX"))
    assert path.read_bytes() == b"precious"
    write_tiff(path, noisy("YX"), overwrite=True)
    assert read_image(path).axes == "YX"
    assert [each.name for each in tmp_path.iterdir()] == ["a.tif"]


def test_writing_elsewhere_than_tif_or_into_no_folder(tmp_path):
    with pytest.raises(FileError, match=r"must end in \.tif"):
        write_tiff(tmp_path / "a.png", noisy("YX"))
    with pytest.raises(FileError, match="cannot be written: No such file"):
        write_tiff(tmp_path / "none" / "a.tif", noisy("YX"))


def test_a_stack_is_not_read_as_a_whole(tmp_path):
    path = tmp_path / "big.tif"
    stack = np.zeros((200, 256, 256), "uint16")
    stack[77] = 5
    tifffile.imwrite(path, stack)
    tifffile.imwrite(
        tmp_path / "packed.tif", stack, compression="zlib", metadata={"axes": "TYX"}
    )
    del stack
    for name in ("big.tif", "packed.tif"):
        read_image(tmp_path / name).read((77,))  # imports and caches
        tracemalloc.start()
        image = read_image(tmp_path / name)
        assert image.read((77, slice(10, 20))).mean() == 5
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200 * 256 * 256 * 2 / 5, name


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_files(tmp_path, compression):
    pixels = np.arange(2 * 3 * 4 * 8 * 9, dtype="uint16").reshape(2, 3, 4, 8, 9)
    tifffile.imwrite(
        tmp_path / "ij.tif",
        pixels,
        imagej=True,
        compression=compression,
        resolution=(1 / 0.2, 1 / 0.25),
        metadata={"axes": "TZCYX", "unit": "um", "spacing": 0.7, "finterval": 12.0},
    )
    image = read_image(tmp_path / "ij.tif")
    assert image.axes == "TZCYX"
    assert image.scale == pytest.approx((12, 0.7, 1, 0.25, 0.2))
    assert image.units == ("second", "micrometer", "pixel", "micrometer", "micrometer")
    np.testing.assert_array_equal(image.read((1, slice(None), 2)), pixels[1, :, 2])


def test_axes_that_a_file_does_not_tell_are_guessed_unless_given(tmp_path):
    tifffile.imwrite(tmp_path / "q.tif", np.zeros((5, 8, 9), "uint16"))
    image = read_image(tmp_path / "q.tif")
    assert (image.axes, image.axes_guessed) == ("TYX", True)
    image = read_image(tmp_path / "q.tif", axes="zyx")
    assert (image.axes, image.axes_guessed) == ("ZYX", False)
    with pytest.raises(AxesError, match="name 2 axes, but the image has 3"):
        read_image(tmp_path / "q.tif", axes="YX")


def test_colour_files(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype="uint8")
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    assert read_image(tmp_path / "rgb.tif").axes == "YXS"
    frames = np.stack([colour] * 4)
    tifffile.imwrite(tmp_path / "film.tif", frames, photometric="rgb")
    film = read_image(tmp_path / "film.tif")
    assert (film.axes, film.axes_guessed) == ("TYXS", True)
    planar = np.moveaxis(colour, 2, 0)
    tifffile.imwrite(
        tmp_path / "planar.tif", planar, photometric="rgb", planarconfig="separate"
    )
    assert read_image(tmp_path / "planar.tif").axes == "CYX"


def test_planes_written_one_by_one_are_a_stack(tmp_path):
    planes = np.arange(4 * 8 * 9, dtype="uint16").reshape(4, 8, 9)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in planes:
            writer.write(plane, contiguous=False)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "TYX"
    np.testing.assert_array_equal(image.read(), planes)


def test_pictures(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (8, 9), dtype="uint8")
    colour = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype="uint8")
    deep = grey.astype("uint16") * 257
    for name, pixels in {"grey": grey, "colour": colour, "deep": deep}.items():
        Picture.fromarray(pixels).save(tmp_path / f"{name}.png")
        image = read_image(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(image.read(), pixels)
        assert image.dtype == pixels.dtype
    assert read_image(tmp_path / "colour.png").axes == "YXS"
    Picture.fromarray(np.stack([grey] * 3, axis=2)).save(tmp_path / "disguised.png")
    assert read_image(tmp_path / "disguised.png").axes == "YX"
    Picture.fromarray(grey).save(tmp_path / "a.JPG", format="JPEG")
    assert read_image(tmp_path / "a.JPG").axes == "YX"


def test_a_picture_that_would_lose_bits_is_refused(tmp_path):
    # signature, length, IHDR, width, height, 16 bits, colour
    head = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR"
    head += (8).to_bytes(4, "big") * 2 + bytes([16, 2])
    (tmp_path / "deep.png").write_bytes(head)
    with pytest.raises(FileError, match="without loss"):
        read_image(tmp_path / "deep.png")


def written(path: Path, **options) -> bytes:
    stack = np.random.default_rng(0).integers(0, 999, (20, 64, 64)).astype("uint16")
    tifffile.imwrite(path, stack, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    "options",
    [{}, {"imagej": True}, {"ome": True}, {"compression": "zlib"}, {"bigtiff": True}],
    ids=str,
)
@pytest.mark.parametrize("share", [0, 0.0005, 0.003, 0.5, 0.99, 0.999])
def test_a_truncated_tiff_is_refused(tmp_path, options, share, caplog):
    whole = written(tmp_path / "whole.tif", **options)
    read_image(tmp_path / "whole.tif")
    (tmp_path / "cut.tif").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FileError, match=r"cut\.tif (is truncated or damaged|cannot be read)"):
        read_image(tmp_path / "cut.tif")


def test_damaged_pixels_are_noticed(tmp_path):
    whole = bytearray(written(tmp_path / "a.tif", compression="zlib"))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        start = tif.pages[10].dataoffsets[0] + 20
    whole[start : start + 1000] = b"\xff" * 1000
    (tmp_path / "a.tif").write_bytes(whole)
    image = read_image(tmp_path / "a.tif")
    with pytest.raises(FileError, match=r"a\.tif cannot be decoded"):
        image.read()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}], ids=str)
def test_damage_anywhere_gets_a_sentence(tmp_path, options):
    """One file of many that is damaged must not end them all with a traceback."""
    pixels = np.random.default_rng(0).integers(0, 99, (2, 8, 9), dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    whole, refused = (tmp_path / "a.tif").read_bytes(), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 400), 4):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.tif").write_bytes(damaged)
        try:
            read_image(tmp_path / "b.tif").read()
        except (FileError, ImageError):
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_picture_is_refused(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), dtype="uint8")
    path = tmp_path / f"a{suffix}"
    Picture.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(FileError, match="damaged or truncated"):
        read_image(path)
    path.write_bytes(b"no image at all")
    with pytest.raises(FileError, match="no PNG or JPEG"):
        read_image(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match="There is no file"):
        read_image(tmp_path / "none.tif")
    with pytest.raises(FileError, match="is a folder"):
        read_image(tmp_path)
    (tmp_path / "a.czi").write_bytes(b"")
    with pytest.raises(
        FileError, match=r"cannot be read \(\.czi\); TIFF, PNG, JPEG and OME-Zarr can"
    ):
        read_image(tmp_path / "a.czi")
    (tmp_path / "a.tif").write_bytes(b"no tiff at all, but text")
    with pytest.raises(FileError, match="cannot be read as a TIFF"):
        read_image(tmp_path / "a.tif")


def test_reading_leaves_no_file_open(tmp_path, recwarn):
    written(tmp_path / "a.tif", compression="zlib")
    for _ in range(3):
        read_image(tmp_path / "a.tif").read((0,))
    (tmp_path / "a.tif").unlink()


def open_files(folder):
    """Return what this process has open, or mapped into memory, in a folder."""
    links = (
        str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
    )
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {name for name in [*links, *maps] if str(folder) in name}


@pytest.fixture
def many(tmp_path):
    """Ten images of each kind of file."""
    pixels = np.random.default_rng(0).integers(0, 99, (8, 9), dtype="uint8")
    for at in range(10):
        tifffile.imwrite(tmp_path / f"plain{at}.tif", pixels + at)
        tifffile.imwrite(tmp_path / f"packed{at}.tif", pixels + at, compression="zlib")
        Picture.fromarray(pixels + at).save(tmp_path / f"picture{at}.png")
    return [(path, pixels + int(path.stem[-1])) for path in sorted(tmp_path.iterdir())]


def test_many_images_hold_few_files_open(many, tmp_path):
    images = [read_image(path) for path, _ in many]
    for _ in range(2):
        for image, (_, pixels) in zip(images, many, strict=True):
            np.testing.assert_array_equal(image.read((slice(2, 5),)), pixels[2:5])
            if sys.platform == "linux":
                assert len(open_files(tmp_path)) <= MOST_OPEN
    del image, images
    if sys.platform == "linux":
        assert not open_files(tmp_path)


def test_a_file_that_changes_while_it_is_in_use_is_told(many):
    images = [read_image(path) for path, _ in many]
    opened_last = [read_image(path) for path, _ in many[:MOST_OPEN]]
    for image, (path, _) in zip(images, many, strict=True):
        path.write_bytes(path.read_bytes() + b"more")
        with pytest.raises(FileError, match=rf"{path.name} was changed or removed"):
            image.read()
        path.unlink()
        with pytest.raises(FileError, match=rf"{path.name} was changed or removed"):
            image.read()
    del opened_last


def test_what_was_read_may_be_changed(many):
    """It is a copy: neither the file nor what is read next changes with it."""
    for path, pixels in many:
        image = read_image(path)
        image.read()[:] = 0
        np.testing.assert_array_equal(image.read(), pixels)
        np.testing.assert_array_equal(np.asarray(image.data), pixels)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("µm", "micrometer"),
        ("\\u00B5m", "micrometer"),
        ("micron", "micrometer"),
        ("NM", "nanometer"),
        ("Å", "angstrom"),
        ("sec", "second"),
        ("furlong", "pixel"),
        ("", "pixel"),
    ],
)
def test_units(spelled, name):
    assert unit_name(spelled) == name


@pytest.mark.skipif(not STACKS.is_dir(), reason="no real stacks beside the project")
@pytest.mark.parametrize(
    ("name", "described", "guessed"),
    [
        ("membrane_2d_timelapse", "TYX, 5 x 256 x 256, uint16", True),
        ("cancer_cell_migration_crop", "TYX, 48 x 130 x 130, uint16", True),
        ("hela-cells", "YXC, 512 x 672 x 3, uint16", False),
    ],
)
def test_real_stacks(name, described, guessed):
    image = read_image(STACKS / f"{name}.tif")
    assert image.describe() == described
    assert image.axes_guessed == guessed
    if name == "hela-cells":
        assert image.units == ("micrometer", "micrometer", "pixel")
        assert image.scale[0] == pytest.approx(1 / 19.42, rel=1e-3)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd"])
def test_compressed_files_as_microscopes_write_them(tmp_path, compression):
    stack = np.random.default_rng(0).integers(0, 99, (5, 40, 50)).astype("uint16")
    tifffile.imwrite(tmp_path / "a.tif", stack, compression=compression, predictor=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").read((2,)), stack[2])


def test_of_a_pyramid_the_full_resolution_is_read(tmp_path):
    full = np.random.default_rng(0).integers(0, 99, (64, 80)).astype("uint16")
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        options = {"tile": (16, 16), "photometric": "minisblack"}
        writer.write(full, subifds=1, metadata={"axes": "YX"}, **options)
        writer.write(full[::2, ::2], subfiletype=1, **options)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.name == "a"
    np.testing.assert_array_equal(image.read(), full)
