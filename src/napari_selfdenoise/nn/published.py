"""Networks from the weights of the published code of Salmon and Krull (WACV 2025).

Its checkpoints hold the weights of three or four networks under the prefixes ``vae.``,
``ar_decoder.``, ``s_decoder.`` and ``direct_denoiser.``; `networks` takes them all, the other
functions one network's weights without prefix. The shapes tell the architecture, except for
the direction of the noise, and for the option *scale-initialisation*, with which weights are
not understood here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from napari_selfdenoise.nn.autoregressive import AutoregressiveDecoder, Direction
from napari_selfdenoise.nn.ladder import Padding
from napari_selfdenoise.nn.ladder_unet import LadderUNet
from napari_selfdenoise.nn.ladder_vae import LadderVAE
from napari_selfdenoise.nn.signal_decoder import SignalDecoder

State = Mapping[str, Tensor]
N = TypeVar("N", bound=nn.Module)

_NAMES = (
    ("first_bottom_up.0.conv.", "bottom_up.stem.0."),
    ("first_bottom_up.2.res_block.", "bottom_up.stem.2."),
    ("bottom_up_layers.", "bottom_up.levels."),
    ("bu_blocks.0.pre_conv.conv.", "halve.1."),
    ("bu_blocks.0.res_block.", "block."),
    ("deterministic_blocks.0.", "blocks.0."),  # its name in the U-Net
    ("blocks.0.pre_conv.1.conv.", "down.mix."),
    ("blocks.0.res_block.", "down.block."),
    ("top_prior_params", "prior_parameters"),
    ("stochastic.conv_in_p.conv.", "to_prior.1."),
    ("stochastic.conv_in_q.conv.", "to_posterior.1."),
    ("stochastic.conv_out.conv.", "from_latents.1."),
    ("skip_connection_merger.", "skip."),
    ("layer.0.conv.", "mix."),
    ("layer.1.", "block."),
    ("block.0.", "norm1."),
    ("block.2.conv.", "conv1."),
    ("block.3.", "norm2."),
    ("block.5.conv.", "conv2."),
    ("block.6.conv.conv.", "gate."),
    ("final_top_down.conv.", "to_code."),
)
"""Parts of names in the order in which they are replaced."""

_ALTERNATING = {
    "gate.weight": 0,
    "gate.bias": 0,
    "to_prior.1.weight": 0,
    "to_prior.1.bias": 0,
    "to_posterior.1.weight": 0,
    "to_posterior.1.bias": 0,
    "prior_parameters": 1,
    "merge.mix.weight": 1,
    "skip.mix.weight": 1,
}
"""Ends of names -> the axis on which two kinds of channels alternate in the published code."""


def networks(published: State, direction: Direction) -> dict[str, nn.Module]:
    """Return all networks of a checkpoint, by their names in `SignalAndNoise`.

    They are ``encoder``, ``noise``, ``signal`` and, if there is one, ``direct``.

    Raises
    ------
    RuntimeError, ValueError, LookupError
        If the weights, or the direction, are of other networks.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in published.items():
        prefix, _, rest = name.partition(".")
        parts.setdefault(prefix, {})[rest] = value
    found: dict[str, nn.Module] = {
        "encoder": ladder_vae(parts["vae"]),
        "noise": autoregressive_decoder(parts["ar_decoder"], direction),
        "signal": signal_decoder(parts["s_decoder"]),
    }
    if "direct_denoiser" in parts:
        found["direct"] = ladder_unet(parts["direct_denoiser"])
    return found


def ladder_vae(published: State, *, padding: Padding = "mirror") -> LadderVAE:
    """Return the variational autoencoder of weights whose names began with ``vae.``.

    With `padding` "zero", images of any size are treated as by the published code.
    """
    state, halves = _ladder(published)
    top = state["top.prior_parameters"]
    first = state["bottom_up.stem.0.weight"]
    with torch.device("meta"):
        network = LadderVAE(
            channels=first.shape[1],
            features=first.shape[0],
            halves=halves,
            crop=[side * 2 ** sum(halves) for side in top.shape[2:]],
            latents=top.shape[1] // 2,
            padding=padding,
        )
    return _filled(network, state)


def ladder_unet(published: State, *, padding: Padding = "mirror") -> LadderUNet:
    """Return the one-pass network of weights whose names began with ``direct_denoiser.``.

    With `padding` "zero", images of any size are treated as by the published code.
    """
    state, halves = _ladder(published)
    state = {
        name.replace("to_code.", "output.").replace("top.down.", "top."): value
        for name, value in state.items()
    }
    first = state["bottom_up.stem.0.weight"]
    with torch.device("meta"):
        network = LadderUNet(
            first.shape[1], first.shape[0], halves, first.ndim - 2, padding=padding
        )
    return _filled(network, state)


def autoregressive_decoder(published: State, direction: Direction) -> AutoregressiveDecoder:
    """Return the decoder of weights whose names began with ``ar_decoder.``.

    Raises
    ------
    ValueError
        If the weights are of a decoder with another direction, as far as they tell: x and
        "none" have kernels of different sizes, y and z differ from x in the names.
    """
    prefix = "layers.layers."
    # With directions y and z, the rotation of the image is the first of the layers.
    numbers = sorted({int(name.split(".")[2]) for name in published if name.startswith(prefix)})
    blocks = [f"{prefix}{number}." for number in numbers]
    first = published[blocks[0] + "in_conv.conv.conv.weight"]
    code_features = published[blocks[0] + "s_conv.conv.weight"].shape[1]
    channels = first.shape[0] // published["out_conv.conv.weight"].shape[1]
    parameters = published["out_conv.conv.weight"].shape[0]
    if (first.shape[-1] == 1) != (direction == "none"):
        raise ValueError(
            f"the decoder's kernels have {first.shape[-1]} pixels, which does not fit to "
            f"direction {direction!r}: decoders for correlated noise have 5, others 1"
        )
    if (numbers[0] > 0) != (direction in ("y", "z")):
        raise ValueError(
            f"the decoder {'turns' if numbers[0] else 'does not turn'} images, which does not "
            f"fit to direction {direction!r}: decoders for y and z do, others do not"
        )
    with torch.device("meta"):
        network = AutoregressiveDecoder(
            channels,
            code_features,
            direction,
            components=parameters // (3 * channels),
            filters=first.shape[0],
            dimensions=first.ndim - 2,
        )
    state = {}
    for number, block in enumerate(blocks):
        weight = published[block + "in_conv.conv.conv.weight"]
        bias = published[block + "in_conv.conv.conv.bias"]
        if number == 0:
            weight = weight[..., :-1]  # the last tap is the pixel itself, and masked
        if weight.numel():
            state[f"blocks.{number}.along.weight"] = weight.movedim(-1, network.axis)
            state[f"blocks.{number}.along.bias"] = bias
        for kind in ("weight", "bias"):
            state[f"blocks.{number}.from_code.{kind}"] = published[f"{block}s_conv.conv.{kind}"]
            state[f"blocks.{number}.mix.{kind}"] = published[f"{block}out_conv.conv.{kind}"]
        if not weight.numel():  # nothing but the bias is left of the first convolution
            state["blocks.0.from_code.bias"] = state["blocks.0.from_code.bias"] + bias
    for kind in ("weight", "bias"):
        # channel, component, (logit, mean, deviation) -> channel, (...), component
        output = published[f"out_conv.conv.{kind}"].unflatten(0, (channels, -1, 3))
        state[f"output.{kind}"] = output.transpose(1, 2).flatten(0, 2)
    return _filled(network, state)


def signal_decoder(published: State) -> SignalDecoder:
    """Return the decoder of weights whose names began with ``s_decoder.``."""
    state = {}
    for number, part in enumerate(("0.0", "1.0", "2.0", "3")):
        for kind in ("weight", "bias"):
            state[f"{3 * number + 1}.{kind}"] = published[f"net.{part}.conv.{kind}"]
    last = state["10.weight"]
    with torch.device("meta"):
        network = SignalDecoder(last.shape[0], last.shape[1], last.ndim - 2)
    return _filled(network, state)


def _ladder(published: State) -> tuple[dict[str, Tensor], list[bool]]:
    """Return a ladder's weights under our names, and which of its levels halve."""
    levels = 1 + max(
        int(name.split(".")[1]) for name in published if name.startswith("top_down_layers.")
    )
    state = {}
    for name, value in published.items():
        for level in range(levels):
            ours = f"inner.{levels - 2 - level}." if level < levels - 1 else "top."
            name = name.replace(f"top_down_layers.{level}.", ours)
        for theirs, ours in _NAMES:
            name = name.replace(theirs, ours)
        for end, axis in _ALTERNATING.items():
            if name.endswith(end):
                value = _halves(value, axis)
        state[name] = value
    halves = [f"bottom_up.levels.{level}.halve.1.weight" in state for level in range(levels)]
    return state, halves


def _halves(value: Tensor, axis: int) -> Tensor:
    """Put the even channels of `axis` before the odd ones."""
    places = torch.arange(value.shape[axis])
    return value.index_select(axis, torch.cat([places[0::2], places[1::2]]))


def _filled(network: N, state: State) -> N:
    """Give a network without values its own copy of them."""
    layout = torch.contiguous_format
    copies = {name: value.clone(memory_format=layout) for name, value in state.items()}
    network.load_state_dict(copies, assign=True)
    return network
