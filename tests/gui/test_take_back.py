"""What the plugin added last is taken back as one action, and nothing of the user's."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_selfdenoise.gui.comparison_panel import ComparisonPanel
from napari_selfdenoise.gui.take_back import take_back


@pytest.fixture
def said(viewer):
    """Return what takes back, and says what napari was told to show."""

    def said():
        take_back(viewer)
        return notification_manager.records[-1].message

    return said


def test_a_run_is_taken_back_as_one(panel, viewer, noisy, run, obedient, names, said):
    obedient.go_on.set()
    viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    run(panel)
    assert len(names()) == 5
    viewer.add_image(noisy(8, 8), name="mine")
    assert said() == "Taken back: cells · Obedient (2 layers)."
    assert len(names()) == 4
    assert len(panel.results.groups) == 1
    assert said() == "Taken back: cells · Obedient (2 layers)."
    assert names() == ["cells", "mine"]
    assert said().startswith("There is nothing to take back")
    assert names() == ["cells", "mine"]


def test_what_the_user_removed_is_passed_over(panel, viewer, noisy, run, obedient, names, said):
    obedient.go_on.set()
    viewer.add_image(noisy(32, 32), name="cells")
    run(panel)
    first = set(names())
    run(panel)
    for layer in [each for each in viewer.layers if each.name not in first]:
        viewer.layers.remove(layer)
    assert said().startswith("Taken back")


def test_the_desk_is_taken_back_but_not_its_curtain(viewer, names, said):
    desk = ComparisonPanel(viewer)
    viewer.window.add_dock_widget(desk, name="Comparison desk")
    layers = [viewer.add_image(np.full((16, 16), at), name=str(at)) for at in (1, 2)]
    desk.layers.choose(layers)
    desk._difference.click()
    desk.ways.choose("curtain")
    assert "(1 layer)" in said()
    assert not any(" - " in name for name in names())
    assert "curtain, left" in names()
