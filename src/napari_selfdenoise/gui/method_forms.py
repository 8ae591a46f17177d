"""The settings part of the panel: one form per method, of which one is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.gui.config_form import ConfigForm


class MethodForms(QWidget):
    """Forms of all methods; each keeps its values while another is shown.

    ``changed`` is emitted when a setting is.
    """

    changed = Signal()

    def __init__(
        self, methods: Mapping[str, Method[Any]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._methods = methods
        self._forms: dict[str, ConfigForm[Any]] = {}
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    def show_form(self, name: str) -> None:
        """Show the form of a method."""
        shown = self.form(name)
        for form in self._forms.values():
            form.setVisible(form is shown)

    def form(self, name: str) -> ConfigForm[Any]:
        """Return the form of a method, made when it is first wanted."""
        if name not in self._forms:
            form: ConfigForm[Any] = ConfigForm(self._methods[name].Config)
            form.changed.connect(lambda _: self.changed.emit())
            form.hide()
            self._forms[name] = form
            self._rows.addWidget(form)
        return self._forms[name]

    def value(self, name: str) -> Config:
        """Return the settings of a method as they stand."""
        config: Config = (
            self._forms[name].value if name in self._forms else self._methods[name].Config()
        )
        return config
