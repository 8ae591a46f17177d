"""A set of images that share their structures: characters made of a few hundred parts.

Like Chinese characters, which the paper of self2noise uses, each is put together from parts
that come back in many others, in a place of their own and with strokes of one width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 64
PARTS = 120
STROKE = 3.0
"""Width of a stroke in pixels; its edge is one pixel wide."""
NOISE = 2.0
Array = NDArray[np.float32]
Stroke = tuple[float, float, float, float]
"""From row and column to row and column, each from 0 to 1 inside its part's box."""


def glyphs(count: int, seed: int) -> Array:
    """Return different characters, (count, 64, 64), 0 to 1.

    The parts are the same for every seed; what is put together, and how, is not.
    """
    parts = _parts(np.random.default_rng(0))
    rng = np.random.default_rng([1, seed])
    return np.stack([_glyph(parts, rng) for _ in range(count)])


def add_noise(clean: Array, seed: int) -> Array:
    """Return what the paper does: uniform noise in [-2, 2], and negative values set to 0.

    In the paper all is divided by its maximum after; here 1 remains a stroke's intensity, so
    that every result can be compared with the clean image.
    """
    noise = np.random.default_rng([2, seed]).uniform(-NOISE, NOISE, clean.shape)
    return np.maximum(clean + noise, 0).astype(np.float32)


def signal_to_noise(clean: Array) -> float:
    """Return the ratio of the power of signal and noise, before the clipping, in dB."""
    return float(10 * np.log10(np.square(clean).mean() / (NOISE**2 / 3)))


def _parts(rng: np.random.Generator) -> list[list[Stroke]]:
    """Return the parts: strokes along rows, columns and diagonals of a coarse grid."""
    parts = []
    for _ in range(PARTS):
        grid = np.linspace(0.05, 0.95, int(rng.integers(3, 5)))
        strokes: list[Stroke] = []
        for _ in range(int(rng.integers(3, 6))):
            first, last = np.sort(rng.choice(len(grid), 2, replace=False))
            across, other = grid[rng.integers(len(grid))], grid[rng.integers(len(grid))]
            kind = rng.random()
            if kind < 0.45:
                strokes.append((across, grid[first], across, grid[last]))
            elif kind < 0.8:
                strokes.append((grid[first], across, grid[last], across))
            else:
                strokes.append((grid[first], across, grid[last], other))
        parts.append(strokes)
    return parts


def _glyph(parts: list[list[Stroke]], rng: np.random.Generator) -> Array:
    """Put two or three parts beside or above each other, with a margin around."""
    share = rng.choice((1 / 3, 1 / 2, 2 / 3))
    beside = rng.random() < 0.6
    boxes = [(0.0, 0.0, 1.0, share), (0.0, share, 1.0, 1.0)]
    if rng.random() < 0.4:
        boxes = [boxes[0], (0.0, share, 0.5, 1.0), (0.5, share, 1.0, 1.0)]
    image = np.zeros((SIDE, SIDE), np.float32)
    for top, left, bottom, right in boxes:
        for stroke in parts[int(rng.integers(len(parts)))]:
            ends = [
                (top + row * (bottom - top), left + column * (right - left))
                for row, column in (stroke[:2], stroke[2:])
            ]
            ends = ends if beside else [end[::-1] for end in ends]
            np.maximum(image, _stroke(*(4 + 55 * np.array(ends))), out=image)
    return image


def _stroke(begin: NDArray[np.float64], end: NDArray[np.float64]) -> Array:
    """Draw a line between two places, given in pixels."""
    places = np.stack(np.mgrid[:SIDE, :SIDE], -1) - begin
    along = end - begin
    share = np.clip(places @ along / max(float(along @ along), 1e-9), 0, 1)
    distance = np.linalg.norm(places - share[..., np.newaxis] * along, axis=-1)
    return np.clip(STROKE / 2 + 0.5 - distance, 0, 1).astype(np.float32)
