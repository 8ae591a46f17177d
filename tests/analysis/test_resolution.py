import numpy as np
import pytest

from napari_selfdenoise.analysis.resolution import resolution
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.image import Image

SIDE = 192


def passed_by(cutoff, noise=0.1, seed=0, shape=(SIDE, SIDE)):
    """Points seen by an instrument that passes frequencies below `cutoff` alone."""
    rng = np.random.default_rng(seed)
    points = (rng.random(shape) < 0.006) * rng.uniform(500, 2000, shape)
    rows, columns = (np.fft.fftfreq(side) * 2 for side in shape)
    passed = np.hypot(rows[:, None], columns) < cutoff
    image = np.fft.ifft2(np.fft.fft2(points) * passed).real
    return 100 + image + rng.normal(0, noise * image.std(), shape)


@pytest.mark.parametrize("cutoff", [0.2, 0.35, 0.5, 0.7])
@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_a_known_cutoff_is_found(cutoff, noise):
    (found,) = resolution(Image(passed_by(cutoff, noise)))
    assert found.cutoff == pytest.approx(cutoff, rel=0.08)
    assert found.value == pytest.approx(2 / found.cutoff)


@pytest.mark.parametrize("shape", [(128, 256), (201, 160)])
def test_planes_need_not_be_square(shape):
    (found,) = resolution(Image(passed_by(0.4, shape=shape)))
    assert found.cutoff == pytest.approx(0.4, rel=0.08)


def test_it_is_in_the_units_of_the_image():
    plane = passed_by(0.4)
    (pixels,) = resolution(Image(plane))
    (micrometres,) = resolution(
        Image(plane, "YX", scale=(0.1, 0.1), units=("micrometer", "micrometer"))
    )
    assert pixels.unit == "pixel"
    assert micrometres.value == pytest.approx(0.1 * pixels.value)
    assert str(micrometres) == f"The resolution is {micrometres.value:.3g} micrometer."


def test_gain_and_offset_do_not_matter():
    plane = passed_by(0.4)
    (one,), (other,) = resolution(Image(plane)), resolution(Image(1000 + 7 * plane))
    assert one.cutoff == pytest.approx(other.cutoff)


def test_noise_alone_has_no_resolution():
    (found,) = resolution(Image(np.random.default_rng(0).normal(0, 1, (SIDE, SIDE))))
    assert found.value == float("inf")
    assert "no resolution to tell" in str(found)


def test_less_noise_has_more_contrast():
    contrasts = [resolution(Image(passed_by(0.4, s)))[0].contrast for s in (0.02, 0.3, 1.0)]
    assert contrasts == sorted(contrasts, reverse=True)


def test_every_channel_has_its_own():
    image = Image(np.stack([passed_by(0.25), passed_by(0.6)]), "CYX")
    coarse, fine = resolution(image)
    assert coarse.cutoff == pytest.approx(0.25, rel=0.08)
    assert fine.cutoff == pytest.approx(0.6, rel=0.08)


def test_bad_images_get_a_sentence():
    plane = passed_by(0.4)
    with pytest.raises(ImageError, match="resolution is told of square pixels"):
        resolution(Image(plane, "YX", scale=(1, 2)))
    with pytest.raises(ImageError, match="planes of 50 x 192 pixels"):
        resolution(Image(plane[:50]))
    plane[0, 0] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        resolution(Image(plane))
