"""A picture of all results side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from napari_selfdenoise.data.synthetic import Sample

SIDE = 320
"""Side of every picture on the sheet, in pixels."""
GAP, MARGIN, HEAD = 14, 28, 96
ZOOM = 4
"""The detail shows the image this many times larger than the overview's source."""
TITLE = 24
"""Size of the letters of a title that is short enough for them."""
BACKGROUND, BRIGHT, DIM, ACCENT = "#14161a", "#f2f4f7", "#98a1ad", "#ffb454"

Grey = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Column:
    """One method on the sheet: (Y, X) pixels and what is written above them."""

    title: str
    subtitle: str
    pixels: Grey
    psnr: float | None
    ssim: float | None


def contact_sheet(
    sample: Sample,
    columns: Sequence[Column],
    *,
    before: tuple[float | None, float | None],
) -> Picture.Image:
    """Draw noisy, clean and every method: overview, detail and what was taken away.

    All pictures of a row share their contrast limits.

    Parameters
    ----------
    sample : Sample
        A 2-D sample.
    columns : sequence of Column
        The methods.
    before : tuple of float
        PSNR and SSIM of the noisy image.
    """
    noisy, clean = (image.read().astype(float) for image in (sample.noisy, sample.clean))
    everything = [
        Column("Noisy", "as recorded", noisy, *before),
        Column("Clean", "what nobody knows", clean, None, None),
        *columns,
    ]
    sheet = _Sheet(len(everything))
    limits = (float(np.percentile(clean, 0.5)), float(np.percentile(clean, 99.7)))
    spread = 3 * float(np.std(noisy - clean))
    window = _busiest(clean, min(clean.shape) // ZOOM)
    for place, column in enumerate(everything):
        sheet.head(place, column)
        sheet.picture(place, 0, _overview(column.pixels), limits)
        sheet.frame(place, window, clean.shape)
        sheet.picture(place, 1, column.pixels[window], limits)
        if column.title != "Noisy":
            sheet.picture(place, 2, (noisy - column.pixels)[window], (-spread, spread))
    sheet.scale_bar(0, 0, sample.noisy.scale[-1] * max(clean.shape) / SIDE)
    sheet.scale_bar(0, 1, sample.noisy.scale[-1] * (min(clean.shape) // ZOOM) / SIDE)
    sheet.legend(spread, limits)
    return sheet.image


def _overview(pixels: Grey) -> Grey:
    """Return the middle square of an image."""
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    return pixels[top : top + side, left : left + side]


def _busiest(clean: Grey, side: int) -> tuple[slice, slice]:
    """Return the square window with the strongest structures, away from the border."""
    edges = np.hypot(*np.gradient(clean))
    totals = np.pad(edges.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = (
        totals[side:, side:]
        - totals[:-side, side:]
        - totals[side:, :-side]
        + totals[:-side, :-side]
    )
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


class _Sheet:
    """A grid of pictures with words above and beside them."""

    def __init__(self, columns: int) -> None:
        width = 2 * MARGIN + columns * SIDE + (columns - 1) * GAP
        height = HEAD + 3 * SIDE + 2 * GAP + MARGIN
        self.image = Picture.new("RGB", (width, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)

    def head(self, place: int, column: Column) -> None:
        """Write title, seconds and scores above a column."""
        x = self._corner(place, 0)[0]
        size = TITLE
        while self._draw.textlength(column.title, ImageFont.load_default(size)) > SIDE:
            size -= 1  # else it runs into the next column's
        self._text((x, MARGIN - 8), column.title, size, BRIGHT)
        self._text((x, MARGIN + 22), column.subtitle, 15, DIM)
        if column.psnr is not None:
            words = f"{column.psnr:.2f} dB"
            if column.ssim is not None:
                words += f"   SSIM {column.ssim:.3f}"
            self._text((x, MARGIN + 42), words, 16, ACCENT)

    def picture(self, place: int, row: int, pixels: Grey, limits: tuple[float, float]) -> None:
        """Paste one picture; pixels are enlarged without smoothing."""
        low, high = limits
        grey = np.clip((np.nan_to_num(pixels) - low) / (high - low), 0, 1) * 255
        small = Picture.fromarray(grey.round().astype(np.uint8))
        larger = max(small.size) <= SIDE
        how = Picture.Resampling.NEAREST if larger else Picture.Resampling.BOX
        self.image.paste(small.resize((SIDE, SIDE), how), self._corner(place, row))

    def frame(self, place: int, window: tuple[slice, slice], shape: tuple[int, ...]) -> None:
        """Mark in the overview where the detail lies."""
        side = min(shape)
        x, y = self._corner(place, 0)
        box = []
        for part, length in zip(window, shape, strict=True):
            start = (part.start - (length - side) // 2) * SIDE / side
            box.append((start, start + (part.stop - part.start) * SIDE / side))
        (top, bottom), (left, right) = box
        self._draw.rectangle((x + left, y + top, x + right, y + bottom), outline=ACCENT)

    def scale_bar(self, place: int, row: int, micrometers_per_pixel: float) -> None:
        """Draw a bar of a round length into the lower left corner of a picture."""
        lengths = (1, 2, 5, 10, 20, 50, 100, 200, 500)
        length = max(
            [each for each in lengths if each / micrometers_per_pixel < SIDE / 3] or [1]
        )
        x, y = self._corner(place, row)
        bottom = y + SIDE - 14
        end = x + 14 + length / micrometers_per_pixel
        # A plate of its own keeps the words readable on any image.
        self._draw.rectangle((x + 6, bottom - 28, max(end, x + 116) + 8, bottom + 7), "#000000")
        self._draw.rectangle((x + 14, bottom - 4, end, bottom), fill=BRIGHT)
        self._text((x + 14, bottom - 24), f"{length} micrometers", 14, BRIGHT)

    def legend(self, spread: float, limits: tuple[float, float]) -> None:
        """Say in the place of the noisy image's residual what the rows show."""
        x, y = self._corner(0, 2)
        self._text((x, y + 8), "What was taken away", 20, BRIGHT)
        lines = (
            "noisy minus denoised, of the detail above;",
            "under Clean it is the noise itself.",
            "Structures that show up here were lost.",
            "",
            f"black to white: -{spread:.0f} to +{spread:.0f} counts",
            f"rows above: {limits[0]:.0f} to {limits[1]:.0f} counts",
        )
        for number, line in enumerate(lines):
            self._text((x, y + 44 + 24 * number), line, 15, DIM)
        # Pillow's own font has no arrow.
        tip, middle = x + SIDE - 8, y + SIDE / 2
        self._draw.polygon(
            ((tip, middle), (tip - 16, middle - 10), (tip - 16, middle + 10)), fill=ACCENT
        )

    def _corner(self, place: int, row: int) -> tuple[int, int]:
        return MARGIN + place * (SIDE + GAP), HEAD + row * (SIDE + GAP)

    def _text(self, at: tuple[int, int | float], text: str, size: int, colour: str) -> None:
        self._draw.text(at, text, colour, ImageFont.load_default(size))
