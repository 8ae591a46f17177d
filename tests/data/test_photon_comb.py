"""The comb of photon numbers in pixel values."""

import numpy as np
import pytest

from napari_selfdenoise.data.photon_comb import photon_comb
from napari_selfdenoise.data.photon_transfer import photon_transfer
from napari_selfdenoise.data.synthetic import Camera

SIDE = 256


def light(darkest=20, seed=0):
    """Return photons everywhere, with texture as fine as noise: nothing is flat or dark."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(darkest, 80, SIDE)[:, np.newaxis]
    return ramp * rng.uniform(0.94, 1.06, (SIDE, SIDE))


def exposed(gain, offset, read_noise, photons=None):
    camera = Camera(gain, offset, read_noise)
    return camera.expose(light() if photons is None else photons, np.random.default_rng(1))


@pytest.mark.parametrize("kind", [np.uint16, np.float32, "scaled"])
@pytest.mark.parametrize(
    ("gain", "offset", "read_noise"),
    [(5, 100, 1.6), (7.3, 0, 2.5), (1.7, 300, 0.5), (30, 0, 3)],
)
def test_it_tells_gain_and_read_noise_whatever_the_image_shows(gain, offset, read_noise, kind):
    image = exposed(gain, offset, read_noise)
    true = np.hypot(read_noise, np.sqrt(1 / 12))  # with the rounding
    if kind == "scaled":
        image, gain, true = image / 3000, gain / 3000, true / 3000
    else:
        image = image.astype(kind)
    found = photon_comb(image, 1.1 * gain, float(image.min()))
    assert found.gain == pytest.approx(gain, rel=2e-3)
    assert found.read_noise == pytest.approx(true, rel=0.05)
    low, high = found.read_noise_range
    assert low <= found.read_noise <= high < 1.2 * found.read_noise


@pytest.mark.parametrize("gain", [1.82, 2.22])
def test_of_a_wave_and_its_reverse_that_of_the_line_is_taken(gain):
    """Between integers, waves of 1.82 and of 2.22 grey levels look alike."""
    image = exposed(gain, 332, 0.2)
    found = photon_comb(image, 1.04 * gain, float(image.min()))
    assert found.gain == pytest.approx(gain, rel=2e-3)


@pytest.mark.parametrize("read_noise", [0.7, 2.0])
def test_read_noise_of_most_of_a_photon_leaves_none(read_noise):
    for seed in range(20):
        camera, photons = Camera(10, 100, 10 * read_noise), light(seed=seed)
        image = camera.expose(photons, np.random.default_rng(seed))
        assert photon_comb(image, 10.0, float(image.min())) is None


def test_another_comb_is_not_taken_for_that_of_photons():
    """Such as that of values that were stretched; nor is half of a distance for the whole."""
    rng = np.random.default_rng(0)
    smooth = rng.normal(100, 15, (SIDE, SIDE))
    stretched = np.rint(1.7 * np.rint(smooth)).astype(np.uint16)
    assert photon_comb(stretched, 4.0, 60.0) is None
    assert photon_comb(stretched, 1.7, 60.0).gain == pytest.approx(1.7, rel=1e-3)
    image = exposed(8, 0, 0)
    assert photon_comb(image, 4.0, float(image.min())) is None


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize(("gain", "photons"), [(1.0, 80), (5.0, 0.02)])
def test_too_little_to_see_a_comb_is_none(gain, photons, kind):
    """Whole numbers a photon apart, or no more than a few photons."""
    image = exposed(gain, 0, 0, np.full((SIDE, SIDE), photons)).astype(kind)
    assert photon_comb(image, gain, float(image.min())) is None


def test_the_photon_transfer_line_follows_it():
    """On texture that passes for noise, which makes the gain of the line too large."""
    image = exposed(10, 500, 3)
    found = photon_transfer(image)
    assert found.gain == pytest.approx(10, rel=2e-3)
    assert found.read_noise == pytest.approx(3, rel=0.05)
    assert found.offset == pytest.approx(500, abs=0.15 * (image.mean() - 500))
    bright, dark = (photon_transfer(exposed(*camera)) for camera in [(10, 500, 9), (10, 0, 9)])
    assert bright.gain == pytest.approx(dark.gain)
    assert bright.gain > 10.1


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("read_noise", [0, 10])
def test_steps_in_which_values_are_stored_are_not_taken_for_photons(read_noise, dark):
    """As those of a camera of 12 bits in a file of 16."""
    photons = light()
    if dark:
        photons[:, : SIDE // 3] = 0
    image = 8 * (exposed(8.4, 100, read_noise, photons) // 8)
    assert photon_comb(image, 8.4, float(image[:9].mean())).bare
    found = photon_transfer(image)
    assert found.gain == pytest.approx(8.4, rel=0.15)
    if read_noise:
        assert found.gain != pytest.approx(8, rel=1e-3)
    if read_noise and dark:
        assert found.read_noise == pytest.approx(
            np.hypot(read_noise, 8 / np.sqrt(12)), rel=0.15
        )
