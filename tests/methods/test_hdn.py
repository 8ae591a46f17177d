"""What makes HDN what it is: samples under a given model of the noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Metrics, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.normalization import Normalization
from napari_selfdenoise.data.planes import channel_planes
from napari_selfdenoise.engine import model as files
from napari_selfdenoise.engine import runs
from napari_selfdenoise.engine.device import Compute, Float32Outputs
from napari_selfdenoise.engine.noise_fit import MIXTURES, fit_noise
from napari_selfdenoise.methods import get
from napari_selfdenoise.methods.hdn import HdnConfig
from napari_selfdenoise.nn.ladder_vae import LadderVAE
from napari_selfdenoise.nn.noise_mixture import NoiseMixture
from tests.running import SAMPLING, denoise, noisy, tiny

HDN = get("hdn")
GAIN, READ_NOISE, OFFSET = 4.0, 6.0, 100.0
SMALL = HdnConfig(
    steps=150, batch_size=2, patch_size=32, features=8, levels=3, noise_model="measured"
)


def photographed(shape=(128, 128), seed=0, read_noise=READ_NOISE):
    """Return a clean image and a noisy one of a camera."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    photons = 30 + 28 * np.sin(rows / 9) * np.cos(columns / 11)
    clean = OFFSET + GAIN * photons
    read = rng.normal(0, read_noise, shape)
    return clean, (OFFSET + GAIN * rng.poisson(photons) + read).astype(np.float32)


def notes(result):
    return " ".join(result.provenance.notes)


@pytest.mark.parametrize("noise_model", ["measured", "bootstrap"])
def test_the_mean_of_samples_is_better_than_the_noisy_image(noise_model):
    clean, image = photographed()
    result = denoise("hdn", image, replace(SMALL, noise_model=noise_model))
    denoised, sample = result["denoised"].data, result["samples"].data[0]
    error = np.square(image - clean).mean()
    assert np.square(denoised - clean).mean() < 0.3 * error
    assert np.square(denoised - clean).mean() < np.square(sample - clean).mean() < error


def test_the_evidence_grows():
    events = []
    image = Image(photographed()[1])
    finish(HDN.denoise(image, SMALL, Context(sampling=SAMPLING)), events.append)
    bounds = [
        event.values["validation/elbo"]
        for event in events
        if isinstance(event, Metrics) and "validation/elbo" in event.values
    ]
    assert len(bounds) > 5

    assert bounds[-1] < bounds[0] - 0.1


@pytest.mark.parametrize("how", MIXTURES)
def test_the_noise_of_the_camera_is_found(how):
    _, image = photographed((256, 256))
    planes = channel_planes(Image(image))
    normalization = Normalization.fit(planes, "standard")
    noise = NoiseMixture(1, *MIXTURES[how])
    list(fit_noise(noise, how, planes, normalization, Context()))
    signals = torch.tensor(normalization.apply(np.array([[[150.0, 220.0, 290.0]]], np.float32)))
    mixture = noise.given(signals)
    weights = mixture.logits.softmax(2)
    spread = mixture.stds.square() + (mixture.means - signals.unsqueeze(2)).square()
    variances = (weights * spread).sum(2)[0, 0].numpy() * normalization.scale[0] ** 2
    expected = GAIN * (np.array([150.0, 220.0, 290.0]) - OFFSET) + READ_NOISE**2
    np.testing.assert_allclose(variances, expected, rtol=0.25)


def test_a_channel_has_noise_of_its_own():
    _, image = photographed()
    stack = Image(np.stack([image, 10 * image]), "CYX")
    model = finish(runs.train(HDN, [stack], replace(SMALL, steps=2), Context()))
    first, second = (member.network.noise.variances for member in model.members)
    torch.testing.assert_close(first, second, rtol=0.02, atol=1e-4)  # normalised
    assert any("gain" in note for note in model.provenance.notes)


def test_images_too_small_to_measure_learn_their_noise():
    result = denoise("hdn", noisy((20, 30)))
    assert result.model.config.noise_model == "bootstrap"
    assert "noise_model=bootstrap" in notes(result)
    large = denoise("hdn", photographed(read_noise=3 * GAIN)[1])
    assert large.model.config.noise_model == "measured"


def test_noise_of_single_photons_is_not_taken_for_normal():
    result = denoise("hdn", photographed(read_noise=GAIN / 4)[1])
    assert result.model.config.noise_model == "photons"
    assert "more than the read noise" in notes(result)


def test_channels_with_and_without_photons_can_be_of_one_image():
    rng = np.random.default_rng(0)
    few = photographed(read_noise=GAIN / 4)[1]
    even = 100 + rng.normal(0, 3, few.shape)
    stack = Image(np.stack([few, even]).astype(np.float32), "CYX")
    model = finish(
        runs.train(HDN, [stack], replace(SMALL, steps=2, noise_model="auto"), Context())
    )
    assert model.config.noise_model == "photons"
    assert len(model.members) == 2


def test_dark_pixels_of_few_photons_are_mostly_empty():
    """Their noise is no normal distribution, but narrow, with rare bright values."""
    rng = np.random.default_rng(0)
    light = 3 * np.square(np.sin(np.mgrid[:256, :256][0] / 40))
    image = OFFSET + GAIN * rng.poisson(light) + rng.normal(0, GAIN / 10, light.shape)
    planes = channel_planes(Image(image.astype(np.float32)))
    normalization = Normalization.fit(planes, "standard")
    likelihoods = {}
    for how in ("measured", "photons"):
        noise = NoiseMixture(1, *MIXTURES[how])
        list(fit_noise(noise, how, planes, normalization, Context()))
        noisy, clean = (
            torch.from_numpy(normalization.apply(each[None].astype(np.float32)))[None]
            for each in (image, OFFSET + GAIN * light)
        )
        likelihoods[how] = float(noise.log_density(noisy, clean).mean())
    assert likelihoods["photons"] > likelihoods["measured"] + 0.1


def test_the_noise_is_saved_with_the_model_and_not_trained(tmp_path):
    _, image = photographed()
    result = denoise("hdn", image, replace(SMALL, steps=3))
    noise = result.model.members[0].network.noise
    planes = channel_planes(Image(image))
    measured = NoiseMixture(1)
    normalization = Normalization.fit(planes, "standard")
    list(fit_noise(measured, "measured", planes, normalization, Context()))
    loaded = files.load(files.save(result.model, tmp_path / "model"), get)
    for name, values in measured.named_buffers():
        torch.testing.assert_close(getattr(noise, name), values)
        torch.testing.assert_close(getattr(loaded.members[0].network.noise, name), values)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("noise_model", ["measured", "bootstrap"])
def test_gradients_are_finite_in_bfloat16(channels, noise_model):
    config = replace(SMALL, noise_model=noise_model, ignored_levels="1")
    network = HDN.network(config, channels).to(memory_format=torch.channels_last)
    for channel in range(channels):
        network.noise.set_line(channel, 1e-4, 0.3, -0.5, 2.0)
    image = torch.randn(2, channels, 32, 32).contiguous(memory_format=torch.channels_last)
    draws = network.encoder.draws(2, (32, 32), torch.Generator().manual_seed(0))
    compute = Compute(torch.device("cpu"), torch.bfloat16)
    losses = HDN.evidence(Float32Outputs(network, compute), image, draws)
    sum(losses.values()).backward()
    learned = [each.grad for each in network.parameters() if each.grad is not None]
    assert learned
    assert all(gradient.isfinite().all() for gradient in learned)


def test_ignored_levels_learn_nothing_of_the_image():
    """What the finest levels draw is the same whatever the image is, and costs nothing."""
    network = LadderVAE(1, 8, [True] * 3, (32, 32), ignored=2).eval()
    draws = network.draws(1, (32, 32), torch.Generator().manual_seed(0))
    image = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        _, divergences = network(image, draws)
        assert divergences[0, 0] > 0
        torch.testing.assert_close(divergences[0, 1:], torch.zeros(2))
        encoding = network.encode(image)
        code = network.sample(encoding, draws)
        for prepared in encoding.prepared[1:]:
            prepared.normal_()
        torch.testing.assert_close(network.sample(encoding, draws), code)
    with pytest.raises(ValueError, match="at most 2 can be ignored, not 3"):
        LadderVAE(1, 8, [True] * 3, (32, 32), ignored=3)


def test_levels_are_ignored_where_the_noise_is_correlated():
    rng = np.random.default_rng(0)
    white = rng.normal(0, 20, (128, 128))
    for noise, ignored in [(white, "0"), (4 * gaussian_filter(white, (0, 1.5)), "2")]:
        image = (300 + noise).astype(np.float32)
        result = denoise("hdn", image, replace(tiny("hdn"), steps=2))
        assert result.model.config.ignored_levels == ignored
        assert (f"ignored_levels={ignored}" in notes(result)) == (ignored != "0")


def test_more_levels_than_there_are_cannot_be_ignored():
    config = replace(tiny("hdn"), levels=2, ignored_levels="3", steps=2)
    result = denoise("hdn", noisy(), config)
    assert result.model.config.ignored_levels == "1"
    assert "at most 1 can be ignored" in notes(result)


def test_generated_noise_is_that_of_the_model():
    _, image = photographed()
    sampling = replace(SAMPLING, generated_noise=True)
    result = denoise("hdn", image, replace(SMALL, steps=3), sampling=sampling)
    made = result["generated_noise"].data - result["samples"].data[0]
    expected = GAIN * (image.mean() - OFFSET) + READ_NOISE**2
    assert made.var() == pytest.approx(expected, rel=0.3)
