"""The noise model: what each pixel may depend on, and sampling column by column."""

import pytest
import torch

from napari_selfdenoise.nn.autoregressive import AutoregressiveDecoder
from napari_selfdenoise.nn.mixture import SCALE_FLOOR, GaussianMixture

KINDS = [
    (1, "x", (6, 50)),
    (1, "y", (50, 6)),
    (3, "x", (5, 9)),
    (2, "y", (9, 5)),
    (1, "z", (9, 3, 4)),
    (2, "x", (3, 4, 9)),
    (3, "none", (5, 6)),
]


def decoder(channels, direction, size, **settings):
    return AutoregressiveDecoder(channels, 6, direction, dimensions=len(size), **settings)


def sampled_anew(network, code, draws):
    """Sample with a pass through everything so far for each column."""
    image = torch.zeros_like(draws[0])
    for place in range(code.shape[network.axis]):
        parameters = network(image, code)
        values = GaussianMixture.of(parameters, network.channels).at(*draws)
        image.select(network.axis, place).copy_(values.select(network.axis, place))
    return image


@pytest.mark.parametrize(("channels", "direction", "size"), KINDS)
@torch.no_grad()
def test_cached_sampling_equals_passes_through_everything(channels, direction, size):
    network = decoder(channels, direction, size)
    code = torch.randn(2, 6, *size)
    draws = network.draws(2, size, torch.Generator().manual_seed(3))
    sample = network.sample(code, draws)
    torch.testing.assert_close(sample, sampled_anew(network, code, draws), atol=1e-5, rtol=1e-5)
    assert sample.std() > 0.1


def dependence(network, image, code, place):
    """Return which values of image and code the mixtures at a place depend on."""
    image, code = image.double().requires_grad_(), code.double().requires_grad_()
    at = (0, slice(None), *place)
    total = network.double()(image, code)[at].square().sum()
    found = torch.autograd.grad(total, (image, code), materialize_grads=True)
    return tuple(gradient[0].abs().sum(0) > 0 for gradient in found)


@pytest.mark.parametrize("direction", ["x", "y"])
def test_depends_on_the_40_pixels_before_it_on_its_line(direction):
    size = (3, 60) if direction == "x" else (60, 3)
    network = decoder(1, direction, size)
    place = (1, 50) if direction == "x" else (50, 1)
    image, code = dependence(network, torch.randn(1, 1, *size), torch.randn(1, 6, *size), place)
    if direction == "y":
        image, code = image.t(), code.t()
    assert image.nonzero().tolist() == [[1, x] for x in range(10, 50)]
    assert code.nonzero().tolist() == [[1, x] for x in range(14, 51)]


def test_depends_on_nothing_but_the_code_without_direction():
    network = decoder(1, "none", (5, 5))
    image, code = dependence(network, torch.randn(1, 1, 5, 5), torch.randn(1, 6, 5, 5), (2, 2))
    assert not image.any()
    assert code.nonzero().tolist() == [[2, 2]]


def test_z_is_causal_upwards():
    network = decoder(1, "z", (9, 3, 3))
    shape = (9, 3, 3)
    image, _ = dependence(
        network, torch.randn(1, 1, *shape), torch.randn(1, 6, *shape), (5, 1, 1)
    )
    assert image.nonzero().tolist() == [[z, 1, 1] for z in range(5)]


def test_channels_do_not_see_each_other():
    """Colour channels are independent given the code, of which each has its own mixtures."""
    network = decoder(3, "x", (4, 20), components=2)
    assert network.output.in_channels == 66  # 64 filters rounded up to three groups
    image = torch.randn(1, 3, 4, 20, requires_grad=True)
    parameters = network(image, torch.randn(1, 6, 4, 20)).unflatten(1, (3, -1))
    assert parameters.shape == (1, 3, 6, 4, 20)
    parameters[:, 1].square().sum().backward()
    assert [bool(channel.any()) for channel in image.grad[0]] == [False, True, False]


@pytest.mark.parametrize("direction", ["x", "y"])
def test_colours_learn_in_half_precision_as_in_single(direction):
    """Under autocast in bfloat16, channels last: gradients are equal but for rounding."""
    network = decoder(3, direction, (40, 32), filters=4).to(memory_format=torch.channels_last)
    image, code = torch.randn(2, 3, 40, 32), torch.randn(2, 6, 40, 32)
    gradients = []
    for half in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            parameters = network(
                *(each.contiguous(memory_format=torch.channels_last) for each in (image, code))
            )
        (-GaussianMixture.of(parameters, 3).log_density(image)).mean().backward()
        gradients.append(torch.cat([w.grad.flatten() for w in network.parameters()]))
    single, rounded = gradients
    assert rounded.isfinite().all()
    assert (rounded - single).norm() < 0.05 * single.norm()


def test_directions_are_turned_versions_of_each_other():
    across, down = decoder(1, "x", (7, 8)), decoder(1, "y", (7, 8))
    down.load_state_dict(
        {n: v.mT if v.ndim == 4 else v for n, v in across.state_dict().items()}
    )
    image, code = torch.randn(1, 1, 7, 8), torch.randn(1, 6, 7, 8)
    expected = across.log_likelihood(image, code)
    torch.testing.assert_close(down.log_likelihood(image.mT, code.mT).mT, expected)


@pytest.mark.parametrize(("direction", "dimensions"), [("z", 2), ("diagonal", 3)])
def test_unknown_directions_are_refused(direction, dimensions):
    with pytest.raises(ValueError, match=f"not '{direction}'"):
        AutoregressiveDecoder(1, 6, direction, dimensions=dimensions)


def test_densities_are_those_of_torch():
    parameters = torch.randn(2, 12, 5)
    image = torch.randn(2, 1, 5)
    ours = GaussianMixture.of(parameters, 1)
    normal = torch.distributions
    mixture = normal.MixtureSameFamily(
        normal.Categorical(logits=parameters[:, :4].mT),
        normal.Normal(
            parameters[:, 4:8].mT, torch.nn.functional.softplus(parameters[:, 8:].mT)
        ),
    )
    torch.testing.assert_close(ours.log_density(image)[:, 0], mixture.log_prob(image[:, 0]))


def test_draws_follow_the_mixture():
    """Of many draws, mean and deviation are those of the mixture."""
    count = 100_000
    logits, means = torch.tensor([0.0, 1.0, -50.0]), torch.tensor([-2.0, 1.0, 99.0])
    stds = torch.tensor([0.5, 1.5, 1.0])
    mixture = GaussianMixture(*(v.view(1, 1, 3, 1) for v in (logits, means, stds)))
    mixture = GaussianMixture(
        *(v.expand(1, 1, 3, count) for v in (mixture.logits, mixture.means, mixture.stds))
    )
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(1, 1, count, generator=generator)
    values = mixture.at(uniform, torch.randn(1, 1, count, generator=generator))
    weights = logits.softmax(0)
    mean = (weights * means).sum()
    variance = (weights * (stds**2 + means**2)).sum() - mean**2
    assert values.mean() == pytest.approx(mean.item(), abs=0.03)
    assert values.var() == pytest.approx(variance.item(), rel=0.02)


def test_deviations_have_a_floor():
    """Without one, training in bfloat16 divides by zero."""
    parameters = torch.full((1, 9, 4), -200.0).bfloat16().requires_grad_()
    mixture = GaussianMixture.of(parameters, 1)
    assert (mixture.stds == SCALE_FLOOR).all()
    likelihood = mixture.log_density(torch.zeros(1, 1, 4))
    likelihood.sum().backward()
    assert likelihood.isfinite().all()
    assert parameters.grad.isfinite().all()


@pytest.mark.parametrize("direction", ["x", "none"])
def test_learns_noise_along_lines(direction):
    """Only a model along x finds that each pixel is nearly the one before it."""
    generator = torch.Generator().manual_seed(1)
    steps = torch.randn(8, 1, 16, 32, generator=generator)
    image = torch.zeros_like(steps)
    for place in range(32):
        before = image[..., place - 1] if place else 0
        image[..., place] = 0.9 * before + (1 - 0.9**2) ** 0.5 * steps[..., place]
    network = decoder(1, direction, (16, 32), filters=16)
    optimiser = torch.optim.Adamax(network.parameters(), 1e-2)
    code = torch.zeros(8, 6, 16, 32)
    for _ in range(60):
        optimiser.zero_grad()
        loss = -network.log_likelihood(image, code).mean()
        loss.backward()
        optimiser.step()
    if direction == "x":
        assert loss < 0.75  # the entropy is 0.59 nats per pixel
        drawn = network.sample(code, network.draws(8, (16, 32), generator))
        along = (drawn[..., 1:] * drawn[..., :-1]).mean() / drawn.square().mean()
        across = (drawn[:, :, 1:] * drawn[:, :, :-1]).mean() / drawn.square().mean()
        assert along == pytest.approx(0.9, abs=0.08)
        assert abs(across) < 0.1
    else:
        assert loss > 1.3  # as independent pixels, 1.42
