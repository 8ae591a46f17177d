"""What a model's file tells, in words and pictures for a window."""

from __future__ import annotations

from datetime import datetime

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPainter, QPixmap

from napari_selfdenoise.core.errors import UnknownMethodError, UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.units import ome_symbol
from napari_selfdenoise.engine.model_facts import SeenChannel, Thumbnail
from napari_selfdenoise.engine.model_file import Description
from napari_selfdenoise.methods import get

_MOST_CHANNELS = 3
"""Channels whose noise is told one by one."""


def method_of(model: Description) -> str:
    """Return the title of a model's method."""
    try:
        return get(model.method).title
    except UnknownMethodError:  # of a newer version
        return model.method


def trained_on(model: Description) -> str:
    """Say what a model was trained on: ``"cells and 2 more images"``."""
    others = model.facts.images - 1
    more = f" and {others} more image{'s' * (others != 1)}" if others > 0 else ""
    return model.provenance.input_name + more


def channels_of(model: Description) -> str:
    """Say which images a model is for: ``"2 channels"``."""
    colours = "RGB" if model.channels == 3 else f"{model.channels} colours"
    count = model.facts.channels
    told = f"{count} channel{'s' * (count != 1)}"
    if model.channels == 1:
        return told
    return f"{told}, {colours}" if count > 1 else colours


def date_of(model: Description) -> str:
    """Say when a model was trained: ``"21 Nov 2026"``."""
    try:
        made = datetime.fromisoformat(model.provenance.created).astimezone()
    except ValueError:
        return model.provenance.created
    return f"{made.day} {made:%b %Y}"


def facts_of(model: Description) -> list[tuple[str, str]]:
    """Return what a model tells, a title and a text each; what is unknown is left out."""
    facts = model.facts
    sides = " x ".join(map(str, facts.shape))
    size, unit = facts.pixel_size()
    rows = [
        ("Method", method_of(model)),
        ("Trained on", trained_on(model) + (f" ({facts.axes}, {sides})" if sides else "")),
        ("For images of", channels_of(model)),
        ("Pixel size", "" if unit == "pixel" else f"{size:.4g} {ome_symbol(unit, 'X')}"),
        ("Noise seen", _noise(facts.seen)),
        ("Author", facts.author),
        ("Trained", date_of(model)),
    ]
    return [(title, text) for title, text in rows if text]


def misfit(model: Description, image: Image) -> str:
    """Say why a model cannot denoise an image; empty if nothing speaks against it."""
    colours, channels = image.size("S"), image.size("C")
    name = model.path.stem
    if model.channels != colours:
        mine, other = ("RGB" if count == 3 else "grey" for count in (model.channels, colours))
        return f"{name} is for {mine} images; {image.name} is {other}."
    per_channel = model.settings.get("network_per", "stack") == "stack"
    if per_channel and model.networks not in (1, channels):
        return f"{name} is for {model.networks} channels; {image.name} has {channels}."
    try:
        method = get(model.method)
        stride = model.preparation.get("stride", 1)
        method.check_images(method.Config.from_file(model.settings), [image], stride)
    except UnknownMethodError:  # of a newer version
        return ""
    except UsageError as error:
        return str(error)
    return ""


def thumbnail(values: Thumbnail | None, side: int) -> QPixmap:
    """Return a thumbnail as a square picture; an empty one if there is none."""
    square = QPixmap(side, side)
    square.fill(Qt.GlobalColor.transparent)
    if values is None:
        return square
    height, width = values.shape[:2]
    pixels = values.tobytes()  # to be kept as long as the image
    kind = QImage.Format.Format_Grayscale8
    if values.ndim == 3:
        kind = QImage.Format.Format_RGB888
    image = QImage(pixels, width, height, len(pixels) // height, kind)
    keep, smooth = (
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    scaled = QPixmap.fromImage(image).scaled(side, side, keep, smooth)
    painter = QPainter(square)
    painter.drawPixmap((side - scaled.width()) // 2, (side - scaled.height()) // 2, scaled)
    painter.end()
    return square


def _noise(seen: tuple[SeenChannel, ...]) -> str:
    told = []
    for channel in seen[:_MOST_CHANNELS]:
        camera = channel.camera
        if camera is None or camera.gain <= 0:
            told.append(f"standard deviation {channel.sigma:.3g}")
        else:
            told.append(
                f"gain {camera.gain:.3g}, offset {camera.offset:.3g}, read noise "
                f"{camera.read_noise:.3g}"
            )
    if len(seen) > _MOST_CHANNELS:
        told.append("...")
    return "\n".join(told)
