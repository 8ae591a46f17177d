import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from napari_selfdenoise import check_noise, methods
from napari_selfdenoise.analysis.advice import Diagnosis, advise
from napari_selfdenoise.analysis.filtered_signs import block_grid, grey_step, missing_levels
from napari_selfdenoise.analysis.noise_check import check_noise as measure
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.synthetic import make_sample

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
FMD = SHARED / "data" / "fmd" / "raw"
METHODS = [methods.get(name) for name in methods.METHODS]


def light(shape=(256, 256)):
    """Photons of smooth blobs, dark in half of the image."""
    blobs = gaussian_filter(np.random.default_rng(5).normal(size=shape[-2:]), 12)
    return np.broadcast_to(80 * np.maximum(blobs / blobs.std(), 0), shape)


def recorded(shape=(256, 256), gain=3.0, offset=100.0, read_noise=5.0, seed=0):
    rng = np.random.default_rng(seed)
    counts = offset + gain * rng.poisson(light(shape)) + rng.normal(0, read_noise, shape)
    return np.rint(counts).astype(np.uint16)


def striped(axis, seed=0):
    rng = np.random.default_rng(seed)
    noise = gaussian_filter1d(rng.normal(0, 1, (256, 256)), 1.5, axis=axis)
    return (recorded(seed=seed) + 20 * noise / noise.std()).astype(np.float32)


def blurred():
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 1, (256, 256)), 0.7)
    return (200 + light() + 20 * noise / noise.std()).astype(np.float32)


def one(data, axes=""):
    (check,) = measure(Image(data, axes))
    return check


def test_camera_and_independence_are_told():
    check = one(recorded(shape=(512, 512)))
    assert check.transfer.gain == pytest.approx(3, rel=0.05)
    assert check.transfer.read_noise == pytest.approx(5, rel=0.15)
    low, high = check.transfer.read_noise_range
    assert low < 5.2
    assert high > 4.8
    assert check.correlated == ""
    assert check.signs == ()
    assert str(check).startswith("Poisson-Gaussian noise, gain ")
    assert str(check).endswith("; independent between pixels.")


def test_the_line_goes_through_the_points():
    transfer = one(recorded(shape=(512, 512))).transfer
    assert transfer.means.shape == transfer.variances.shape == transfer.line.shape
    assert np.median(np.abs(transfer.line / transfer.variances - 1)) < 0.1


@pytest.mark.parametrize(("axis", "name"), [(1, "x"), (0, "y")])
def test_stripes_are_told_with_their_axis_and_length(axis, name):
    check = one(striped(axis))
    assert check.correlated == name
    assert f"correlated along {name} over " in str(check)
    along = check.autocorrelation[name.upper()]
    across = check.autocorrelation["Y" if name == "x" else "X"]
    assert along[0] > along[2] > 0.1
    assert np.abs(across).max() < 0.1


def test_filtered_noise_is_told_and_measured_apart():
    check = one(blurred())
    assert check.correlated == "xy"
    assert check.stride > 1
    assert "filtered" in " ".join(check.signs)
    # By sub-images, in which it is white: blurred noise looks too weak otherwise.
    assert np.sqrt(np.median(check.transfer.line)) == pytest.approx(20, rel=0.15)


def test_the_spectrum_is_flat_for_white_noise_and_falls_for_filtered():
    white, filtered = one(recorded()), one(blurred())
    assert white.spectrum.shape == (16, 16)
    assert white.radial[2:] == pytest.approx(np.ones(6), abs=0.2)
    assert filtered.radial[2] > 3 * filtered.radial[-1]


def test_every_axis_and_channel_is_measured():
    rng = np.random.default_rng(0)
    film = np.stack([recorded((4, 64, 64), gain=g, seed=9) for g in (1, 8)], axis=1)
    checks = measure(Image(film, "TCYX"))
    assert [set(check.autocorrelation) for check in checks] == [{"T", "Y", "X"}] * 2
    assert checks[1].transfer.gain > 3 * checks[0].transfer.gain
    assert [check.name for check in checks] == ["image, C = 0", "image, C = 1"]
    frames = rng.normal(50, 5, (5, 64, 64))
    slow = one(frames + 10 * np.roll(frames, 1, axis=0), "TYX")
    assert slow.autocorrelation["T"][0] < 0.3
    assert np.isnan(slow.autocorrelation["T"][4:]).all()
    assert len(measure(Image(rng.normal(50, 5, (64, 64, 3)), "YXS"))) == 3


def test_limits_are_counted():
    counts = np.clip(recorded(offset=0, read_noise=5).astype(int) % 65000, 0, 400)
    check = one(counts.astype(np.uint16))
    assert check.saturated == pytest.approx(np.mean(counts == 400))
    assert check.dark == pytest.approx(np.mean(counts == 0))
    assert any("saturated" in sign for sign in check.signs)


def test_a_small_image_says_what_cannot_be_measured():
    check = one(recorded((20, 20)))
    assert check.transfer is None
    assert "tiles" in check.unmeasured
    assert str(check).startswith("Noise of unknown strength")
    json.dumps(check.to_json())


@pytest.mark.parametrize("shape", [(1, 9), (3, 3), (17, 40), (2, 5, 6)])
def test_tiny_images_are_measured_as_far_as_they_go(shape):
    json.dumps(one(np.random.default_rng(0).normal(size=shape)).to_json())


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ImageError, match="constant"):
        measure(Image(np.full((32, 32), 5.0)))
    with pytest.raises(ImageError, match="NaN"):
        measure(Image(np.where(np.eye(32), np.nan, 1.0)))


def test_the_grid_of_jpeg_is_seen_wherever_it_begins():
    counts = np.clip(light() + np.random.default_rng(0).normal(20, 6, (256, 256)), 0, 255)
    grey = counts.astype(np.uint8)
    assert not block_grid(grey)
    for quality in (50, 80):
        file = io.BytesIO()
        Picture.fromarray(grey).save(file, "JPEG", quality=quality)
        compressed = np.asarray(Picture.open(file))
        assert block_grid(compressed)
        assert block_grid(compressed[3:, 5:])


def test_rescaled_grey_levels_are_found():
    counts = recorded()
    assert grey_step(counts) == 1
    assert grey_step(4 * counts) == 4
    assert grey_step(counts.astype(np.float32)) == 1
    assert grey_step((counts / 255).astype(np.float32)) == pytest.approx(1 / 255, rel=1e-3)
    assert grey_step(counts + np.random.default_rng(0).normal(0, 1, counts.shape)) == 0


def test_gaps_of_a_stretched_histogram_are_found():
    grey = np.clip(light() + np.random.default_rng(0).normal(60, 9, (256, 256)), 0, 255)
    grey = grey.astype(np.uint8)
    assert missing_levels(grey, 1.0) == 0
    stretched = np.rint(np.clip(grey * 1.6, 0, 255)).astype(np.uint8)
    assert missing_levels(stretched, 1.0) > 0.2


def names(advice, *, fits):
    return [each.method for each in advice if each.fits is fits]


def advice_for(data):
    image = Image(data)
    return advise(measure(image), image, METHODS)


def test_advice_follows_from_what_methods_declare():
    white = names(advice_for(recorded()), fits=True)
    gains = [methods.get(name).psnr_gain or 0 for name in white]
    assert gains == sorted(gains, reverse=True)
    stripes = names(advice_for(striped(1)), fits=True)
    handled = [methods.get(name).handles_correlation for name in stripes]
    assert handled == sorted(handled, key=["one axis", "any"].index)
    both = names(advice_for(blurred()), fits=True)
    for method in METHODS:
        if method.name in white and method.assumes_white_noise:
            assert (method.name in stripes) == (method.handles_correlation != "none")
            assert method.name in both
    assert {each.method for each in advice_for(recorded())} == set(methods.METHODS)


class Stranger(type(methods.get("gaussian"))):
    """A method nobody knows."""

    psnr_gain = 99.0


def test_a_new_method_is_advised_by_its_declaration():
    image = Image(blurred())
    first, *_ = advise(measure(image), image, [*METHODS, Stranger()])
    assert first.reason.startswith("Removes noise that is correlated along x and y.")


def test_the_best_that_does_not_learn_stands_beside_a_first_that_does():
    found = check_noise(recorded(shape=(512, 512)))
    first, quick = found.advice[0], found.at_once
    assert first.learns
    assert quick.fits
    assert not quick.learns
    better = found.advice[: found.advice.index(quick)]
    assert all(each.learns for each in better)
    alone = Diagnosis(found.checks, (quick,))
    assert alone.at_once is None


def test_gains_are_those_that_were_measured():
    rows = Path(__file__).parents[2] / "benchmarks" / "results" / "rows.jsonl"
    found = {}
    for row in map(json.loads, rows.read_text(encoding="utf-8").splitlines()):
        automatic = set(row.get("preparation", {}).values()) == {"auto"}
        if not row["settings"] and (automatic or row["method"] == "noisy"):
            found.setdefault(row["method"], {})[row["image"]] = row["psnr"]
    noisy = found["noisy"]
    declared = [method for method in METHODS if method.psnr_gain is not None]
    assert declared
    for method in declared:
        scores = found[method.name]
        assert set(noisy) <= set(scores)
        gain = np.mean([scores[image] - noisy[image] for image in noisy])
        assert method.psnr_gain == pytest.approx(gain, abs=0.1)


def test_python_takes_files_arrays_and_regions():
    sample = make_sample("cells", shape=(128, 160)).noisy
    found = check_noise(sample, region={"Y": (0, 64), "X": (10, 150)})
    assert "fits" in str(found)
    assert set(found.to_json()) == {"checks", "advice"}
    json.dumps(found.to_json())
    part = check_noise(sample.read()[:64, 10:150])
    assert part.checks[0].transfer.gain == found.checks[0].transfer.gain
    with pytest.raises(UsageError, match="no axis"):
        check_noise(sample, region={"Z": (0, 3)})
    with pytest.raises(UsageError, match="0:128"):
        check_noise(sample, region={"Y": (0, 900)})


@pytest.mark.skipif(not FMD.exists(), reason="the data beside the project are not here")
@pytest.mark.parametrize("name", ["Confocal_BPAE_G_1", "Confocal_FISH_2", "WideField_BPAE_R_4"])
def test_real_fluorescence(name):
    image = read_image(FMD / f"{name}.png")
    (check,) = measure(image)
    assert (check.correlated == "xy") == name.startswith("WideField")
    assert advise([check], image, METHODS)[0].fits


def test_of_a_lazy_stack_only_the_middle_is_read():
    read = []

    class Watched:
        shape, dtype = (40, 3000, 3000), np.dtype(np.uint16)

        def __getitem__(self, key):
            part = np.broadcast_to(np.uint8(0), self.shape)[key].shape
            read.append(int(np.prod(part)))
            return np.random.default_rng(0).poisson(100, part).astype(np.uint16)

    check_noise(Image(Watched(), "TYX"))
    assert 0 < sum(read) <= 2048**2
