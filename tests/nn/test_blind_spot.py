"""Blind spots: what is hidden reaches nothing, and what is predicted is spread evenly."""

import pytest
import torch
from torch import nn

from napari_selfdenoise.nn.blind_spot import (
    LEAST_RADIUS,
    LatticePrediction,
    RevisiblePrediction,
    hidden_pixels,
    interpolated,
    lattice_spots,
    line,
    replaced,
    scattered_spots,
)
from napari_selfdenoise.nn.unet import UNet

SHARES = 0.002, 0.02, 0.1
LINES = [("none", 5), ("horizontal", 1), ("horizontal", 5), ("vertical", 4), ("vertical", 12)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(shape=(2, 1, 40, 48)):
    """A batch in which every pixel has a value of its own."""
    return torch.arange(float(torch.tensor(shape).prod())).reshape(shape)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("axis", "extent"), LINES)
def test_no_hidden_value_is_left_anywhere(axis, extent, share):
    """Neither at its place nor as the replacement of another hidden pixel."""
    batch, offsets = numbered((2, 1, 66, 70)), line(axis, extent)
    for seed in range(3):
        spots = scattered_spots(batch, share, generator(seed), offsets)
        hidden = hidden_pixels(batch, spots, offsets)
        seen = replaced(batch, hidden, LEAST_RADIUS, generator(seed))
        assert not torch.isin(seen, batch[hidden[:, None]]).any()
        assert torch.equal(seen[~hidden[:, None]], batch[~hidden[:, None]])


@pytest.mark.parametrize(("axis", "extent"), LINES)
def test_a_spot_is_hidden_with_its_line(axis, extent):
    batch = numbered()
    spots = scattered_spots(batch, 0.004, generator(), line(axis, extent))
    hidden = hidden_pixels(batch, spots, line(axis, extent))
    expected = torch.zeros_like(hidden)
    for image, row, column in zip(spots.image, spots.row, spots.column, strict=True):
        rows = cols = 0
        if axis == "vertical":
            rows = extent
        elif axis == "horizontal":
            cols = extent
        expected[
            image,
            max(row - rows, 0) : row + rows + 1,
            max(column - cols, 0) : column + cols + 1,
        ] = True
    assert torch.equal(hidden, expected)


@pytest.mark.parametrize("share", SHARES)
def test_as_many_spots_as_asked_for_at_all_places_alike(share):
    batch, counts = torch.zeros(50, 1, 44, 52), torch.zeros(44, 52)
    found = 0
    for seed in range(20):
        spots = scattered_spots(batch, share, generator(seed))
        counts.index_put_(
            (spots.row, spots.column), torch.ones(len(spots.row)), accumulate=True
        )
        found += len(spots.row)
    assert found / counts.numel() / 1000 == pytest.approx(share, rel=0.15)
    quarters = [part.sum() for half in counts.chunk(2) for part in half.chunk(2, 1)]
    assert max(quarters) / min(quarters) < 1.15


def test_a_replacement_is_a_neighbour_of_the_spot():
    rows = torch.arange(48.0)[:, None].expand(48, 48)
    places = torch.stack([rows, rows.T])[None]
    spots = scattered_spots(places, 0.02, generator())
    hidden = hidden_pixels(places, spots, line("none", 0))
    moved = spots.of(replaced(places, hidden, 3, generator())) - spots.of(places)
    assert moved.abs().max() == 3
    assert moved.abs().sum(1).min() > 0
    assert len(moved.unique(dim=0)) > 20  # out of 48


def test_the_median_is_that_of_the_neighbours_that_are_shown():
    batch = torch.rand(1, 1, 9, 9, generator=generator())
    hidden = torch.zeros(1, 9, 9, dtype=torch.bool)
    hidden[0, 4, 4] = hidden[0, 4, 5] = True
    around = batch[0, 0, 2:7, 2:7].clone()
    around[2, 2] = around[2, 3] = torch.nan
    seen = replaced(batch, hidden, 2, generator(), median=True)
    assert seen[0, 0, 4, 4] == around.nanmedian()


def test_equal_random_numbers_give_equal_spots_and_values():
    batch = torch.rand(2, 3, 32, 32, generator=generator())
    ends = []
    for seed in (7, 7, 8):
        random = generator(seed)
        spots = scattered_spots(batch, 0.05, random)
        ends.append(replaced(batch, hidden_pixels(batch, spots, [(0, 0)]), 3, random))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_colours_of_a_pixel_are_replaced_together():
    grey = torch.rand(1, 1, 32, 32, generator=generator())
    spots = scattered_spots(grey, 0.05, generator())
    hidden = hidden_pixels(grey, spots, [(0, 0)])
    seen = replaced(grey.expand(1, 3, 32, 32), hidden, 3, generator())
    assert torch.equal(seen[:, 0], seen[:, 2])


@pytest.mark.parametrize("spacing", [2, 4, 5])
def test_lattices_make_up_the_image(spacing):
    batch, counts = torch.zeros(2, 1, 13, 10), torch.zeros(2, 13, 10)
    for phase in range(spacing**2):
        spots = lattice_spots(batch, spacing, phase)
        counts[spots.image, spots.row, spots.column] += 1
    assert (counts == 1).all()


@pytest.mark.parametrize("shape", [(9, 12), (1, 30), (2, 2)])
def test_interpolation_keeps_a_constant_up_to_the_borders_and_no_hidden_value(shape):
    spots = lattice_spots(torch.zeros(1, 1, *shape), 2, 0)
    batch = torch.full((1, 2, *shape), 3.0)
    batch[spots.image, :, spots.row, spots.column] = 1e6
    torch.testing.assert_close(interpolated(batch, spots), torch.full_like(batch, 3.0))


@pytest.mark.parametrize("everywhere", [True, False])
def test_every_pixel_is_predicted_unseen_where_asked_for(everywhere):
    """Also where the image is padded by its mirror, for its size."""
    torch.manual_seed(0)
    network = LatticePrediction(UNet(1, 4, 2), 2, everywhere=everywhere).double()
    image = torch.rand(1, 1, 9, 11, dtype=torch.float64, requires_grad=True)
    out, own = network(image), []
    for row in range(9):
        for column in range(11):
            (slope,) = torch.autograd.grad(out[0, 0, row, column], image, retain_graph=True)
            own.append(float(slope[0, 0, row, column].abs()))
            assert slope.abs().sum() > 0
    assert (max(own) == 0) == everywhere


def test_a_single_pass_is_that_of_the_network():
    network = LatticePrediction(nn.Conv2d(1, 1, 1), 3, everywhere=False)
    image = torch.rand(1, 1, 5, 7)
    assert torch.equal(network(image), network.network(image))


def test_a_revisible_prediction_weighs_what_is_unseen_and_what_is_seen():
    """Without weight of what is seen, no pixel counts for itself; with it, it does."""
    torch.manual_seed(0)
    network, image = UNet(1, 4, 2), torch.rand(1, 1, 21, 18)
    unseen = LatticePrediction(network, 4, everywhere=True)
    seen = LatticePrediction(network, 4, everywhere=False)
    for visible in (0.0, 3.0):
        found = RevisiblePrediction(network, 4, visible)(image)
        expected = (unseen(image) + visible * seen(image)) / (1 + visible)
        torch.testing.assert_close(found, expected)
