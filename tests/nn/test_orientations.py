"""A network that sees an image in all its orientations."""

import torch
from torch import nn

from napari_selfdenoise.nn.orientations import Orientations


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1)
    )


def test_a_turned_image_gives_the_turned_result():
    oriented = Orientations(network()).eval()
    image = torch.rand(3, 2, 12, 8)
    for turn in (
        lambda each: torch.rot90(each, 1, (2, 3)),
        lambda each: torch.rot90(each, 2, (2, 3)),
        lambda each: each.flip(2),
        lambda each: each.transpose(2, 3),
    ):
        torch.testing.assert_close(oriented(turn(image)), turn(oriented(image)))


def test_it_is_the_mean_of_the_eight():
    single = network()
    image = torch.rand(1, 2, 6, 6)
    turned = [
        torch.rot90(each, quarters, (2, 3))
        for each in (image, image.flip(3))
        for quarters in range(4)
    ]
    outputs = [single(each) for each in turned]
    back = [torch.rot90(each, -at, (2, 3)) for at, each in enumerate(outputs[:4])]
    back += [torch.rot90(each, -at, (2, 3)).flip(3) for at, each in enumerate(outputs[4:])]
    expected = torch.stack(back).mean(0)
    torch.testing.assert_close(Orientations(single).eval()(image), expected)


def test_while_training_it_is_the_network_itself():
    single = network()
    image = torch.rand(1, 2, 6, 6)
    torch.testing.assert_close(Orientations(single).train()(image), single(image))
