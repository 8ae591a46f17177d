"""Small random weights under the names of the published code, and what they give.

Run as a script, it writes the fixtures of `test_published.py` with the networks as they are:
only after these agree with the reference's own golden data.
"""

import math
from pathlib import Path

import numpy as np
import torch

from napari_selfdenoise.nn.published import autoregressive_decoder, ladder_vae, signal_decoder

DATA = Path(__file__).parent / "data"

CASES = {
    "x": {"direction": "x", "halves": (False, True, True), "size": (16, 20)},
    "y_odd": {"direction": "y", "halves": (True, True), "size": (13, 15), "channels": 3},
    "z": {"direction": "z", "halves": (True, False), "size": (6, 4, 4)},
    "none": {"direction": "none", "halves": (True,), "size": (8, 8), "components": 2},
}
FEATURES, FILTERS = 4, 6


def convolution(name, inputs, outputs, *kernel):
    return {f"{name}.weight": (outputs, inputs, *kernel), f"{name}.bias": (outputs,)}


def block(name, dimensions, *, gated=True):
    shapes = {}
    for norm, next_one in ((0, 2), (3, 5)):
        for kind in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.block.{norm}.{kind}"] = (FEATURES,)
        three = (3,) * dimensions
        shapes |= convolution(f"{name}.block.{next_one}.conv", FEATURES, FEATURES, *three)
    if gated:
        one = (1,) * dimensions
        shapes |= convolution(f"{name}.block.6.conv.conv", FEATURES, 2 * FEATURES, *one)
    return shapes


def vae(channels, halves, dimensions):
    one, three, five = ((side,) * dimensions for side in (1, 3, 5))
    shapes = convolution("first_bottom_up.0.conv", channels, FEATURES, *five)
    shapes |= block("first_bottom_up.2.res_block", dimensions, gated=False)
    shapes |= convolution("final_top_down.conv", FEATURES, FEATURES, *one)
    for level, halving in enumerate(halves):
        up, down = f"bottom_up_layers.{level}.bu_blocks.0", f"top_down_layers.{level}"
        end, latents = f"{down}.deterministic_blocks.0", f"{down}.stochastic"
        shapes |= block(f"{up}.res_block", dimensions) | block(f"{end}.res_block", dimensions)
        if halving:
            shapes |= convolution(f"{up}.pre_conv.conv", FEATURES, FEATURES, *three)
            shapes |= convolution(f"{end}.pre_conv.1.conv", FEATURES, FEATURES, *one)
        shapes |= convolution(f"{latents}.conv_in_q.conv", FEATURES, FEATURES, *three)
        shapes |= convolution(f"{latents}.conv_out.conv", FEATURES // 2, FEATURES, *three)
        if level == len(halves) - 1:
            shapes[f"{down}.top_prior_params"] = (1, FEATURES, *(2,) * dimensions)
            continue
        shapes |= convolution(f"{latents}.conv_in_p.conv", FEATURES, FEATURES, *three)
        for merge in (f"{down}.merge", f"{down}.skip_connection_merger"):
            shapes |= convolution(f"{merge}.layer.0.conv", 2 * FEATURES, FEATURES, *one)
            shapes |= block(f"{merge}.layer.1", dimensions)
    return shapes


def direct_denoiser(channels, halves, dimensions):
    one, three, five = ((side,) * dimensions for side in (1, 3, 5))
    shapes = convolution("first_bottom_up.0.conv", channels, FEATURES, *five)
    shapes |= block("first_bottom_up.2.res_block", dimensions, gated=False)
    shapes |= convolution("final_top_down.conv", FEATURES, channels, *one)
    for level, halving in enumerate(halves):
        up, down = f"bottom_up_layers.{level}.bu_blocks.0", f"top_down_layers.{level}"
        shapes |= block(f"{up}.res_block", dimensions)
        shapes |= block(f"{down}.blocks.0.res_block", dimensions)
        if halving:
            shapes |= convolution(f"{up}.pre_conv.conv", FEATURES, FEATURES, *three)
            shapes |= convolution(f"{down}.blocks.0.pre_conv.1.conv", FEATURES, FEATURES, *one)
        if level < len(halves) - 1:
            for merge in (f"{down}.merge", f"{down}.skip_connection_merger"):
                shapes |= convolution(f"{merge}.layer.0.conv", 2 * FEATURES, FEATURES, *one)
                shapes |= block(f"{merge}.layer.1", dimensions)
    return shapes


def decoder(channels, direction, components, dimensions, filters=FILTERS):
    one = (1,) * dimensions
    along = (*one[1:], 1 if direction == "none" else 5)
    group = filters // channels
    shapes = convolution("out_conv.conv", group, 3 * components * channels, *one)
    for number in range(8):
        # For y and z, the rotation of the image is the first entry of the list.
        name = f"layers.layers.{number + (direction in 'yz')}"
        inputs = group if number else 1
        shapes |= convolution(f"{name}.in_conv.conv.conv", inputs, filters, *along)
        shapes |= convolution(f"{name}.s_conv.conv", FEATURES, filters, *one)
        shapes |= convolution(f"{name}.out_conv.conv", group, filters, *one)
    return shapes


def signal(channels, dimensions):
    three = (3,) * dimensions
    shapes = convolution("net.3.conv", FEATURES, channels, *three)
    for number in range(3):
        shapes |= convolution(f"net.{number}.0.conv", FEATURES, FEATURES, *three)
    return shapes


def shapes_of(direction, halves, size, channels=1, components=3):
    """Return the shapes of all weights of a case."""
    parts = {
        "vae.": vae(channels, halves, len(size)),
        "ar_decoder.": decoder(channels, direction, components, len(size)),
        "s_decoder.": signal(channels, len(size)),
    }
    return {
        prefix + name: shape for prefix, part in parts.items() for name, shape in part.items()
    }


def drawn(shapes, generator):
    """Draw weights that keep the size of what passes through; exact in half precision."""
    weights = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        if name.endswith("running_var"):
            values = 0.5 + values.abs()
        elif len(shape) > 1 and "prior" not in name:
            values *= math.sqrt(2 / math.prod(shape[1:]))
        else:
            values *= 0.2
        weights[name] = values.half().float()
    return weights


def networks(weights, direction):
    """Return the three networks of weights under the published names with prefixes."""
    parts = [
        {name.removeprefix(prefix): value for name, value in weights.items() if prefix in name}
        for prefix in ("vae.", "ar_decoder.", "s_decoder.")
    ]
    return (
        ladder_vae(parts[0], padding="zero").eval(),
        autoregressive_decoder(parts[1], direction).eval(),
        signal_decoder(parts[2]).eval(),
    )


@torch.no_grad()
def outputs(networks, image, draws):
    """Return what the golden data hold, of our networks, in the published order of channels."""
    encoder, noise, clean = networks
    code, divergences = encoder(image, draws)
    parameters = noise(image, code).unflatten(1, (image.shape[1], 3, -1))
    return {
        "s_code": code,
        "mixture_params": parameters.transpose(2, 3).flatten(1, 3),
        "nll_mean": -noise.log_likelihood(image, code).mean(),
        "kl_sum": divergences.sum(),
        "signal": clean(code),
    }


def make(case, seed):
    """Return the arrays of a fixture: weights in one row, input, draws and outputs."""
    generator = torch.Generator().manual_seed(seed)
    weights = drawn(shapes_of(**case), generator)
    found = networks(weights, case["direction"])
    image = torch.randn(1, case.get("channels", 1), *case["size"], generator=generator).half()
    draws = [draw.half() for draw in found[0].draws(1, case["size"], generator)]
    arrays = {"weights": torch.cat([value.flatten() for value in weights.values()]).half()}
    arrays |= {f"eps/{number}": draw for number, draw in enumerate(draws)} | {"x": image}
    arrays |= outputs(found, image.float(), [draw.float() for draw in draws])
    assert all(v.std() > 0.03 for v in arrays.values() if v.ndim), "a dead case tests nothing"
    return {name: value.numpy() for name, value in arrays.items()}


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for seed, (name, case) in enumerate(CASES.items()):
        np.savez_compressed(DATA / f"published_{name}.npz", **make(case, seed))
