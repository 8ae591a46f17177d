"""Drawing cells as a fluorescence microscope would see them without noise.

Everything is laid out in micrometres, so that the same cells can be drawn with any pixel
size: nuclei with chromatin texture and nucleoli, curved filaments of varying brightness,
puncta smaller than the resolution, a diffuse cytoplasm and out-of-focus haze.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

Array = NDArray[np.float64]

_TEXTURE_PIXEL = 0.15
"""Size of a pixel of the chromatin texture, in micrometres."""
_FILAMENT_STEP = 0.06
"""Distance of the points a filament is drawn with, in micrometres."""
_HAZE = 2.5
"""Blur of what lies out of focus, in micrometres."""
_CELL_DISTANCE = 13.0
"""Least distance of two cells, in micrometres."""


@dataclass(frozen=True)
class Cell:
    """One cell, in micrometres; points are (y, x) relative to its centre."""

    centre: Array
    angle: float
    """By how much the nucleus has turned, in radians."""
    drift: Array
    """Displacement from one frame to the next."""
    spin: float
    """Rotation of the nucleus from one frame to the next, in radians."""
    radius: float
    outline: Array
    """Relative radius of the nucleus over the angle, as Fourier coefficients (2, waves)."""
    brightness: float
    texture_at: Array
    nucleoli: Array
    """One row (y, x, radius) each."""
    filaments: Array
    filament_light: Array
    puncta: Array
    puncta_light: Array

    def moved(self, rng: np.random.Generator) -> Self:
        """Return the cell one frame later: drifted, turned, its puncta diffused."""
        return replace(
            self,
            centre=self.centre + self.drift,
            angle=self.angle + self.spin,
            puncta=self.puncta + rng.normal(0, 0.25, self.puncta.shape),
        )


@dataclass(frozen=True)
class Optics:
    """Pixel size and resolution, in micrometres.

    Attributes
    ----------
    pixel : float
        Side of a pixel in the sample.
    blur : float
        Standard deviation of the Gaussian that stands for the point spread function.
    """

    pixel: float
    blur: float


def grow_cells(field: tuple[float, float], rng: np.random.Generator) -> list[Cell]:
    """Return cells that fill a field of view of (height, width) micrometres."""
    return [_grow_cell(centre, rng) for centre in _scatter(field, rng)]


def draw(
    cells: Sequence[Cell], shape: tuple[int, int], optics: Optics, texture: Array
) -> Array:
    """Draw `cells`, blurred by the optics.

    Parameters
    ----------
    cells : sequence of Cell
        Their centres count from the image's corner.
    shape : (int, int)
        Size of the image in pixels.
    optics : Optics
        Pixel size and resolution.
    texture : ndarray
        Of the nuclei, from `chromatin`.

    Returns
    -------
    ndarray (Y, X)
        Light in arbitrary units, not negative.
    """
    # Drawn a little larger than asked for, so that no border shows where points end.
    margin = int(np.ceil(1.0 / optics.pixel))
    whole = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    cells = [replace(cell, centre=cell.centre + margin * optics.pixel) for cell in cells]
    image = np.zeros(whole)
    for cell in cells:
        _add_nucleus(image, cell, optics.pixel, texture)
    points = [cell.centre + part for cell in cells for part in (cell.filaments, cell.puncta)]
    light = [part for cell in cells for part in (cell.filament_light, cell.puncta_light)]
    # A point's light is spread over a pixel: the smaller the pixel, the brighter.
    density = np.concatenate(light) / optics.pixel**2
    image += _splat(np.concatenate(points), density, whole, optics.pixel)
    sharp: Array = gaussian_filter(image, optics.blur / optics.pixel)
    haze: Array = gaussian_filter(image, _HAZE / optics.pixel, truncate=2.5)
    light_seen: Array = 0.75 * sharp + 0.25 * haze
    return light_seen[margin:-margin, margin:-margin]


def chromatin(rng: np.random.Generator, side: int = 256) -> Array:
    """Return a periodic texture of mean 1 with fine grains and coarse clumps."""
    white = rng.normal(size=(2, side, side))
    grains, clumps = (
        gaussian_filter(noise, width / _TEXTURE_PIXEL, mode="wrap")
        for noise, width in zip(white, (0.18, 0.55), strict=True)
    )
    texture = np.exp(0.28 * grains / grains.std() + 0.28 * clumps / clumps.std())
    normalised: Array = texture / texture.mean()
    return normalised


def background(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return an uneven background of mean about 1: slow waves, darker towards the corners."""
    coarse = gaussian_filter(rng.normal(size=(12, 12)), 1.6)
    waves = zoom(coarse[2:-2, 2:-2], np.array(shape) / 8, order=3, mode="nearest")
    waves = waves[: shape[0], : shape[1]] / coarse.std()
    rows, columns = (np.linspace(-1, 1, side) for side in shape)
    corners = rows[:, None] ** 2 + columns**2
    uneven: Array = np.clip(1.15 + 0.18 * waves - 0.22 * corners, 0.2, None)
    return uneven


def _scatter(field: tuple[float, float], rng: np.random.Generator) -> list[Array]:
    """Return centres at least `_CELL_DISTANCE` apart; some lie just outside the field."""
    margin = 4.0
    wanted = max(1, round(np.prod(np.add(field, margin)) / (1.5 * _CELL_DISTANCE**2)))
    # The first lies well inside, so that even a small field shows a cell.
    centres = [np.array(field) * rng.uniform(0.35, 0.65, 2)]
    for _ in range(30 * wanted):
        candidate = rng.uniform(-margin, np.add(field, margin))
        if min(np.hypot(*(candidate - other)) for other in centres) > _CELL_DISTANCE:
            centres.append(candidate)
        if len(centres) == wanted:
            break
    return centres


def _grow_cell(centre: Array, rng: np.random.Generator) -> Cell:
    radius = rng.uniform(4.2, 6.0)
    waves = np.arange(2, 7)
    spots = int(rng.integers(2, 5))
    direction, distance = rng.uniform(0, 2 * np.pi, spots), rng.uniform(0.1, 0.6, spots)
    nucleoli = np.stack(
        [
            radius * distance * np.sin(direction),
            radius * distance * np.cos(direction),
            rng.uniform(0.5, 1.1, spots),
        ],
        axis=-1,
    )
    filaments, filament_light = _grow_filaments(radius, rng)
    count = int(rng.integers(25, 60))
    puncta = _around(radius, count, rng)
    return Cell(
        centre=centre,
        angle=0.0,
        drift=rng.normal(0, 0.35, 2),
        spin=float(rng.normal(0, 0.03)),
        radius=radius,
        outline=rng.normal(0, 0.5, (2, len(waves))) / waves**2.2,
        brightness=float(rng.uniform(0.55, 1.0)),
        texture_at=rng.uniform(0, 1000, 2),
        nucleoli=nucleoli,
        filaments=filaments,
        filament_light=filament_light,
        puncta=puncta,
        puncta_light=0.12 * np.exp(rng.normal(0, 0.5, count)).clip(0.3, 2.2),
    )


def _around(radius: float, count: int, rng: np.random.Generator) -> Array:
    """Return points in the cytoplasm: outside the nucleus, denser near to it."""
    direction = rng.uniform(0, 2 * np.pi, count)
    distance = radius * (1.05 + np.abs(rng.normal(0, 0.5, count)))
    return np.stack([distance * np.sin(direction), distance * np.cos(direction)], axis=-1)


def _grow_filaments(radius: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the points of curved filaments around a nucleus, and their brightness."""
    count, steps = 55, int(15 / _FILAMENT_STEP)
    length = rng.integers(steps // 4, steps, count)
    direction = rng.uniform(0, 2 * np.pi, count)
    start = 1.0 * radius * np.stack([np.sin(direction), np.cos(direction)], axis=-1)
    # Curvature changes slowly, which makes bends rather than kinks.
    curvature = rng.uniform(-0.13, 0.13, (count, 1)) + gaussian_filter(
        rng.normal(0, 1.2, (count, steps)), (0, 30)
    )
    turn = rng.choice([-1.0, 1.0], count) * rng.uniform(0.2, 1.4, count)
    heading = (direction + turn)[:, None] + np.cumsum(_FILAMENT_STEP * curvature, axis=1)
    moves = _FILAMENT_STEP * np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    points = start[:, None] + np.cumsum(moves, axis=1)
    along = gaussian_filter(rng.normal(size=(count, steps)), (0, 20))
    brightness = np.exp(0.35 * along / along.std()) * rng.uniform(0.15, 1.0, (count, 1))
    drawn = np.arange(steps) < length[:, None]
    return points[drawn], 0.17 * _FILAMENT_STEP * brightness[drawn]


def _add_nucleus(image: Array, cell: Cell, pixel: float, texture: Array) -> None:
    """Add the nucleus and the diffuse cytoplasm around it to `image`, in place."""
    centre, reach = cell.centre, 3.2 * cell.radius
    low = np.clip(np.floor((centre - reach) / pixel), 0, image.shape).astype(int)
    high = np.clip(np.ceil((centre + reach) / pixel), 0, image.shape).astype(int)
    if (low >= high).any():
        return
    rows, columns = np.ogrid[low[0] : high[0], low[1] : high[1]]
    y, x = rows * pixel - centre[0], columns * pixel - centre[1]
    cosine, sine = np.cos(cell.angle), np.sin(cell.angle)
    y, x = cosine * y - sine * x, sine * y + cosine * x
    theta, distance = np.arctan2(y, x), np.hypot(y, x)
    edge = np.full(theta.shape, cell.radius)
    for wave, (a, b) in enumerate(cell.outline.T, start=2):
        edge += cell.radius * (a * np.cos(wave * theta) + b * np.sin(wave * theta))
    inside = 1 / (1 + np.exp(np.clip((distance - edge) / 0.12, -40, 40)))
    at = np.stack([y, x]) / _TEXTURE_PIXEL + cell.texture_at[:, None, None]
    grains = map_coordinates(texture, at, order=1, mode="grid-wrap")
    for spot_y, spot_x, size in cell.nucleoli:
        grains *= 1 - 0.6 * np.exp(-((((y - spot_y) ** 2 + (x - spot_x) ** 2) / size**2) ** 2))
    rim = 1 + 0.25 * np.exp(-(((distance - edge) / 0.5) ** 2))
    cytoplasm = 0.2 * np.exp(-((distance / (2.0 * edge)) ** 4))
    part = image[low[0] : high[0], low[1] : high[1]]
    part += cell.brightness * (inside * grains * rim + (1 - inside) * cytoplasm)


def _splat(points: Array, weights: Array, shape: tuple[int, int], pixel: float) -> Array:
    """Return an image of points (micrometres), shared among the four pixels around each."""
    at = points / pixel
    kept = (at > 0).all(axis=1) & (at < np.array(shape) - 1).all(axis=1)
    at, weights = at[kept], weights[kept]
    corner = np.floor(at).astype(int)
    y, x = (at - corner).T
    image = np.zeros(shape[0] * shape[1])
    for dy, dx, share in (
        (0, 0, (1 - y) * (1 - x)),
        (0, 1, (1 - y) * x),
        (1, 0, y * (1 - x)),
        (1, 1, y * x),
    ):
        flat = (corner[:, 0] + dy) * shape[1] + corner[:, 1] + dx
        image += np.bincount(flat, weights * share, minlength=len(image))
    return image.reshape(shape)
