"""The image part of the panel: which layer, its axes, and what to use of it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from napari import Viewer
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.utils.events import Event
from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.layer_adapter import METADATA, PREVIEW
from napari_selfdenoise.gui.layer_image import Use, choose_region, read_axes, read_layer


class ImagePicker(QWidget):
    """Picks a layer of a viewer, following its selection.

    ``changed`` is emitted when another layer, other axes or another part is picked, and
    ``layers_changed`` when layers come, go or are renamed.

    Attributes
    ----------
    follow : bool
        Whether the viewer's selection is followed.
    """

    changed = Signal()
    layers_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.follow = True
        self._corrected: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()
        self._layers = QComboBox()
        self._layers.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._axes = QLineEdit()
        self._axes.setMaxLength(7)
        self._axes.setFixedWidth(72)
        self._sides = QElidingLabel()
        self._use = QComboBox()
        self._says = sentence_label()
        self._build()
        self._layers.currentIndexChanged.connect(lambda _: self._on_layer())
        self._axes.editingFinished.connect(self._on_axes)
        self._use.activated.connect(lambda _: self.changed.emit())
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._on_layers)
        viewer.layers.events.reordered.connect(self._on_layers)
        viewer.layers.selection.events.active.connect(self._on_selection)
        self._on_layers()
        self._on_selection()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        rows = aligned_rows()
        add_row(rows, "Layer", self._layers, "Follows the selection in the layer list.")
        axes, beside = QWidget(), QHBoxLayout()
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self._axes)
        beside.addWidget(self._sides, 1)
        axes.setLayout(beside)
        add_row(
            rows,
            "Axes",
            axes,
            "One letter per axis: T time, C channel, Z depth, Y and X the plane, S colours.",
        )
        add_row(rows, "Use", self._use, "What to denoise; the sliders say which plane.")
        layout.addLayout(rows)
        layout.addWidget(self._says)

    @property
    def layer(self) -> Layer | None:
        """The picked layer."""
        layer: Layer | None = self._layers.currentData()
        return layer if layer in self._viewer.layers else None

    @property
    def axes(self) -> str:
        """The axes of the picked layer, as read or as corrected by the user."""
        return self._axes.text().strip().upper()

    @property
    def use(self) -> Use:
        """What to use of the layer."""
        use: Use = self._use.currentData() or "all"
        return use

    @property
    def problem(self) -> str:
        """Why the picked layer cannot be used; empty if it can."""
        return self._problem

    def pick(self, layer: Layer) -> None:
        """Pick a layer, without changing the viewer's selection."""
        self._layers.setCurrentIndex(self._layers.findData(layer))

    def choose_use(self, use: Use) -> None:
        """Choose what to use of the layer."""
        self._use.setCurrentIndex(max(self._use.findData(use), 0))
        self.changed.emit()

    @property
    def layers(self) -> list[ImageLayer]:
        """The image layers there are, the topmost first."""
        rows = (self._layers.itemData(row) for row in range(self._layers.count()))
        return [layer for layer in rows if isinstance(layer, ImageLayer)]

    def axes_of(self, layer: Layer) -> str:
        """Return the axes of any layer as corrected by the user; empty if they were not."""
        return self.axes if layer is self.layer else self._corrected.get(layer, "")

    def part(self) -> Image | None:
        """Return an image of the size of what would be denoised, for a forecast."""
        layer = self.layer
        return None if layer is None or self._problem else self.part_of(layer)

    def part_of(self, layer: Layer, axes: str = "") -> Image:
        """Return an image of the size of what is used of any layer.

        Raises
        ------
        ImageError, AxesError
            If the layer cannot be used.
        """
        image = read_layer(layer, axes or self.axes_of(layer))
        whole = [(0, side) for side in image.shape]
        region = choose_region(self.use, image.axes, image.shape, [0] * len(whole), whole)
        return read_layer(layer, image.axes, region)

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        layers = self._viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            event.disconnect(self._on_layers)
        layers.selection.events.active.disconnect(self._on_selection)
        for layer in layers:
            self._listen(layer, False)

    def _listen(self, layer: Layer, on: bool) -> None:
        """Hear of what changes in a layer, or do not any more."""
        for event, callback in (
            (layer.events.name, self._on_layers),
            (layer.events.data, self._on_data),
        ):
            if on:
                event.connect(callback)
            else:
                event.disconnect(callback)

    def _on_layers(self) -> None:
        """Fill the list again, keeping what is picked."""
        picked = self._layers.currentData()
        self._layers.blockSignals(True)
        self._layers.clear()
        for layer in reversed(self._viewer.layers):
            self._listen(layer, False)
            self._listen(layer, True)
            if layer.metadata.get(METADATA, {}).get("kind") != PREVIEW:
                self._layers.addItem(layer.name, layer)
        self._layers.setCurrentIndex(max(self._layers.findData(picked), 0))
        self._layers.blockSignals(False)
        if self._layers.currentData() is not picked or picked is None:
            self._on_layer()
        self.layers_changed.emit()

    def _on_selection(self) -> None:
        active = self._viewer.layers.selection.active
        if self.follow and self._layers.findData(active) >= 0:
            self.pick(active)

    def _on_data(self, event: Event) -> None:
        if event.source is self.layer:
            self._on_layer()

    def _on_layer(self) -> None:
        layer = self.layer
        axes = ""
        if layer is not None:
            axes = self._corrected.get(layer, "")
            if not axes:
                try:
                    axes = read_axes(layer).letters
                except SelfDenoiseError:
                    axes = ""
        self._axes.setText(axes)
        self._describe()
        self._offer_uses()
        self.changed.emit()

    def _on_axes(self) -> None:
        layer = self.layer
        if layer is None:
            return
        self._axes.setText(self.axes)
        try:
            read = read_axes(layer).letters
        except SelfDenoiseError:
            read = ""
        if self.axes == self._corrected.get(layer, read):
            return
        self._corrected[layer] = self.axes
        self._describe()
        self._offer_uses()
        self.changed.emit()

    def _describe(self) -> None:
        """Say what the layer is, or why it cannot be used."""
        self._problem, layer, note, sides = "", self.layer, "", ""
        self._layers.setToolTip(layer.name if layer is not None else "")
        if layer is None:
            self._problem = "Open an image, or pick one of the samples under File."
        else:
            try:
                image = read_layer(layer, self.axes)
                note = self._note(layer)
                sides = image.describe().partition(", ")[2]
            except SelfDenoiseError as error:
                self._problem = str(error)
        self._sides.setText(sides)
        warned = layer is not None and (note or self._problem)
        self._says.say(self._problem or note, "warning" if warned else "info")
        for widget in (self._axes, self._use):
            widget.setEnabled(layer is not None and bool(self.axes or not self._problem))

    def _note(self, layer: Layer) -> str:
        if layer in self._corrected or not read_axes(layer).guessed:
            return ""
        return "The layer does not name its axes; they are a guess: correct it if it is wrong."

    def _offer_uses(self) -> None:
        """List the parts that differ for this layer."""
        before = self._use.currentData()
        self._use.clear()
        layer = self.layer
        if layer is None or self._problem:
            return
        image = read_layer(layer, self.axes)
        for use, title in _uses(image):
            self._use.addItem(title, use)
        self._use.setCurrentIndex(max(self._use.findData(before), 0))


def _uses(image: Image) -> list[tuple[Use, str]]:
    planes = int(np.prod([image.size(axis) for axis in image.axes if axis not in "YXS"]))
    if planes == 1:
        return [("all", "whole image"), ("region", "visible region")]
    stack = image.size("Z") if "Z" in image.axes else image.size("T")
    uses: list[tuple[Use, str]] = [("all", f"all {planes} planes")]
    if 1 < stack < planes:
        uses.append(("stack", f"this stack ({stack} planes)"))
    return [*uses, ("plane", "this plane"), ("region", "visible region of this plane")]
