"""A form for what a package of BioImage.IO tells of a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_selfdenoise.engine.model_file import Description
from napari_selfdenoise.gui.config_form import add_row, aligned_rows
from napari_selfdenoise.gui.labels import sentence_label
from napari_selfdenoise.gui.model_words import method_of

_LICENSES = ("CC-BY-4.0", "CC0-1.0", "BSD-3-Clause", "MIT")
_ABOUT = (
    "The package holds the network as TorchScript, which other programs of BioImage.IO run, "
    "test images, and the model itself, which can be imported here."
)


@dataclass(frozen=True)
class Wanted:
    """What a package is to tell of a model, and where it is written.

    Attributes
    ----------
    path : Path
        The package.
    name, description, license : str
        As in `api.export_model`.
    authors : tuple of str
        Who made it.
    """

    path: Path
    name: str
    authors: tuple[str, ...]
    license: str
    description: str


class ExportForm(QDialog):
    """Asks for the name, the authors and the licence; ``wanted`` is emitted with the answer.

    Parameters
    ----------
    model : Description
        What the fields are filled from.
    """

    wanted = Signal(Wanted)

    def __init__(self, model: Description, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export to BioImage.IO")
        self.setMinimumWidth(460)
        self._proposal = model.path.with_suffix(".bioimageio.zip").name
        self.name = QLineEdit(_allowed_name(f"{model.path.stem} {method_of(model)}"))
        self.authors = QLineEdit(model.facts.author)
        self.authors.setPlaceholderText("First Author, Second Author")
        self.license = QComboBox()
        self.license.setEditable(True)
        self.license.addItems(_LICENSES)
        self.description = QLineEdit()
        self.description.setPlaceholderText("made from what the model remembers")
        rows = aligned_rows()
        add_row(rows, "Name", self.name, "5 to 128 letters, digits, spaces and _+-().")
        add_row(rows, "Authors", self.authors, "Who made the model; separated by commas.")
        add_row(
            rows,
            "Licence",
            self.license,
            "Under which others may use the model: an SPDX identifier, such as CC-BY-4.0.",
        )
        add_row(rows, "Description", self.description, "In a sentence or two.")
        self._save = QPushButton("Export ...")
        self._save.setDefault(True)
        self._save.clicked.connect(lambda: self._ask())
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self._save)
        layout = QVBoxLayout(self)
        layout.addWidget(sentence_label(_ABOUT))
        layout.addLayout(rows)
        layout.addLayout(buttons)
        for field in (self.name, self.authors):
            field.textChanged.connect(lambda _: self._judge())
        self._judge()

    def export(self, path: Path) -> None:
        """Emit what is wanted, to be written to a file."""
        authors = tuple(each.strip() for each in self.authors.text().split(",") if each.strip())
        wanted = Wanted(
            path,
            self.name.text().strip(),
            authors,
            self.license.currentText().strip(),
            self.description.text().strip(),
        )
        self.accept()
        self.wanted.emit(wanted)

    def _judge(self) -> None:
        """Export is possible with a name and an author."""
        missing = [
            what
            for what, field in (("a name", self.name), ("an author", self.authors))
            if not field.text().strip()
        ]
        self._save.setEnabled(not missing)
        self._save.setToolTip(f"Needs {' and '.join(missing)}." if missing else "")

    def _ask(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the model", self._proposal, "Packages (*.zip)"
        )
        if path:
            self.export(Path(path))


def _allowed_name(text: str) -> str:
    """Return a name that BioImage.IO accepts, made from a text."""
    return re.sub(r"[^A-Za-z0-9_+\- ()]+", "-", text).strip()[:128]
