"""A form made from a method's settings: the only place where settings become widgets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

from magicgui.widgets import create_widget
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_selfdenoise.core.config import Config, Setting

C = TypeVar("C", bound=Config)

_DEFAULTS, _OWN = "defaults", "own choice"
LABEL_WIDTH = 120
"""Width of the label column in pixels; the same in all forms, so that rows align."""


class ConfigForm(QWidget, Generic[C]):
    """Edits the settings of one `Config` class.

    Advanced settings are folded away. ``changed`` is emitted with the new value whenever
    the user or `set_value` changes it.

    Parameters
    ----------
    config_class : type of Config
        Its `settings` become rows, its `presets` a menu.
    fold : str
        Title of the folded part.
    """

    changed = Signal(object)

    def __init__(
        self,
        config_class: type[C],
        *,
        fold: str = "More settings",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._config_class = config_class
        self._settings = {each.name: each for each in config_class.settings()}
        self._fields = {name: _field(each) for name, each in self._settings.items()}
        self._quiet = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._head())
        kinds = {each.advanced for each in self._settings.values()}
        if False in kinds:
            layout.addWidget(self._rows(advanced=False))
        if True in kinds:
            layout.addWidget(folded(fold, self._rows(advanced=True)))
        for field in self._fields.values():
            field.changed.connect(self._on_edit)

    @property
    def value(self) -> C:
        """The settings as they stand in the form."""
        return self._config_class.from_json(
            {name: field.value for name, field in self._fields.items()}
        )

    def set_value(self, config: C) -> None:
        """Show the values of `config`."""
        self._show(config.to_json())

    def reset(self) -> None:
        """Show the defaults."""
        self.set_value(self._config_class())

    def _head(self) -> QHBoxLayout:
        self._presets = QComboBox()
        self._presets.addItems([_DEFAULTS, *self._config_class.presets, _OWN])
        self._presets.setToolTip("Sets of settings made for a purpose.")
        self._presets.activated.connect(lambda _: self._choose(self._presets.currentText()))
        self._presets.setVisible(bool(self._config_class.presets))
        self._reset = QPushButton("Reset to defaults")
        self._reset.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._reset.setVisible(False)
        self._reset.clicked.connect(lambda: self.reset())
        head = QHBoxLayout()
        head.addWidget(self._presets, 1)
        head.addStretch(0 if self._config_class.presets else 1)
        head.addWidget(self._reset)
        return head

    def _rows(self, *, advanced: bool) -> QWidget:
        rows = QWidget()
        layout = aligned_rows(rows)
        for name, declared in self._settings.items():
            if declared.advanced is advanced:
                add_row(layout, declared.title, self._fields[name].native, declared.description)
        return rows

    def _choose(self, preset: str) -> None:
        if preset != _OWN:
            self.set_value(
                self._config_class.from_preset(None if preset == _DEFAULTS else preset)
            )

    def _show(self, values: Mapping[str, Any]) -> None:
        self._quiet = True
        for name, value in values.items():
            _show(self._fields[name], value)
        self._quiet = False
        self._on_edit()

    def _on_edit(self) -> None:
        if self._quiet:
            return
        value = self.value
        known: dict[str, Config] = {_DEFAULTS: self._config_class()}
        for preset in self._config_class.presets:
            known[preset] = self._config_class.from_preset(preset)
        names = [name for name, config in known.items() if config == value]
        self._presets.setCurrentText(names[0] if names else _OWN)
        self._reset.setVisible(value != known[_DEFAULTS])
        self.changed.emit(value)


def aligned_rows(parent: QWidget | None = None) -> QFormLayout:
    """Return a form layout whose labels align with those of all others."""
    layout = QFormLayout() if parent is None else QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def add_row(layout: QFormLayout, title: str, field: QWidget, tooltip: str) -> QLabel:
    """Add a labelled field and return its label; both carry the tooltip."""
    label = QLabel(title)
    label.setFixedWidth(LABEL_WIDTH)
    label.setWordWrap(True)
    for widget in (label, field):
        widget.setToolTip(tooltip)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, field.sizePolicy().verticalPolicy())
    layout.addRow(label, field)
    return label


def folded(title: str, content: QWidget) -> QCollapsible:
    """Return `content` folded away behind its title."""
    # Arrows in the text: the icons of the fold do not take the viewer's colours.
    nothing = QPixmap(1, 1)  # an icon without a picture would count as none with PySide6
    nothing.fill(Qt.GlobalColor.transparent)
    fold = QCollapsible(f"▸ {title}", None, QIcon(nothing), QIcon(nothing))
    fold.toggleButton().setIconSize(QSize(0, 0))
    fold.toggled.connect(lambda opened: fold.setText(f"{'▾' if opened else '▸'} {title}"))
    fold.toggleButton().setStyleSheet(
        "text-align: left; border: none; background: transparent; padding: 2px 0px;"
    )
    fold.setDuration(0)
    for layout in (fold.layout(), fold.content().layout()):
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(2)
    fold.addWidget(content)
    return fold


def _field(declared: Setting) -> Any:
    options: dict[str, Any] = {}
    if declared.choices:
        options["choices"] = declared.choices
    elif declared.type is int:
        options = {
            "min": int(declared.minimum or 0),
            "max": int(declared.maximum or 0),
            "step": int(declared.step or 1),
        }
    field: Any = create_widget(
        value=declared.default, annotation=declared.type, name=declared.name, options=options
    )
    if declared.type is bool:
        field.native.setText("")  # its row has a title
    if declared.type is float:
        # Decimals first: a spin box rounds its bounds and its value to them.
        field.native.setDecimals(1)
        bounds = (declared.minimum, declared.maximum, declared.step, declared.default)
        _widen(field.native, *(each for each in bounds if each is not None))
        field.min, field.max, field.step = declared.minimum, declared.maximum, declared.step
        _show(field, declared.default)
    return field


def _show(field: Any, value: Any) -> None:
    if isinstance(field.native, QDoubleSpinBox):
        low, high = field.min, field.max
        _widen(field.native, value)
        field.min, field.max = low, high
    field.value = value


def _widen(box: QDoubleSpinBox, *values: float) -> None:
    """Give the spin box enough decimals to hold `values` exactly."""
    exponents = [Decimal(repr(float(v))).normalize().as_tuple().exponent for v in values]
    needed = [-int(exponent) for exponent in exponents]
    box.setDecimals(max(box.decimals(), *needed))
