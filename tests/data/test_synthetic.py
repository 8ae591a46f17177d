import time

import numpy as np
import pytest

from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.core.errors import ImageError, UsageError
from napari_selfdenoise.data.synthetic import SAMPLES, Camera, make_sample


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request):
    return make_sample(request.param)


def correlation(noise, axis):
    """Correlation of neighbours along an axis."""
    noise = noise - noise.mean()
    ahead, behind = np.delete(noise, 0, axis), np.delete(noise, -1, axis)
    return np.mean(ahead * behind) / np.mean(noise**2)


def test_is_what_a_camera_gives(sample):
    noisy, clean = sample.noisy, sample.clean
    assert noisy.dtype == np.uint16
    assert clean.dtype == np.float32
    assert noisy.shape == clean.shape
    assert noisy.axes == clean.axes == "TYX"[-len(noisy.shape) :]
    assert noisy.scale == clean.scale
    assert noisy.units == clean.units
    assert noisy.units[-2:] == ("micrometer", "micrometer")
    assert not noisy.axes_guessed
    # The offset keeps read noise from being cut off at zero.
    assert noisy.read().min() > 0
    assert clean.read().min() > sample.camera.offset


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", SAMPLES)
def test_noise_is_such_that_denoising_matters(name, seed):
    made = make_sample(name, seed=seed)
    assert 20 < psnr(made.noisy.read(), made.clean.read()) < 24


def test_clean_is_the_mean_of_the_noisy(sample):
    noise = sample.noisy.read() - sample.clean.read()
    assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size) + 0.1


def test_noise_grows_with_the_signal_as_gain_and_read_noise_say(sample):
    camera, clean = sample.camera, sample.clean.read().ravel().astype(float)
    squared = (sample.noisy.read().ravel() - clean) ** 2
    photons = (clean - camera.offset) / camera.gain
    expected = camera.gain**2 * photons + camera.read_noise**2 + 1 / 12
    for low, high in [(0, 50), (50, 90), (90, 99)]:
        part = (photons > np.percentile(photons, low)) & (
            photons <= np.percentile(photons, high)
        )
        assert squared[part].mean() == pytest.approx(expected[part].mean(), rel=0.08)


def test_stripes_run_along_the_rows_only():
    for name, along_x in [("cells", 0), ("cells_striped", 0.45)]:
        made = make_sample(name)
        noise = made.noisy.read() - made.clean.read()
        assert correlation(noise, 0) == pytest.approx(0, abs=0.02)
        assert correlation(noise, 1) == pytest.approx(along_x, abs=0.12)


def test_frames_show_cells_that_move():
    clean = make_sample("cells_timelapse", shape=(4, 96, 96)).clean.read()
    flat = clean.reshape(4, -1)
    likeness = np.corrcoef(flat)[0]
    assert (np.diff(likeness) < 0).all()
    assert likeness[1] > 0.7


def test_the_seed_decides_every_pixel(sample):
    name = sample.noisy.name.split()[0]
    shape = tuple(min(side, 64) for side in sample.noisy.shape)
    one, same, other = (make_sample(name, seed=s, shape=shape).noisy.read() for s in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (7, 9), (33, 64)])
def test_any_size_can_be_made(shape):
    made = make_sample("cells", shape=shape)
    assert made.noisy.shape == made.clean.shape == shape


@pytest.mark.parametrize("name", SAMPLES)
def test_takes_less_than_a_second(name):
    start = time.process_time()
    make_sample(name)
    assert time.process_time() - start < 1


def test_camera_counts_stay_within_16_bits():
    photons = np.array([[0.0, 1e6]])
    counts = Camera(gain=4, offset=2, read_noise=5).expose(photons, np.random.default_rng(0))
    assert counts[0, 1] == 65535


def test_unknown_name_gets_the_nearest():
    with pytest.raises(UsageError, match=r"No sample 'cells_stripes'\. Did you mean"):
        make_sample("cells_stripes")


@pytest.mark.parametrize(
    ("name", "shape"), [("cells", (2, 8, 8)), ("cells_timelapse", (8, 0, 8))]
)
def test_a_shape_that_does_not_fit_gets_a_sentence(name, shape):
    with pytest.raises(ImageError, match="cannot have the shape"):
        make_sample(name, shape=shape)
