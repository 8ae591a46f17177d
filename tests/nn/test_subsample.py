"""Half-size images of neighbouring pixels."""

import torch

from napari_selfdenoise.nn.subsample import NeighbourSampler, neighbour_losses, pair_downsample


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(shape):
    return torch.arange(float(torch.tensor(shape).prod())).view(shape)


def test_both_images_are_adjacent_pixels_of_the_same_block():
    image = numbered((2, 3, 8, 12))
    first, second = NeighbourSampler(image, generator())(image)
    assert first.shape == second.shape == (2, 3, 4, 6)
    for number, half in enumerate((first, second)):
        rows, columns = half % (8 * 12) // 12, half % 12
        blocks = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
        assert (rows // 2 == blocks[0]).all(), number
        assert (columns // 2 == blocks[1]).all(), number
    distance = (first - second).abs()
    assert set(distance.unique().tolist()) == {1, 12}  # beside, or below


def test_all_colours_of_a_pixel_stay_together():
    image = numbered((1, 1, 8, 8)).repeat(1, 3, 1, 1)
    for half in NeighbourSampler(image, generator())(image):
        assert (half[:, 0] == half[:, 1]).all()
        assert (half[:, 0] == half[:, 2]).all()


def test_every_ordered_pair_is_drawn_as_often():
    image = numbered((1, 1, 200, 200))
    first, second = NeighbourSampler(image, generator())(image)
    places = [(half // 200 % 2 * 2 + half % 2).long() for half in (first, second)]
    counts = torch.bincount((places[0] * 4 + places[1]).ravel(), minlength=16)
    drawn = counts[counts > 0]
    assert len(drawn) == 8
    assert (drawn / counts.sum() - 1 / 8).abs().max() < 0.02


def test_independent_noise_stays_independent_and_as_strong():
    noise = torch.randn(1, 1, 400, 400, generator=generator())
    first, second = NeighbourSampler(noise, generator(1))(noise)
    assert abs(float((first * second).mean())) < 0.01
    assert abs(float(first.std()) - 1) < 0.01
    averaged, other = pair_downsample(noise)
    assert abs(float((averaged * other).mean())) < 0.01
    assert abs(float(averaged.std()) - 0.5**0.5) < 0.01


def test_the_loss_is_that_of_the_paper():
    """By hand, for a network that halves."""
    noisy = torch.randn(2, 1, 16, 16, generator=generator())
    losses = neighbour_losses(lambda batch: 0.5 * batch, noisy, generator(3))
    first, second = NeighbourSampler(noisy, generator(3))(noisy)
    torch.testing.assert_close(losses["neighbours"], (0.5 * first - second).square().mean())
    change = 0.5 * first - second - (0.5 * first - 0.5 * second)
    torch.testing.assert_close(losses["consistency"], change.square().mean())
    alone = neighbour_losses(torch.nn.Identity(), noisy, generator(3), consistency=False)
    assert set(alone) == {"neighbours"}
