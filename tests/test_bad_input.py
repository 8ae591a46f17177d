"""Every kind of bad input gets a sentence; every odd but usable input gets a result.

A model of another channel count is in the engine's tests, a layer that is removed during
a run in those of the panel.
"""

import errno

import numpy as np
import pytest
import tifffile

from napari_selfdenoise import denoise
from napari_selfdenoise.cli import main
from napari_selfdenoise.core.errors import (
    AxesError,
    ConfigError,
    FileError,
    ImageError,
    UnknownMethodError,
)
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.learned import TrainingConfig
from napari_selfdenoise.methods import METHODS, get

QUICK = {
    "ap_bsn": {"steps": 2, "patch_size": 32, "width": 4, "blocks": 1, "passes": 1},
    "cvf_sid": {"steps": 2, "patch_size": 32, "width": 4, "layers": 5},
    "self2self": {"steps": 2, "patch_size": 32, "width": 4, "predictions": 2},
    "deep_image_prior": {"steps": 2, "width": 4, "levels": 2},
    "lota_n2n": {"steps": 2, "patch_size": 16},
    "tucker_pnp": {"steps": 2, "patch_size": 32, "width": 8},
    "cosdd": {"steps": 2, "patch_size": 16, "features": 4, "levels": 2, "noise_filters": 4},
    "hdn": {"steps": 2, "patch_size": 16, "features": 4, "levels": 2},
}
every_method = pytest.mark.parametrize("method", METHODS)


def noisy(*shape, dtype="float32"):
    return np.random.default_rng(0).normal(100, 10, shape).astype(dtype)


def quick(image, method, **options):
    options["sampling"] = {"samples": 3}
    if get(method).target:
        options["target"] = image
    learns = issubclass(get(method).Config, TrainingConfig)
    settings = QUICK.get(
        method, {"steps": 2, "batch_size": 2, "patch_size": 32} if learns else {}
    )
    return denoise(image, method, settings=settings, device="cpu", **options)


# --- refused ----------------------------------------------------------------------------


@every_method
def test_nan_and_infinity_are_counted_and_refused_or_filled(method):
    pixels = noisy(32, 32)
    pixels[3, 4] = np.nan
    pixels[9, 10:12] = np.inf
    with pytest.raises(ImageError, match="image has 1 NaN pixel and 2 infinite pixels"):
        quick(pixels, method)
    filled = quick(pixels, method, fill_nan=True)["denoised"].data
    assert np.isfinite(filled).all()
    assert np.isnan(pixels[3, 4])
    pixels[:] = np.nan
    with pytest.raises(ImageError, match="no finite pixel"):
        quick(pixels, method, fill_nan=True)


@every_method
def test_a_constant_image(method):
    with pytest.raises(ImageError, match=r"constant \(every pixel is 7\)"):
        quick(np.full((32, 32), 7, "uint8"), method)


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((0, 32)), "is empty: its shape is"),
        (np.zeros((32, 32), bool), "is boolean"),
        (np.zeros((32, 32), complex), "real and imaginary part one by one"),
        (np.zeros((32, 32), "U3"), "not numbers"),
        (np.zeros(32), "has 1 axes"),
        (np.zeros((2, 2, 2, 2, 8, 8)), "has 6 axes"),
    ],
    ids=["empty", "boolean", "complex", "text", "one axis", "six axes"],
)
def test_arrays_that_are_no_intensity_image(pixels, sentence):
    with pytest.raises(ImageError, match=sentence):
        denoise(pixels, "gaussian")


def test_label_files_that_are_boolean(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "mask.tif", np.eye(32, dtype=bool))
    assert main(["denoise", str(tmp_path / "mask.tif"), "-o", str(tmp_path)]) == 1
    assert "mask is boolean (a mask)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ("YX", "name 2 axes, but the image has 3 .*For example: 'TYX'"),
        ("AYX", "hold 'A', which is none of Q, T, C, Z, Y, X, S"),
        ("YYX", "name an axis twice"),
        ("TZY", "must hold Y and X"),
        ("SYX", "must be the last axis"),
    ],
)
def test_a_wrong_axes_string(axes, sentence):
    with pytest.raises(AxesError, match=sentence):
        denoise(noisy(3, 16, 16), "gaussian", axes=axes)


def test_an_unknown_method_or_setting_offers_the_nearest():
    with pytest.raises(UnknownMethodError, match=r"No method 'lota'\. Did you mean 'lota_n2n'"):
        denoise(noisy(16, 16), "lota")
    with pytest.raises(ConfigError, match=r"No setting 'step'\. Did you mean 'steps'"):
        denoise(noisy(16, 16), "lota_n2n", settings={"step": 5})
    with pytest.raises(ConfigError, match="steps is 0; it must be a whole number from 1"):
        denoise(noisy(16, 16), "lota_n2n", settings={"steps": 0})


def test_unreadable_and_truncated_files(tmp_path):
    path = tmp_path / "a.tif"
    with pytest.raises(FileError, match="There is no file"):
        denoise(path, "gaussian")
    path.write_bytes(b"not an image")
    with pytest.raises(FileError, match="cannot be read as a TIFF"):
        denoise(path, "gaussian")
    tifffile.imwrite(path, noisy(5, 64, 64))
    path.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(FileError, match="truncated"):
        denoise(path, "gaussian")


def test_a_full_disk(tmp_path, monkeypatch, capsys):
    """The sentence comes through, and nothing is left behind."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noisy(32, 32))

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    out = tmp_path / "out"
    assert main(["denoise", str(path), "-o", str(out), "-m", "gaussian"]) == 1
    assert "The disk is full: a.gaussian.denoised.tif needs" in capsys.readouterr().err
    assert not out.exists()


# --- odd, but usable --------------------------------------------------------------------


@every_method
@pytest.mark.parametrize(
    "shape",
    [(33, 47), (1, 32, 32), (2, 1, 32, 32), (3, 5), (2, 2), (1, 40), (40, 1)],
    ids=str,
)
def test_odd_tiny_and_flat_sizes(method, shape):
    pixels = noisy(*shape)
    denoised = quick(pixels, method)["denoised"].data
    assert denoised.shape == shape
    assert denoised.dtype == np.float32
    assert np.isfinite(denoised).all()


@every_method
def test_one_pixel_is_constant(method):
    with pytest.raises(ImageError, match="constant"):
        quick(noisy(1, 1), method)


@every_method
@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "uint32", "float16", "float64", ">u2"]
)
def test_every_type_of_numbers(method, dtype):
    pixels = noisy(24, 24, dtype=dtype)
    denoised = quick(pixels, method)["denoised"].data
    assert denoised.dtype == np.float32
    assert abs(denoised.mean() - pixels.astype(float).mean()) < 15


@every_method
def test_colour_is_not_channels(method):
    """Three colour samples stay last; three channels are images of their own."""
    pixels = noisy(24, 20, 3)
    as_colour = quick(Image(pixels, axes="YXS"), method)["denoised"]
    assert (as_colour.axes, as_colour.shape) == ("YXS", (24, 20, 3))
    as_channels = quick(Image(np.moveaxis(pixels, 2, 0), axes="CYX"), method)["denoised"]
    assert (as_channels.axes, as_channels.shape) == ("CYX", (3, 24, 20))


@every_method
def test_the_input_stays_as_it_was(method):
    pixels = noisy(24, 24)
    before = pixels.copy()
    quick(pixels, method)
    np.testing.assert_array_equal(pixels, before)
