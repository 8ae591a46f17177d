"""Planes as pictures inside the page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from napari_selfdenoise.analysis.report.markup import Html, joined, tag

Plane = NDArray[Any]
Colours = tuple[tuple[int, int, int], ...]

GREY: Colours = ((0, 0, 0), (255, 255, 255))
AROUND_ZERO: Colours = (
    (20, 70, 150),
    (110, 165, 215),
    (245, 245, 245),
    (235, 150, 100),
    (150, 40, 20),
)
"""Blue below zero, red above; told apart by the colour-blind, too."""
BEYOND_CHANCE: Colours = (*AROUND_ZERO[:2], *(AROUND_ZERO[2],) * 5, *AROUND_ZERO[3:])
"""The same, without any colour in the middle half."""
FROM_ZERO: Colours = ((8, 8, 24), (74, 24, 110), (178, 48, 88), (244, 130, 50), (252, 240, 170))


def picture(
    plane: Plane,
    limits: tuple[float, float],
    title: str,
    caption: str | Html = "",
    colours: Colours = GREY,
) -> Html:
    """Return a figure of a plane (Y, X); what is not finite has the colour of the low limit."""
    low, high = limits
    share = np.clip((np.nan_to_num(plane, nan=low) - low) / (high - low), 0, 1)
    drawn = Picture.fromarray((share * 255).round().astype(np.uint8))
    if colours != GREY:
        drawn = drawn.convert("P")
        drawn.putpalette(_palette(colours))
    stored = io.BytesIO()
    drawn.save(stored, "PNG", optimize=True)
    data = base64.b64encode(stored.getvalue()).decode("ascii")
    height, width = plane.shape
    image = tag(
        "img", src=f"data:image/png;base64,{data}", alt=title, width=width, height=height
    )
    image = Html(image.removesuffix("</img>"))  # an element without an end
    words = tag("figcaption", tag("b", title), [" ", caption] if caption else "")
    return tag("figure", image, words)


def key(low: str, high: str, colours: Colours, title: str = "") -> Html:
    """Return a bar of the colours between the values of its ends."""
    stops = ", ".join(f"rgb{colour}" for colour in colours)
    bar = tag("span", class_="bar", style=f"background: linear-gradient(90deg, {stops})")
    return tag("p", joined(tag("span", low), bar, tag("span", high), f" {title}"), class_="key")


def _palette(colours: Colours) -> list[int]:
    places = np.linspace(0, 255, len(colours))
    channels = [
        np.interp(np.arange(256), places, channel) for channel in zip(*colours, strict=True)
    ]
    flat: list[int] = np.stack(channels, axis=1).round().astype(int).reshape(-1).tolist()
    return flat
