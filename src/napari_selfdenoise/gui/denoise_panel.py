"""The denoise panel: choose an image and a method, run, watch, keep or take back.

The views below it only ask; the panel acts. It never touches torch: whatever needs it is
imported inside the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Preview, Run
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine import forecast, prepare
from napari_selfdenoise.gui import model_runs
from napari_selfdenoise.gui.config_form import ConfigForm
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import heading, scrolled_column, sentence_label
from napari_selfdenoise.gui.layer_adapter import LayerAdapter, Taken
from napari_selfdenoise.gui.live_plot import LivePlot
from napari_selfdenoise.gui.method_forms import MethodForms
from napari_selfdenoise.gui.method_picker import MethodPicker, spoken
from napari_selfdenoise.gui.model_bar import ModelBar
from napari_selfdenoise.gui.results_record import ResultsRecord
from napari_selfdenoise.gui.run_bar import RunBar
from napari_selfdenoise.gui.run_controller import RunController
from napari_selfdenoise.gui.run_settings import RunSettings
from napari_selfdenoise.methods import METHODS, get

PREVIEW_INTERVAL = 2.0
"""Seconds between two previews."""
_VIEW_INTERVAL = 300
"""Milliseconds between two looks at where the viewer's camera is."""


@dataclass(frozen=True, eq=False)
class _Job:
    """What a run works on, and what to do with what it returns."""

    title: str
    done: Callable[[Any], str]
    taken: Taken | None = None


class DenoisePanel(QWidget):
    """Denoise a layer of the viewer.

    Closing the panel or the viewer during a run ends the run; its result is dropped.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer it works in.
    methods : mapping of str to Method, optional
        Methods to offer; all of the table if omitted.
    """

    def __init__(
        self, napari_viewer: Viewer, methods: Mapping[str, Method[Any]] | None = None
    ) -> None:
        super().__init__()
        # napari hands a contributed widget a proxy, whose layers are proxies too: each a new
        # object, which no list finds again and no `is` recognises.
        napari_viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._viewer = napari_viewer
        self._methods = dict(methods or {name: get(name) for name in METHODS})
        self._model: Any = None
        self._job: _Job | None = None
        self._context: Context | None = None
        self.adapter = LayerAdapter(napari_viewer)
        self.controller = RunController(self)
        self.image_picker = ImagePicker(napari_viewer)
        self.method_picker = MethodPicker(self._methods)
        self.forms = MethodForms(self._methods)
        self.sampling_form = ConfigForm(Sampling, fold="More images")
        self.run_form = ConfigForm(RunSettings, fold="Run: preparation, seed, device, time")
        self.run_bar = RunBar()
        self.plot = LivePlot(napari_viewer.theme)
        self.results = ResultsRecord()
        self.model_bar = ModelBar()
        self.noise_line = sentence_label()
        self._sampling_heading = heading("Posterior samples")
        self._view_timer = QTimer(self)
        self._view_timer.setInterval(_VIEW_INTERVAL)
        self._build()
        self._connect()
        self._on_method(self.method_picker.name)
        self._on_image()

    def _build(self) -> None:
        column = scrolled_column(
            heading("Image"),
            self.image_picker,
            self.noise_line,
            heading("Method"),
            self.method_picker,
            heading("Settings"),
            self.forms,
            self._sampling_heading,
            self.sampling_form,
            self.run_form,
            self.run_bar,
            self.plot,
            self.results,
            heading("Model"),
            self.model_bar,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column)
        self.setMinimumWidth(320)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a width at which no sentence is cut."""
        return QSize(400, 800)

    def _connect(self) -> None:
        self.image_picker.changed.connect(self._on_image)
        self.method_picker.changed.connect(self._on_method)
        self.forms.changed.connect(self._show_forecasts)
        self.run_bar.denoise_requested.connect(self._denoise)
        self.run_bar.stop_requested.connect(self.controller.stop)
        self.results.remove_requested.connect(self.adapter.remove)
        self.model_bar.save_requested.connect(self._save_model)
        self.model_bar.load_requested.connect(self._load_model)
        self.model_bar.apply_requested.connect(self._apply_model)
        self.adapter.adding.connect(self._on_adding)
        self.controller.started.connect(self._on_started)
        self.controller.progress.connect(self.run_bar.show_stage)
        self.controller.metrics.connect(self.plot.add)
        self.controller.preview.connect(self._on_preview)
        self.controller.note.connect(self.run_bar.show_note)
        self.controller.finished.connect(self._on_finished)
        self.controller.failed.connect(self._on_failed)
        self.controller.ended.connect(self._on_ended)
        self._view_timer.timeout.connect(self._follow_view)
        self._viewer.layers.events.removed.connect(self._on_layer_removed)
        self._viewer.events.theme.connect(self._on_theme)

    # What the user asks for

    def _denoise(self) -> None:
        method = self._methods[self.method_picker.name]
        config = self.forms.value(self.method_picker.name)
        preparation = self.run_form.value.preparation
        self._run_on_image(
            method.title,
            lambda image, context: prepare.denoise(method, image, config, context, preparation),
        )

    def _apply_model(self) -> None:
        model = self._model
        self._run_on_image(
            model.method.title,
            lambda image, context: model_runs.applying(model, image, context),
        )

    def _save_model(self, path: Path) -> None:
        job = _Job("Saving the model", done=lambda _: f"Model saved as {path.name}.")
        self._start(job, lambda _: model_runs.saving(self._model, path), Context())

    def _load_model(self, path: Path) -> None:
        def done(model: Any) -> str:
            self._keep_model(model)
            return f"Model {path.name} loaded."

        job = _Job("Loading a model", done)
        self._start(job, lambda _: model_runs.loading(path), Context())

    def _run_on_image(self, title: str, run: Callable[[Any, Context], Run[Result]]) -> None:
        layer = self.image_picker.layer
        if layer is None:
            return
        try:
            taken = self.adapter.take(layer, self.image_picker.axes, self.image_picker.use)
        except SelfDenoiseError as error:
            self.controller.report(error)
            self.run_bar.show_idle(str(error), "warning")
            return

        def done(result: Result) -> str:
            return self._show_result(taken, result, title)

        context = self.run_form.value.context(PREVIEW_INTERVAL, self.sampling_form.value)
        job = _Job(f"{title} on {taken.look.name}", done, taken)
        self._start(job, lambda context: run(taken.image, context), context)

    def _start(
        self, job: _Job, make_run: Callable[[Context], Run[Any]], context: Context
    ) -> None:
        if self.controller.running:
            return
        self._job, self._context = job, context
        self._follow_view()
        self.controller.start(job.title, lambda: make_run(context), context)

    # What the run tells

    def _on_started(self, title: str) -> None:
        self.run_bar.show_running(title)
        self.model_bar.allow(running=True, usable=False)
        self.plot.clear()
        self._view_timer.start()

    def _on_preview(self, preview: Preview) -> None:
        if self._job is not None and self._job.taken is not None:
            title = self._job.title.partition(" on ")[0]
            self.adapter.show_preview(self._job.taken, preview, title)

    def _on_finished(self, returned: Any) -> None:
        self.adapter.hide_preview()
        if self._job is not None:
            self.run_bar.show_idle(self._job.done(returned))

    def _on_failed(self, error: Exception) -> None:
        self.run_bar.show_idle(str(error) or type(error).__name__, "warning")

    def _on_ended(self) -> None:
        self.adapter.hide_preview()
        self._view_timer.stop()
        self._job = self._context = None
        self.run_bar.show_idle()
        self._on_image()

    def _show_result(self, taken: Taken, result: Result, title: str) -> str:
        group = self.adapter.add(taken, result, title)
        took = spoken(result.provenance.seconds)
        stopped = ", stopped early" if result.stopped else ""
        self.results.add(group, f"{taken.look.name} · {title} ({took}{stopped})")
        if result.model is not None:
            self._keep_model(result.model)
        if result.stopped:
            return f"Stopped after {took}; what was reached is kept."
        return f"Done in {took}."

    def _keep_model(self, model: Any) -> None:
        self._model = model
        method, source = model.method, model.provenance.input_name
        about = f"{method.title}, trained on {source}."
        self.model_bar.show_model(about, f"{source}.{method.name}")
        self._offer_sampling()

    # What changes around

    def _on_image(self) -> None:
        self.run_bar.allow(self.image_picker.problem)
        usable = not self.image_picker.problem
        self.model_bar.allow(running=self.controller.running, usable=usable)
        self._show_forecasts()

    def _on_method(self, name: str) -> None:
        self.forms.show_form(name)
        self._offer_sampling()
        self._show_forecasts()

    def _offer_sampling(self) -> None:
        """Show the settings of sampling for a method or a model that has a posterior."""
        methods = [self._methods[self.method_picker.name]]
        methods += [] if self._model is None else [self._model.method]
        offered = any(method.samples_posterior for method in methods)
        self._sampling_heading.setVisible(offered)
        self.sampling_form.setVisible(offered)

    def _show_forecasts(self) -> None:
        image = self.image_picker.part()
        seconds: dict[str, float] = {}
        if image is not None:
            for name, method in self._methods.items():
                seconds[name] = forecast.seconds(method, image, self.forms.value(name))
        self.method_picker.show_seconds(seconds)

    def _follow_view(self) -> None:
        """Tell the run which part of the image is in view."""
        job = self._job
        if job is not None and job.taken is not None and self._context is not None:
            self._context.preview_region = self.adapter.visible_part(job.taken)

    def _on_adding(self, adding: bool) -> None:
        self.image_picker.follow = not adding

    def _on_layer_removed(self) -> None:
        for group in self.results.groups:
            if not self.adapter.group(group):
                self.results.forget(group)

    def _on_theme(self) -> None:
        self.plot.set_theme(self._viewer.theme)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """End the run when napari takes the panel out of its dock."""
        moved = event is not None and event.type() == QEvent.Type.ParentChange
        if moved and self.parentWidget() is None:
            self._leave()
        super().changeEvent(event)

    def _leave(self) -> None:
        self.controller.abandon()
        self.adapter.hide_preview()
        self.image_picker.disconnect_viewer()
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._viewer.events.theme.disconnect(self._on_theme)
