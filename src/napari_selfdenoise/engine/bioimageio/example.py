"""An image to test an exported model with, and a picture of what it does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.data.synthetic import make_sample
from napari_selfdenoise.engine.model import Member, Model
from napari_selfdenoise.engine.model_facts import Thumbnail

Array = NDArray[np.float32]
_COVER_SIDE = 256


def example_of(model: Model, side: int) -> Array:
    """Return a noisy image such as the model was trained on, (1, channels, side, side).

    It is the thumbnail, mirrored as often as it takes, in the intensities of each channel; a
    model that does not remember any gets synthetic cells in the range it normalises.
    """
    shares = _shares(model, side)
    ranges = _ranges(model)
    image = np.stack(
        [low + (high - low) * shares[at % len(shares)] for at, (low, high) in enumerate(ranges)]
    )
    return image[np.newaxis].astype(np.float32)


def cover(model: Model, noisy: Array, denoised: Array) -> Thumbnail:
    """Return before and after side by side, 256 x 512 pixels: (Y, X), or (Y, X, 3) for RGB."""
    before, after = model.facts.before, model.facts.after
    if before is None or after is None:
        low, high = np.percentile(noisy[0], (0.1, 99.9))
        before, after = (
            np.rint(255 * np.clip((each[0] - low) / (high - low), 0, 1)).astype(np.uint8)
            for each in (noisy, denoised)
        )
    side = min(before.shape[:2])
    pair = [each[:side, :side] for each in (before, after)]
    whole = np.concatenate(pair, axis=1)
    rows, columns = (np.arange(n * _COVER_SIDE) * side // _COVER_SIDE for n in (1, 2))
    return np.ascontiguousarray(whole[rows][:, columns])


def _shares(model: Model, side: int) -> Array:
    """Return (colours, side, side) with 0 for the lowest intensities and 1 for the highest."""
    thumbnail = model.facts.before
    if thumbnail is None:
        noisy = make_sample("cells", shape=(side, side), seed=0).noisy.read()
        low, high = np.percentile(noisy, (0.1, 99.9))
        shares = np.clip((noisy - low) / (high - low), 0, 1)[np.newaxis]
    else:
        colours = thumbnail if thumbnail.ndim == 3 else thumbnail[..., np.newaxis]
        shares = colours.transpose(2, 0, 1) / 255
    more = [(0, max(0, side - length)) for length in shares.shape[1:]]
    mirrored: Array = np.pad(shares, [(0, 0), *more], mode="symmetric")
    return mirrored[:, :side, :side]


def _ranges(model: Model) -> list[tuple[float, float]]:
    """Return the lowest and highest intensities of each channel that the package has."""
    count = len(model.members) * model.channels
    if len(model.facts.seen) >= count:
        return [(each.low, each.high) for each in model.facts.seen[:count]]
    return [each for member in model.members for each in _normalised_ranges(model, member)]


def _normalised_ranges(model: Model, member: Member) -> list[tuple[float, float]]:
    """Return the intensities from -1 to 2 on a network's scale, or from 0 to 1."""
    low, high = (-1.0, 2.0) if model.method.normalization == "standard" else (0.0, 1.0)
    scales = zip(member.normalization.offset, member.normalization.scale, strict=True)
    return [(offset + low * scale, offset + high * scale) for offset, scale in scales]
