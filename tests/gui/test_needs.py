"""Before a run, the panel says what it needs."""

import pytest

from napari_selfdenoise.engine.preferences import prefer


@pytest.fixture
def limited():
    """Return what sets the memory limit in the preferences, in GB."""
    yield lambda limit: prefer({"memory_limit": limit})
    prefer({})


def test_memory_and_time_are_said_for_what_is_picked(viewer, panel, noisy, limited):
    assert panel.needs.text() == ""
    limited(2.0)
    viewer.add_image(noisy(10, 600, 500), name="stack")
    assert panel.needs.text() == "Needs about 24 MB of 2.0 GB free, about 50 min."
    panel.image_picker.choose_use("plane")
    assert panel.needs.text() == "Needs about 2 MB of 2.0 GB free, about 5 min."


def test_more_than_is_free_is_a_warning(viewer, panel, noisy, limited):
    limited(0.02)
    viewer.add_image(noisy(10, 600, 500), name="stack")
    panel.results_place.choose(None)
    assert "24 MB of 20 MB free" in panel.needs.text()
    assert "may not suffice" in panel.needs.text()
    assert panel.needs.styleSheet()
    panel.image_picker.choose_use("plane")
    assert not panel.needs.styleSheet()


def test_tiles_are_counted_and_settings_count(viewer, open_panel, noisy, limited):
    from napari_selfdenoise.methods import get

    limited(20.0)
    panel = open_panel({"hdn": get("hdn")})
    viewer.add_image(noisy(2, 1300, 90), name="stack")
    assert panel.needs.text().endswith(", 4 tiles.")
    before = panel.needs.text()
    panel.sampling_form.set_value(type(panel.sampling_form.value)(keep_samples=90))
    assert panel.needs.text() != before


def test_what_the_settings_do_not_go_with_is_said_before_a_run(viewer, open_panel, noisy):
    from napari_selfdenoise.methods import get

    method = get("noise2void")
    panel = open_panel({"noise2void": method})
    viewer.add_image(noisy(3, 60, 50), name="stack")
    panel.forms.form("noise2void").set_value(method.Config(dimensions="3"))
    assert panel.needs.text().startswith("Needs about")
    panel.image_picker.choose_use("plane")
    assert "dimensions=3 needs a stack, and stack has but one plane" in panel.needs.text()
    panel.forms.form("noise2void").set_value(method.Config(dimensions="2"))
    assert panel.needs.text().startswith("Needs about")
