"""The panel that compares methods: several on the same image, one after the other, judged.

The views below it only ask; the panel acts. It never touches torch: whatever needs it is
imported inside the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_selfdenoise.analysis.comparison import Compared, Comparison
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.gui import method_runs
from napari_selfdenoise.gui.config_form import ConfigForm
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import heading, sentence_label
from napari_selfdenoise.gui.layer_adapter import Taken
from napari_selfdenoise.gui.layer_runs import Job, LayerRuns
from napari_selfdenoise.gui.method_checklist import MethodChecklist
from napari_selfdenoise.gui.number_table import NumberTable, number
from napari_selfdenoise.gui.own_layers import added
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.pick_box import PickBox
from napari_selfdenoise.gui.queue_settings import QueueSettings
from napari_selfdenoise.gui.results_record import ResultsRecord
from napari_selfdenoise.gui.run_bar import RunBar
from napari_selfdenoise.methods import METHODS, get

_TITLES = ("Method", "behind", "PSNR, dB", "SSIM", "time, s")
_TIP = (
    "Behind: how much larger the held-out error is than that of the best, which needs no clean "
    "image; = where the difference is no more than chance. PSNR and SSIM against the clean "
    "layer; higher is nearer."
)
_REPORTS = "Web page (*.html)"
_CHECKED = 4
"""Methods that are checked at first."""


class MethodsPanel(Panel):
    """Denoise a layer with several methods in turn, and see which did best.

    Methods are used with their default settings. Closing the panel or the viewer ends the
    comparison; what it found is dropped.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._methods = {name: get(name) for name in METHODS if not get(name).target}
        self.found: Comparison | None = None
        self.image_picker = ImagePicker(self._viewer)
        self.methods = MethodChecklist(self._methods, _best(self._methods))
        self.clean = PickBox("none")
        self.clean.setToolTip("A layer with the clean image, if there is one.")
        self.form = ConfigForm(QueueSettings, fold="Preparation, seed")
        self.run_bar = RunBar("Compare", "Denoise with each checked method, one by one.")
        self.table, self._says = NumberTable(_TITLES, _TIP), sentence_label()
        self._save = QPushButton("Save a report ...")
        self._save.setToolTip(
            "Write a page with crops, residuals, scores, settings and citations, to be sent to "
            "a colleague: one file that needs no other."
        )
        self.results = ResultsRecord()
        self.runs = LayerRuns(self._viewer, self.image_picker, self.run_bar, self.results, self)
        self._build()
        self._connect()
        self._on_image()

    def _build(self) -> None:
        self._show_below(
            self.image_picker,
            heading("Methods"),
            self.methods,
            heading("Clean image"),
            self.clean,
            self.form,
            self.run_bar,
            self.table,
            self._says,
            self._save,
            self.results,
        )

    def _connect(self) -> None:
        self.image_picker.changed.connect(self._on_image)
        self.image_picker.layers_changed.connect(self._on_image)
        self.methods.changed.connect(self._allow)
        self.run_bar.denoise_requested.connect(self._compare)
        self._save.clicked.connect(lambda: self._ask_report())
        self.runs.controller.started.connect(self._allow)
        self.runs.ended.connect(self._allow)

    # What the user asks for

    def _compare(self) -> None:
        taken = self.runs.take()
        names = self.methods.chosen
        if taken is None or not names:
            return
        try:
            clean = self._clean_part(taken)
        except SelfDenoiseError as error:
            self.runs.refuse(error)
            return
        settings = self.form.value
        run = partial(
            method_runs.comparing,
            taken.image,
            names,
            clean,
            settings.preparation,
            heldout=settings.heldout,
        )
        self._show(None)
        job = Job(
            f"{len(names)} methods on {taken.look.name}",
            lambda found: self._show_found(taken, found),
        )
        self.runs.start(job, lambda context: run(context=context), settings.context())

    def _clean_part(self, taken: Taken) -> Image | None:
        """Return the part of the clean layer where the noisy one was taken."""
        layer = self._clean_layer()
        if layer is None:
            return None
        return self.runs.adapter.take(layer, taken.image.axes, self.image_picker.use).image

    def save_report(self, path: Path) -> None:
        """Write what was found as a page."""
        found = self.found
        if found is None:
            return
        job = Job("Writing a report", lambda written: f"Report written: {written.name}.")
        run: Any = partial(method_runs.reporting, found, path)
        self.runs.start(job, lambda _: run(), Context())

    def _ask_report(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save a report", "report.html", _REPORTS)
        if path:
            self.save_report(Path(path).with_suffix(".html"))

    # What the run tells

    def _show_found(self, taken: Taken, found: Comparison) -> str:
        """Add the denoised images, the best on top and alone visible."""
        with added(self._viewer, f"comparison of {len(found.rows)} methods"):
            for row in reversed(found.rows):
                result = Result({"denoised": row.denoised}, row.provenance)
                self.runs.show(taken, result, row.title, hidden=row is not found.rows[0])
        self._show(found)
        return f"Compared {len(found.rows)} methods."

    def _show(self, found: Comparison | None) -> None:
        self.found = found
        rows = () if found is None else found.rows
        self.table.show_rows([_row(row) for row in rows])
        for column, shown in (
            (1, any(row.heldout is not None for row in rows)),
            (2, any(row.scores is not None for row in rows)),
            (3, any(row.scores is not None for row in rows)),
        ):
            self.table.show_column(column, shown)
        self._says.say("" if found is None else _told(found))
        self._save.setVisible(found is not None)

    # What changes around

    def _on_image(self) -> None:
        noisy = self.image_picker.layer
        choices = [
            (str(layer.unique_id), str(layer.name))
            for layer in self.image_picker.layers
            if layer is not noisy
        ]
        self.clean.offer([("", "none"), *choices])
        image = self.image_picker.part()
        seconds: dict[str, float] = {}
        if image is not None:
            for name, method in self._methods.items():
                seconds[name] = forecast.seconds(method, image, method.Config())
        self.methods.show_seconds(seconds)
        self._allow()

    def _clean_layer(self) -> ImageLayer | None:
        for layer in self.image_picker.layers:
            if str(layer.unique_id) == self.clean.key:
                return layer
        return None

    def _allow(self) -> None:
        problem = self.image_picker.problem
        self.run_bar.allow(problem or ("" if self.methods.chosen else "Check a method first."))
        self._save.setVisible(self.found is not None)
        self._save.setEnabled(not self.runs.controller.running)

    def _leave(self) -> None:
        self.runs.leave()
        self.image_picker.disconnect_viewer()


def _best(methods: Mapping[str, Method[Any]]) -> tuple[str, ...]:
    """Return the names of the methods that gained most where they were measured."""
    gains = {name: method.psnr_gain or 0.0 for name, method in methods.items()}
    return tuple(sorted(gains, key=gains.__getitem__, reverse=True)[:_CHECKED])


def _row(row: Compared) -> list[str]:
    scores, heldout = row.scores, row.heldout
    behind = "-"
    if heldout is not None:
        behind = "=" if heldout.as_good_as_the_best else f"{heldout.behind:.3g}"
    return [
        row.title,
        behind,
        number(None if scores is None else scores.psnr, 2),
        number(None if scores is None else scores.ssim, 3),
        number(row.seconds, 1),
    ]


def _told(found: Comparison) -> str:
    from napari_selfdenoise.analysis.report.words import outcome

    told = [outcome(found), found.refused]
    told += [f"{name} failed: {reason}" for name, reason in found.failed.items()]
    told += [f"{name} was not scored: {reason}" for name, reason in found.doubts.items()]
    return "\n".join(filter(None, told))
