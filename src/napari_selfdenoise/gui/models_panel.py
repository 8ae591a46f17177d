"""The models panel: the user's own models, to be applied, shared and tidied up.

The views below it only ask; the panel acts. What is in the folder is looked up now and then,
because other panels and programs save models there.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, SelfDenoiseError
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine.memory_forecast import result_bytes
from napari_selfdenoise.engine.model_file import Description
from napari_selfdenoise.engine.models_folder import models_folder, models_in
from napari_selfdenoise.gui import folder_runs, model_runs
from napari_selfdenoise.gui.config_form import ConfigForm, folded
from napari_selfdenoise.gui.export_form import ExportForm, Wanted
from napari_selfdenoise.gui.folder_runs import Written
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import heading, sentence_label
from napari_selfdenoise.gui.layer_runs import Job, LayerRuns
from napari_selfdenoise.gui.model_card import ModelCard
from napari_selfdenoise.gui.model_file_bar import ModelFileBar
from napari_selfdenoise.gui.model_list import ModelList
from napari_selfdenoise.gui.model_words import method_of, misfit
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.results_place import ResultsPlace
from napari_selfdenoise.gui.results_record import ResultsRecord
from napari_selfdenoise.gui.run_bar import RunBar
from napari_selfdenoise.methods import METHODS, get

_LOOK_INTERVAL = 1000
"""Milliseconds between two looks at the folder."""
_NONE = (
    "There are no models yet. Train one in the Denoise panel and save it, or import one from a "
    "file."
)


class ModelsPanel(Panel):
    """Keep trained models, and apply them to layers and folders.

    Closing the panel or the viewer during a run ends the run; files that are written by then
    stay.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    folder : Path, optional
        Where the models are; the user's own if omitted.
    """

    def __init__(self, napari_viewer: Viewer, folder: Path | None = None) -> None:
        super().__init__(napari_viewer)
        self.folder = folder or models_folder()
        self._seen: list[tuple[str, int]] | None = None
        self.models, self.card, self.files = ModelList(), ModelCard(), ModelFileBar()
        self._says, self._unfit = sentence_label(), sentence_label()
        self.image_picker = ImagePicker(self._viewer)
        self.sampling_form = ConfigForm(Sampling, fold="Mirroring, more images")
        self._sampling = folded("Posterior samples", self.sampling_form)
        self.run_bar = RunBar("Apply to this layer", "Denoise the layer with this model.")
        self._to_folder = QPushButton("Apply to a folder ...")
        self._to_folder.setToolTip(
            "Denoise all images in a folder with this model; the results are written beside "
            "them."
        )
        self.run_bar.put_beside(self._to_folder)
        self.results, self.results_place = ResultsRecord(), ResultsPlace()
        self.export_form: ExportForm | None = None
        self.runs = LayerRuns(self._viewer, self.image_picker, self.run_bar, self.results, self)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_INTERVAL)
        self._build()
        self._connect()
        self._look()
        self._timer.start()

    def _build(self) -> None:
        self._show_below(
            heading("Models"),
            self.models,
            self._says,
            self.files,
            self.card,
            heading("Apply"),
            self.image_picker,
            self._unfit,
            self._sampling,
            self.results_place,
            self.run_bar,
            self.results,
        )

    def _connect(self) -> None:
        self.models.picked_changed.connect(self._on_picked)
        self.files.import_requested.connect(self._import)
        self.files.export_requested.connect(self._ask_export)
        self.files.rename_requested.connect(self._rename)
        self.files.delete_requested.connect(self._delete)
        self.image_picker.changed.connect(self._allow)
        self.run_bar.denoise_requested.connect(self._apply_to_layer)
        self._to_folder.clicked.connect(lambda: self._ask_folder())
        self.runs.controller.started.connect(self._allow)
        self.runs.ended.connect(self._on_ended)
        self._timer.timeout.connect(self._look)

    # What the user asks for

    def _apply_to_layer(self) -> None:
        model, taken = self.models.picked, self.runs.take()
        if model is None or taken is None:
            return
        title, context = method_of(model), self._context()
        try:
            context.outputs = self.results_place.outputs(taken.image, model.method)
        except SelfDenoiseError as error:
            self.runs.refuse(error)
            return

        def done(result: Any) -> str:
            return self.runs.show(taken, result, title)

        def run(context: Context) -> Any:
            return model_runs.applying_file(model.path, taken.image, context)

        self.runs.start(Job(f"{title} on {taken.look.name}", done, taken), run, context)

    def apply_to_folder(self, folder: Path) -> None:
        """Denoise all images in a folder with the picked model."""
        model = self.models.picked
        if model is None:
            return
        job = Job(f"{method_of(model)} on {folder.name}", Written.sentence)
        run = partial(folder_runs.applying, model.path, folder)
        self.runs.start(job, run, self._context())

    def _import(self, path: Path) -> None:
        def done(imported: Path) -> str:
            self._look()
            self.models.pick(imported)
            return f"Model {path.name} imported as {imported.stem}."

        job = Job("Importing a model", done)
        self.runs.start(job, lambda _: model_runs.importing(path, self.folder), Context())

    def _ask_export(self) -> None:
        model = self.models.picked
        if model is not None:
            self.export_form = ExportForm(model, self)
            self.export_form.wanted.connect(partial(self._export, model))
            self.export_form.open()

    def _export(self, model: Description, wanted: Wanted) -> None:
        job = Job("Exporting a model", lambda path: f"Package written: {path}.")
        self.runs.start(job, lambda _: model_runs.exporting(model.path, wanted), Context())

    def _rename(self, name: str) -> None:
        model = self.models.picked
        if model is None:
            return
        try:
            if Path(name).name != name:
                raise FileError(
                    f"{name!r} cannot be the name of a file: it names a folder, too."
                )
            target = model.path.with_name(name + model.path.suffix)
            if target.exists():
                raise FileError(f"There is a model {name} already; choose another name.")
            _changed(lambda: model.path.rename(target))
        except FileError as error:
            self.runs.refuse(error)
            return
        self._look()
        self.models.pick(target)

    def _delete(self) -> None:
        model = self.models.picked
        if model is not None:
            try:
                _changed(lambda: model.path.unlink(missing_ok=True))
            except FileError as error:
                self.runs.refuse(error)
            self._look()

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of images to denoise")
        if path:
            self.apply_to_folder(Path(path))

    def _context(self) -> Context:
        return Context(sampling=self.sampling_form.value)

    # What changes around

    def _look(self) -> None:
        """Show what is in the folder, if that has changed."""
        seen = _files_in(self.folder)
        if seen == self._seen:
            return
        self._seen = seen
        models, damaged = models_in(self.folder) if seen else ([], [])
        self.models.offer(models)
        told = damaged if models else [*damaged, _NONE]
        self._says.say("\n".join(told), "warning" if damaged else "info")

    def _on_picked(self) -> None:
        model = self.models.picked
        self.card.show_model(model)
        self.files.show_model("" if model is None else model.path.stem)
        self._sampling.setVisible(
            model is not None
            and model.method in METHODS
            and get(model.method).samples_posterior
        )
        self._allow()

    def _allow(self) -> None:
        model, running = self.models.picked, self.runs.controller.running
        self.files.allow(running=running)
        self._to_folder.setEnabled(model is not None and not running)
        problem = self.image_picker.problem
        image = self.image_picker.part()
        unfit = "" if model is None or image is None else misfit(model, image)
        self._unfit.say(unfit, "warning")
        known = model is not None and model.method in METHODS
        if model is None or image is None or not known:
            self.results_place.offer(None, 0)
        else:
            size = result_bytes(get(model.method), image, self.sampling_form.value)
            self.results_place.offer(self.image_picker.layer, size)
        if model is None:
            problem = "Pick a model first."
        self.run_bar.allow(problem or unfit)

    def _on_ended(self) -> None:
        self._look()
        self._allow()

    def _leave(self) -> None:
        self.runs.leave()
        self._timer.stop()
        self.image_picker.disconnect_viewer()


def _files_in(folder: Path) -> list[tuple[str, int]]:
    """Return names and times of what is in a folder; nothing if it is not there."""
    try:
        return sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())
    except OSError:  # not there yet, or a file went while it was looked at
        return []


def _changed(change: Any) -> None:
    """Change a file; raises `FileError` if that cannot be done."""
    try:
        change()
    except OSError as error:
        raise FileError(f"The model's file cannot be changed: {error}.") from error
