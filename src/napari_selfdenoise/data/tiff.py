"""TIFF files read by parts: ImageJ, OME and plain TIFF with axes, scale and units."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
import zarr

from napari_selfdenoise.core.axes import KNOWN, guess_axes
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import ArrayLike, Image
from napari_selfdenoise.data.lazy import UNDECODABLE, FileArray, MappedArray
from napari_selfdenoise.data.reordered import Reordered
from napari_selfdenoise.data.units import unit_name

UNREADABLE = (tifffile.TiffFileError, *UNDECODABLE)
"""What tifffile and its decoders raise over a damaged file."""

_Calibration = dict[str, tuple[float, str]]
"""Axis letter -> size of a pixel and its unit."""


def read_tiff(path: Path, axes: str = "") -> Image:
    """Return the first image of a TIFF file; its pixels are read when they are needed.

    Parameters
    ----------
    path : Path
        ImageJ, OME or plain TIFF; of a pyramid the full resolution is taken.
    axes : str
        One letter per axis as stored, if the file's own are missing or wrong. An axis Q
        is moved to the front of the image.

    Raises
    ------
    FileError
        If the file is damaged, truncated or not a TIFF.
    AxesError, ImageError
        If `axes` does not fit, or the file holds something else than an intensity image.
    """
    with _told(path), ExitStack() as closing:
        tif, series = _open(path)
        closing.callback(tif.close)
        data, calibration = _data(path, tif, series), _calibration(tif)
        guessed = ""
        if not axes:
            axes, guessed = _known_axes(series.axes, tif, series.shape)
        if isinstance(data, _TiffArray):
            closing.pop_all()  # it is open already, and closes the file itself
    data, axes = _samples_first(data, axes)
    image = Image(data, axes=axes, name=_name(path))
    return _calibrated(image, calibration, guessed=bool(guessed))


def _open(path: Path) -> tuple[tifffile.TiffFile, Any]:
    with _lost_offsets() as lost, ExitStack() as closing:
        tif = closing.enter_context(tifffile.TiffFile(path))
        series = tif.series
        if len(series) > 1 and tif.is_shaped and _equal(series):
            # Planes written one by one, each of which calls itself an image: a stack.
            tif.close()
            tif = closing.enter_context(tifffile.TiffFile(path, is_shaped=False))
            series = tif.series
        size = tif.filehandle.size
        if _end(tif, series[0]) > size or lost:
            raise FileError(
                f"{path.name} is truncated or damaged: parts of it should lie behind its end "
                f"({size} bytes). Copy or export it again."
            )
        closing.pop_all()
    return tif, series[0].levels[0]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what tifffile raises into a sentence."""
    try:
        yield
    except UNREADABLE as error:
        raise FileError(f"{path.name} cannot be read as a TIFF file: {error}") from error


def _equal(series: Sequence[Any]) -> bool:
    return len({(each.shape, each.dtype) for each in series}) == 1


def _end(tif: tifffile.TiffFile, series: Any) -> int:
    """Return where the last pixel is said to end; tifffile fills with zeros what is missing."""
    ends = [0 if series.dataoffset is None else series.dataoffset + series.nbytes]
    for page in tif.pages:
        ends.extend(
            offset + count
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        )
    return max(ends)


@contextmanager
def _lost_offsets() -> Iterator[list[str]]:
    """Collect what tifffile logs, instead of raising, on offsets that point nowhere."""
    lost: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if "offset" in message or "corrupted" in message:
                lost.append(message)

    logger, handler = tifffile.logger(), Collect(logging.ERROR)
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield lost
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _data(path: Path, tif: tifffile.TiffFile, series: Any) -> ArrayLike:
    if series.dtype is None:
        raise FileError(f"{path.name} holds pixels of a kind that cannot be read.")
    if series.dataoffset is not None and series.keyframe.is_memmappable:
        dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
        return MappedArray(path, series.shape, dtype, series.dataoffset)
    array = _TiffArray(path, series.shape, series.dtype, _Decoder(tif, series))
    if 0 not in array.shape:
        array[(0,) * len(array.shape)]  # an unknown compression shows at once
    return array


class _TiffArray(FileArray):
    """A compressed or scattered TIFF image; slicing decodes the strips and tiles it touches."""

    def open(self) -> ArrayLike:
        return _Decoder(*_open(self.path))


class _Decoder:
    """The pixels of an open TIFF file, which is closed with it."""

    def __init__(self, tif: tifffile.TiffFile, series: Any) -> None:
        self._array = zarr.open_array(series.aszarr(level=0), mode="r")
        self.shape: tuple[int, ...] = tuple(series.shape)
        self.dtype = np.dtype(series.dtype)
        weakref.finalize(self, tif.close)

    def __getitem__(self, key: Any, /) -> Any:
        return self._array[key]


def _samples_first(data: ArrayLike, axes: str) -> tuple[ArrayLike, str]:
    """Return data and axes with Q in front, where other programs need not have it."""
    place = axes.upper().find("Q")
    if place < 1 or len(axes) != len(data.shape):
        return data, axes  # `Image` says what is wrong with the axes
    moved = [place, *(at for at in range(len(axes)) if at != place)]
    return Reordered(data, moved), "Q" + axes[:place] + axes[place + 1 :]


def _known_axes(stored: str, tif: tifffile.TiffFile, shape: tuple[int, ...]) -> tuple[str, str]:
    """Return the axes of a file, and again those that are a guess."""
    if "S" in stored and (_composite(tif) or not stored.endswith("S")):
        # ImageJ's composites of three channels are stored like colours but are channels.
        stored = stored.replace("S", "C") if "C" not in stored else stored
    known = set(stored) <= set(KNOWN) and len(set(stored)) == len(stored)
    if known and ("Q" not in stored or _tells_samples(tif)):
        return stored, ""
    guess = guess_axes(shape, rgb=stored.endswith("S"))
    return guess, guess


def _tells_samples(tif: tifffile.TiffFile) -> bool:
    """Whether Q was named by the file: tifffile gives it to any axis of no name, too."""
    shaped: Sequence[Mapping[str, Any]] = tif.shaped_metadata or ()
    return bool(tif.is_ome) or any("Q" in str(each.get("axes", "")) for each in shaped)


def _composite(tif: tifffile.TiffFile) -> bool:
    return bool(tif.is_imagej) and (tif.imagej_metadata or {}).get("mode") == "composite"


def _calibrated(image: Image, calibration: _Calibration, *, guessed: bool) -> Image:
    sizes = [calibration.get(axis, (1.0, "pixel")) for axis in image.axes]
    image = Image(
        image.data,
        axes=image.axes,
        scale=tuple(size for size, _ in sizes),
        units=tuple(unit for _, unit in sizes),
        name=image.name,
    )
    # `Image` knows a guess by empty axes, but it cannot see which axis holds colours.
    object.__setattr__(image, "axes_guessed", guessed)
    return image


def _calibration(tif: tifffile.TiffFile) -> _Calibration:
    if tif.is_ome and tif.ome_metadata:
        return _from_ome(tif.ome_metadata)
    if tif.is_imagej:
        return _from_imagej(tif)
    # The resolution of other files is mostly that of a printer.
    return {}


def _from_ome(xml: str) -> _Calibration:
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    pixels = next((each for each in root.iter() if each.tag.endswith("}Pixels")), None)
    if pixels is None:
        return {}
    names = {axis: (f"PhysicalSize{axis}", "µm") for axis in "ZYX"}
    names["T"] = ("TimeIncrement", "s")
    found = {}
    for axis, (attribute, default) in names.items():
        size = _positive(pixels.get(attribute))
        if size is not None:
            found[axis] = (size, unit_name(pixels.get(f"{attribute}Unit", default)))
    return found


def _from_imagej(tif: tifffile.TiffFile) -> _Calibration:
    metadata: Mapping[str, Any] = tif.imagej_metadata or {}
    unit = unit_name(str(metadata.get("unit", "")))
    found: _Calibration = {}
    tags = tif.pages.first.tags
    for axis in "YX":
        tag = tags.get(f"{axis}Resolution")
        pixels, length = tag.value if tag is not None else (0, 0)
        if pixels and length and unit != "pixel":
            found[axis] = (
                length / pixels,
                unit_name(str(metadata.get(f"{axis.lower()}unit", unit))),
            )
    spacing = _positive(metadata.get("spacing"))
    if spacing is not None and unit != "pixel":
        found["Z"] = (spacing, unit_name(str(metadata.get("zunit", unit))))
    interval = _positive(metadata.get("finterval"))
    if interval is not None:
        found["T"] = (interval, unit_name(str(metadata.get("tunit", "sec"))))
    return found


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _name(path: Path) -> str:
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") else stem
