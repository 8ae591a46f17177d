"""Runs on the layers of a viewer: started, watched on a bar, their results added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari import Viewer
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Preview, Run
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.gui.growing_layers import GrowingLayers
from napari_selfdenoise.gui.image_picker import ImagePicker
from napari_selfdenoise.gui.layer_adapter import METADATA, LayerAdapter, Taken
from napari_selfdenoise.gui.results_record import ResultsRecord
from napari_selfdenoise.gui.run_bar import RunBar
from napari_selfdenoise.gui.run_controller import RunController
from napari_selfdenoise.gui.spoken import spoken
from napari_selfdenoise.gui.written_results import GrowingOutputs

_VIEW_INTERVAL = 300
"""Milliseconds between two looks at where the viewer's camera is."""


@dataclass(frozen=True, eq=False)
class Job:
    """What a run works on, and what to do with what it returns.

    Attributes
    ----------
    title : str
        What is being done.
    done : callable
        Takes what the run returns; returns a sentence for the user.
    taken : Taken, optional
        The part of a layer that a preview is shown of.
    """

    title: str
    done: Callable[[Any], str]
    taken: Taken | None = None


class LayerRuns(QObject):
    """Does one job at a time for a panel and shows on its bar how far it is.

    ``ended`` is emitted when a job has ended in whatever way.

    Attributes
    ----------
    adapter : LayerAdapter
        Takes from and adds to the viewer's layers.
    controller : RunController
        Runs the job.
    growing : GrowingLayers
        Shows results that are written to files, as far as they are.
    """

    ended = Signal()

    def __init__(
        self,
        viewer: Viewer,
        picker: ImagePicker,
        bar: RunBar,
        results: ResultsRecord,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._picker, self._bar, self._results = viewer, picker, bar, results
        self._job: Job | None = None
        self._context: Context | None = None
        self.adapter = LayerAdapter(viewer)
        self.growing = GrowingLayers(viewer, self.adapter, self)
        self.controller = RunController(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(_VIEW_INTERVAL)
        self._timer.timeout.connect(self._follow_view)
        self.adapter.adding.connect(self._on_adding)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        results.remove_requested.connect(self.adapter.remove)
        bar.stop_requested.connect(self.controller.stop)
        self.controller.started.connect(self._on_started)
        self.controller.progress.connect(bar.show_stage)
        self.controller.preview.connect(self._on_preview)
        self.controller.note.connect(bar.show_note)
        self.controller.finished.connect(self._on_finished)
        self.controller.failed.connect(self._on_failed)
        self.controller.ended.connect(self._on_ended)

    def take(self) -> Taken | None:
        """Take what is picked; None, and the reason is told, if it cannot be used."""
        layer = self._picker.layer
        if layer is None:
            return None
        try:
            return self.adapter.take(layer, self._picker.axes, self._picker.use)
        except SelfDenoiseError as error:
            self.refuse(error)
            return None

    def refuse(self, error: SelfDenoiseError) -> None:
        """Tell why a job cannot be done."""
        self.controller.report(error)
        self._bar.show_idle(str(error), "warning")

    def start(
        self, job: Job, make_run: Callable[[Context], Run[Any]], context: Context
    ) -> None:
        """Start a job, unless one is on."""
        if self.controller.running:
            return
        self._job, self._context = job, context
        self._follow_view()
        if job.taken is not None and isinstance(context.outputs, GrowingOutputs):
            self.growing.watch(job.taken, context.outputs, _short(job.title))
        self.controller.start(job.title, lambda: make_run(context), context)

    def show(self, taken: Taken, result: Result, title: str, *, hidden: bool = False) -> str:
        """Add the layers of a result, all of them `hidden` or not; returns a sentence."""
        outputs = None if self._context is None else self._context.outputs
        files = outputs.files if isinstance(outputs, GrowingOutputs) else {}
        shown = self.growing.end()
        group = self.adapter.add(taken, result, title, files)
        for layer in self.adapter.group(group):
            for name, value in shown.get(layer.metadata[METADATA]["kind"], {}).items():
                setattr(layer, name, value)
        if hidden:
            for layer in self.adapter.group(group):
                layer.visible = False
        took = spoken(result.provenance.seconds)
        stopped = ", stopped early" if result.stopped else ""
        self._results.add(group, f"{taken.look.name} · {title} ({took}{stopped})")
        where = f" It was written to {next(iter(files.values()))}." if files else ""
        if result.stopped:
            return f"Stopped after {took}; what was reached is kept.{where}"
        return f"Done in {took}.{where}"

    def leave(self) -> None:
        """End the run when its panel goes."""
        self.controller.abandon()
        self.adapter.hide_preview()
        self.growing.end()
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)

    def _on_started(self, title: str) -> None:
        self._bar.show_running(title)
        self._timer.start()

    def _on_preview(self, preview: Preview) -> None:
        if self._job is not None and self._job.taken is not None:
            self.adapter.show_preview(self._job.taken, preview, _short(self._job.title))

    def _on_finished(self, returned: Any) -> None:
        self.adapter.hide_preview()
        if self._job is not None:
            self._bar.show_idle(self._job.done(returned))

    def _on_failed(self, error: Exception) -> None:
        self._bar.show_idle(str(error) or type(error).__name__, "warning")

    def _on_ended(self) -> None:
        self.adapter.hide_preview()
        self.growing.end()
        self._timer.stop()
        self._job = self._context = None
        self._bar.show_idle()
        self.ended.emit()

    def _on_layer_removed(self) -> None:
        for group in self._results.groups:
            if not self.adapter.group(group):
                self._results.forget(group)

    def _follow_view(self) -> None:
        """Tell the run which part of the image is in view."""
        job = self._job
        if job is not None and job.taken is not None and self._context is not None:
            self._context.preview_region = self.adapter.visible_part(job.taken)

    def _on_adding(self, adding: bool) -> None:
        self._picker.follow = not adding


def _short(title: str) -> str:
    """Return what is being done without what it is done on."""
    return title.partition(" on ")[0]
