from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.events import Note, finish
from napari_selfdenoise.core.names import did_you_mean


def test_finish_hands_on_every_event_and_returns_the_result():
    def run():
        yield Note("one")
        yield Note("two", "warning")
        return 3

    heard = []
    assert finish(run(), heard.append) == 3
    assert [note.text for note in heard] == ["one", "two"]


def test_a_stop_is_honoured_once_and_remembered():
    context = Context()
    context.stop()
    assert context.stopping
    assert not context.stopped
    context.honour_stop()
    assert not context.stopping
    assert context.stopped


def test_near_names():
    assert did_you_mean("gausian", ["gaussian", "bm3d"]) == "Did you mean 'gaussian'?"
    assert did_you_mean("xyz", ["b", "a"]) == "There is a, b."
