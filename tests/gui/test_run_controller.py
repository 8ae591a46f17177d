"""Events reach the window in order, at a pace it can follow; errors become sentences."""

import threading

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import ImageError
from napari_selfdenoise.core.events import Metrics, Note, Preview, Progress, finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui.run_controller import RunController, StageTimer, paced

WAIT = 20_000


class Clock:
    """A clock that moves when told to, or by a step at each look."""

    def __init__(self, step=0.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def events(steps):
    for step in range(1, steps + 1):
        yield Progress(step, steps, "training")
        yield Metrics(step, {"train/loss": 1 / step})
    yield Note("Done.")
    return "result"


def test_all_metrics_and_notes_arrive_in_order():
    batches = []
    assert finish(paced(events(100), clock=Clock(0.01)), batches.append) == "result"
    arrived = [event for batch in batches for event in batch]
    assert [event.step for event in arrived if isinstance(event, Metrics)] == list(
        range(1, 101)
    )
    assert arrived[-1] == Note("Done.")
    steps = [event.step for event in arrived if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert steps[-1] == 100


def test_batches_come_at_the_pace():
    batches = []
    finish(paced(events(1000), 0.1, clock=Clock(0.001)), batches.append)
    assert len(batches) <= 2001 * 0.001 / 0.1 * 2 + 2


def test_only_the_latest_preview_is_kept():
    image = Image(np.zeros((4, 4)))

    def run():
        for step in range(10):
            yield Preview(step, image, (slice(0, 4), slice(0, 4)))

    batches = []
    finish(paced(run(), clock=Clock()), batches.append)
    steps = [event.step for batch in batches for event in batch]
    assert steps == [0, 9]


def test_an_abandoned_run_is_closed():
    closed = []

    def run():
        try:
            yield from events(10)
        finally:
            closed.append(True)

    assert finish(paced(run(), abandoned=lambda: True)) is None
    assert closed


def test_the_time_left_follows_the_speed():
    clock = Clock()
    timer = StageTimer(clock)
    assert timer.update(Progress(0, 100, "training")).seconds_left is None
    clock.now = 10
    assert timer.update(Progress(20, 100, "training")).seconds_left == 40
    assert timer.update(Progress(0, 5, "predicting")).seconds_left is None


@pytest.fixture
def controller(qapp):
    notification_manager.records.clear()
    return RunController()


def record(controller):
    """Return a list that fills with what the controller emits."""
    heard = []
    for name in ("started", "progress", "metrics", "note", "finished", "failed"):
        getattr(controller, name).connect(lambda value, name=name: heard.append((name, value)))
    controller.ended.connect(lambda: heard.append(("ended", None)))
    return heard


def test_a_run_starts_reports_finishes_and_ends(controller, qtbot):
    heard = record(controller)
    controller.start("A run", lambda: events(3), Context())
    assert controller.running
    qtbot.waitUntil(lambda: not controller.running, timeout=WAIT)
    order = [name for name, _ in heard]
    assert order[0] == "started"
    assert order[-2:] == ["finished", "ended"]
    assert heard[-2][1] == "result"
    assert [event.step for name, event in heard if name == "metrics"] == [1, 2, 3]


def test_a_sentence_is_shown_as_a_warning(controller, qtbot):
    def run():
        raise ImageError("The image is empty.")
        yield

    heard = record(controller)
    controller.start("A run", run, Context())
    qtbot.waitUntil(lambda: not controller.running, timeout=WAIT)
    assert [name for name, _ in heard] == ["started", "failed", "ended"]
    last = notification_manager.records[-1]
    assert (last.message, str(last.severity)) == ("The image is empty.", "warning")


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError("a bug")])
def test_a_bug_is_shown_as_an_error(controller, qtbot, monkeypatch, error):
    """RuntimeErrors as well, which napari's worker would swallow."""
    monkeypatch.setattr(notification_manager, "catch_error", True)

    def run():
        yield Progress(1, 2, "training")
        raise error

    controller.start("A run", run, Context())
    qtbot.waitUntil(lambda: not controller.running, timeout=WAIT)
    assert str(notification_manager.records[-1].severity) == "error"
    assert str(error) in notification_manager.records[-1].message


def test_what_comes_while_one_is_busy_waits_its_turn(controller):
    """napari's progress bars process events in the middle of ours."""
    heard = []

    def busy(metrics):
        if metrics.step == 1:
            controller._on_events((Metrics(3, {}),))
        heard.append(metrics.step)

    controller.metrics.connect(busy)
    controller._on_events((Metrics(1, {}), Metrics(2, {})))
    assert heard == [1, 2, 3]


def test_a_batch_waits_until_the_one_before_is_handled():
    handled = threading.Event()
    handled.set()
    batches = paced(events(100), clock=Clock(1), handled=handled)
    assert len(next(batches)) == 1
    assert len(next(batches)) > 100  # nobody has handled the first: all the rest in one
