"""The denoise panel: choose an image and a method, run, watch, keep or take back.

The views below it only ask; the panel acts. It never touches torch: whatever needs it is
imported inside the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari import Viewer

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError, UndenoisedError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.core.sampling import Sampling
from napari_selfdenoise.engine import forecast, memory_forecast, prepare
from napari_selfdenoise.gui import model_runs, training_runs
from napari_selfdenoise.gui.config_form import ConfigForm
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.labels import heading
from napari_selfdenoise.gui.layer_adapter import Taken
from napari_selfdenoise.gui.layer_runs import Job, LayerRuns
from napari_selfdenoise.gui.live_plot import LivePlot
from napari_selfdenoise.gui.method_forms import MethodForms
from napari_selfdenoise.gui.method_picker import MethodPicker
from napari_selfdenoise.gui.model_bar import ModelBar
from napari_selfdenoise.gui.needs import NeedsLabel
from napari_selfdenoise.gui.noise_line import NoiseLine
from napari_selfdenoise.gui.panel import Panel
from napari_selfdenoise.gui.results_place import ResultsPlace
from napari_selfdenoise.gui.results_record import ResultsRecord
from napari_selfdenoise.gui.run_bar import RunBar
from napari_selfdenoise.gui.run_settings import RunSettings
from napari_selfdenoise.gui.spoken import spoken
from napari_selfdenoise.gui.train_on import TrainOn
from napari_selfdenoise.gui.training_images import TrainingImages
from napari_selfdenoise.gui.training_runs import Trained
from napari_selfdenoise.gui.training_set import TrainingSet
from napari_selfdenoise.gui.written_results import written
from napari_selfdenoise.methods import METHODS, get

PREVIEW_INTERVAL = 2.0
"""Seconds between two previews."""


class DenoisePanel(Panel):
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
        super().__init__(napari_viewer)
        self._methods = dict(methods or {name: get(name) for name in METHODS})
        self._model: Any = None
        self.image_picker = ImagePicker(self._viewer)
        self.noise_line = NoiseLine(self._viewer, self.image_picker, self._methods)
        self.method_picker = MethodPicker(self._methods)
        self.train_on = TrainOn()
        self.forms = MethodForms(self._methods)
        self.sampling_form = ConfigForm(Sampling, fold="Mirroring, more images")
        self.run_form = ConfigForm(RunSettings, fold="Run: preparation, seed, device, time")
        self.results_place, self.needs = ResultsPlace(), NeedsLabel()
        self.run_bar = RunBar()
        self.plot = LivePlot(self._viewer.theme)
        self.results = ResultsRecord()
        self.model_bar = ModelBar()
        self.runs = LayerRuns(self._viewer, self.image_picker, self.run_bar, self.results, self)
        self.adapter, self.controller = self.runs.adapter, self.runs.controller
        self.training = TrainingImages(self.adapter, self.image_picker, self.train_on, self)
        self._sampling_heading = heading("Posterior samples")
        self._build()
        self._connect()
        self._on_method(self.method_picker.name)

    def _build(self) -> None:
        self._show_below(
            self.image_picker,
            self.noise_line,
            heading("Method"),
            self.method_picker,
            self.train_on,
            heading("Settings"),
            self.forms,
            self._sampling_heading,
            self.sampling_form,
            self.run_form,
            self.results_place,
            self.needs,
            self.run_bar,
            self.plot,
            self.results,
            self.model_bar,
        )

    def _connect(self) -> None:
        self.image_picker.changed.connect(self._on_image)
        self.training.changed.connect(self._on_image)
        self.method_picker.changed.connect(self._on_method)
        self.forms.changed.connect(self._show_forecasts)
        self.sampling_form.changed.connect(self._show_forecasts)
        self.results_place.changed.connect(self._show_forecasts)
        self.run_bar.denoise_requested.connect(self._denoise)
        self.model_bar.save_requested.connect(self._save_model)
        self.model_bar.load_requested.connect(self._load_model)
        self.model_bar.apply_requested.connect(self._apply_model)
        self.runs.ended.connect(self._on_image)
        self.controller.started.connect(self._on_started)
        self.controller.metrics.connect(self.plot.add)
        self.controller.failed.connect(self._on_failed)
        self._viewer.events.theme.connect(self._on_theme)

    # What the user asks for

    def _denoise(self) -> None:
        method = self._methods[self.method_picker.name]
        if self._problem():
            return
        try:
            given = self._given(method)
        except SelfDenoiseError as error:
            self.runs.refuse(error)
            return
        if self.training.several:
            self._train_on_several(method, given)
            return
        config = self.forms.value(self.method_picker.name)
        preparation = self.run_form.value.preparation
        self._run_on_image(
            method,
            lambda image, context: written(
                prepare.denoise(method, image, config, context, preparation), context
            ),
            given,
        )

    def _given(self, method: Method[Any]) -> TrainingSet:
        """Return what to train on; of this layer alone only its target matters."""
        if self.training.several or method.target:
            return self.training.take()
        return TrainingSet(())

    def _train_on_several(self, method: Method[Any], given: TrainingSet) -> None:
        taken = None if self.image_picker.problem else self.runs.take()
        first = taken is not None and self.training.picked_is_first
        context = self._context(PREVIEW_INTERVAL if first else 0.0)
        config = self.forms.value(self.method_picker.name)
        preparation = self.run_form.value.preparation
        image = None if taken is None else taken.image
        if image is not None and not self._put_results(image, method, context):
            return
        run = partial(training_runs.training, method, given, image, config)

        def done(trained: Trained | None) -> str:
            if trained is None:
                return "Stopped before training began; nothing was learned."
            return self._show_trained(trained, taken, method.title)

        title = f"{method.title} on {given.describe().partition(',')[0]}"
        job = Job(title, done, taken if first else None)
        self.runs.start(job, lambda context: run(context, preparation), context)

    def _apply_model(self) -> None:
        model = self._model
        self._run_on_image(model.method, partial(model_runs.applying, model))

    def _save_model(self, path: Path) -> None:
        job = Job("Saving the model", done=lambda _: f"Model saved as {path.name}.")
        model = self._model
        self.runs.start(job, lambda _: model_runs.saving(model, path), Context())

    def _load_model(self, path: Path) -> None:
        def done(model: Any) -> str:
            self._keep_model(model)
            return f"Model {path.name} loaded."

        job = Job("Loading a model", done)
        self.runs.start(job, lambda _: model_runs.loading(path), Context())

    def _run_on_image(
        self, method: Method[Any], run: Any, given: TrainingSet | None = None
    ) -> None:
        taken = self.runs.take()
        if taken is None:
            return
        title, context = method.title, self._context(PREVIEW_INTERVAL)
        context.targets = () if given is None else given.targets
        if not self._put_results(taken.image, method, context):
            return
        job = Job(
            f"{title} on {taken.look.name}",
            lambda result: self._show_result(taken, result, title),
            taken,
        )
        self.runs.start(job, lambda context: run(taken.image, context), context)

    def _put_results(self, image: Image, method: Method[Any], context: Context) -> bool:
        """Say where a run puts the images it makes; false if they cannot be put there."""
        try:
            context.outputs = self.results_place.outputs(image, method.name)
        except SelfDenoiseError as error:
            self.runs.refuse(error)
            return False
        return True

    def _context(self, preview_interval: float) -> Context:
        return self.run_form.value.context(preview_interval, self.sampling_form.value)

    # What the run tells

    def _on_started(self) -> None:
        self.model_bar.allow(running=True, usable=False)
        self.plot.clear()

    def _show_result(self, taken: Taken, result: Result, title: str) -> str:
        if result.model is not None:
            self._keep_model(result.model)
        return self.runs.show(taken, result, title)

    def _show_trained(self, trained: Trained, taken: Taken | None, title: str) -> str:
        self._keep_model(trained.model)
        images = f"{trained.images} image{'s' * (trained.images != 1)}"
        took = spoken(trained.model.provenance.seconds)
        told = f"Trained on {images} in {took}: apply the model to others, or save it."
        if taken is not None and trained.result is not None:
            told = f"{self.runs.show(taken, trained.result, title)} {told}"
        return told

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, UndenoisedError):
            self._keep_model(error.model)

    def _keep_model(self, model: Any) -> None:
        self._model = model
        self.model_bar.show_model(*model_runs.introduced(model))
        self._offer_sampling()

    # What changes around

    def _problem(self) -> str:
        """Return why nothing can be run; empty if something can."""
        if self.training.several:
            return self.training.problem
        return self.image_picker.problem or self.training.problem

    def _on_image(self) -> None:
        usable = not self.image_picker.problem
        self.run_bar.allow(self._problem())
        several = "Train and denoise" if usable else "Train"
        self.run_bar.name_action(several if self.training.several else "Denoise")
        self.model_bar.allow(running=self.controller.running, usable=usable)
        self._show_forecasts()

    def _on_method(self, name: str) -> None:
        self.forms.show_form(name)
        self.training.follow(self._methods[name])
        self._offer_sampling()
        self._on_image()

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
        self._show_needs(image, seconds)

    def _show_needs(self, image: Image | None, seconds: Mapping[str, float]) -> None:
        """Say what the picked method needs for the picked image."""
        if image is None:
            self.results_place.offer(None, 0)
            self.needs.say("")
            return
        name = self.method_picker.name
        config, sampling = self.forms.value(name), self.sampling_form.value
        try:
            self._methods[name].check_images(config, [image])
            need = memory_forecast.need(self._methods[name], image, config, sampling)
            self.results_place.offer(self.image_picker.layer, need.results)
            if self.results_place.writes:
                need = replace(need, results=0)
            self.needs.show_need(need, seconds[name])
        except SelfDenoiseError as error:  # of the settings, or of the settings file
            self.needs.say(str(error), "warning")

    def _on_theme(self) -> None:
        self.plot.set_theme(self._viewer.theme)

    def _leave(self) -> None:
        self.runs.leave()
        self.noise_line.leave()
        self.training.leave()
        self.image_picker.disconnect_viewer()
        self._viewer.events.theme.disconnect(self._on_theme)
