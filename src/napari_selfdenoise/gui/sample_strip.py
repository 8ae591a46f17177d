"""Small pictures of samples beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QToolButton, QWidget

from napari_selfdenoise.gui.sample_plane import SamplePlane

MOST, COLUMNS = 8, 4
SIDE = 76
"""Longer side of a picture in screen pixels."""


class SampleStrip(QWidget):
    """Pictures of the first samples; ``chosen`` is emitted with the number of a clicked one."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: list[QToolButton] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for number in range(MOST):
            picture = QToolButton()
            picture.setCheckable(True)
            picture.setAutoRaise(True)
            picture.setToolTip(f"Sample {number + 1}, in the region in view.")
            picture.setStyleSheet(
                "QToolButton { border: 2px solid transparent; padding: 0px; }"
                "QToolButton:checked { border-color: #e0a000; }"
            )
            picture.clicked.connect(lambda _, number=number: self.chosen.emit(number))
            picture.hide()
            grid.addWidget(picture, number // COLUMNS, number % COLUMNS)
            self._pictures.append(picture)
        grid.setColumnStretch(COLUMNS, 1)

    @property
    def count(self) -> int:
        """Pictures that are shown."""
        return sum(not picture.isHidden() for picture in self._pictures)

    def show_pictures(self, pictures: list[QPixmap]) -> None:
        """Show pictures of the first samples."""
        for number, picture in enumerate(self._pictures):
            picture.setVisible(number < len(pictures))
            if number < len(pictures):
                picture.setIcon(QIcon(pictures[number]))
                picture.setIconSize(pictures[number].size())
                picture.setFixedSize(pictures[number].size() + QSize(4, 4))

    def mark(self, number: int) -> None:
        """Mark the sample that the viewer is at."""
        for at, picture in enumerate(self._pictures):
            picture.setChecked(at == number)


def pictures_of(plane: SamplePlane) -> list[QPixmap]:
    """Return pictures of what is in view of the first samples, as their layer shows it."""
    scale = np.abs(plane.layer.scale)[list(plane.axes)]
    pictures = []
    for number, sample in enumerate(plane.samples()):
        if number == MOST:
            break
        values = sample[plane.window]
        sides = values.shape[:2] * scale
        height, width = np.maximum(np.rint(SIDE * sides / sides.max()), 1).astype(int)
        image = _image(_coloured(_binned(values), plane))
        pictures.append(
            QPixmap.fromImage(image).scaled(
                int(width),
                int(height),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
    return pictures


def _binned(values: NDArray[Any]) -> NDArray[Any]:
    """Return means of squares of pixels, so that there are about twice as many as shown."""
    size = max(1, max(values.shape[:2]) // (2 * SIDE))
    rows, columns = (max(side // size, 1) for side in values.shape[:2])
    cut = values[: rows * size, : columns * size]
    if size == 1 or min(values.shape[:2]) < size:
        return values
    squares = cut.reshape(rows, size, columns, size, *values.shape[2:])
    means: NDArray[Any] = squares.mean(axis=(1, 3))
    return means


def _coloured(values: NDArray[Any], plane: SamplePlane) -> NDArray[np.uint8]:
    """Return red, green, blue and opacity, 0 to 255, as the layer shows these values."""
    layer = plane.layer
    if layer.rgb:
        top = 255.0 if np.dtype(layer.dtype).kind in "ui" else 1.0
        colours = np.nan_to_num(values[..., :3]) / top
        colours = np.concatenate([colours, np.ones((*values.shape[:2], 1))], axis=2)
    else:
        low, high = layer.contrast_limits
        shares = np.clip((np.nan_to_num(values) - low) / ((high - low) or 1), 0, 1)
        colours = layer.colormap.map(shares.reshape(-1) ** layer.gamma)
        colours = np.reshape(colours, (*values.shape[:2], 4))
    levels: NDArray[np.uint8] = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return levels


def _image(colours: NDArray[np.uint8]) -> QImage:
    rows, columns = colours.shape[:2]
    data = np.ascontiguousarray(colours).tobytes()
    return QImage(data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
