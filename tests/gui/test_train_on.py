"""Training on several layers or on a folder, with and without targets, in a real viewer."""

import numpy as np
import pytest

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.methods import get
from tests.running import tiny

WAIT = 60_000


@pytest.fixture
def learning(open_panel, obedient):
    """A panel with the smallest learning methods, and one that does not learn."""
    names = ("lota_n2n", "noise2noise", "supervised")
    panel = open_panel({**{name: get(name) for name in names}, "obedient": obedient})
    for name in names:
        panel.forms.form(name).set_value(tiny(name))
    return panel


@pytest.fixture
def pick(learning):
    def pick(method, source="layer"):
        learning.method_picker.pick(method)
        learning.train_on.choose_source(source)

    return pick


@pytest.fixture
def read(learning, qtbot):
    """Return what waits until the folder was opened."""
    return lambda: qtbot.waitUntil(lambda: not learning.training.reading.running, timeout=WAIT)


def write(folder, name, pixels, axes=""):
    folder.mkdir(exist_ok=True)
    write_tiff(folder / name, Image(pixels, axes=axes, name=name))


def enabled(panel):
    return panel.run_bar._denoise.isEnabled()


def test_only_methods_that_learn_ask_what_to_train_on(learning, viewer, noisy, pick):
    viewer.add_image(noisy(32, 32), name="cells")
    pick("obedient")
    assert learning.train_on.isHidden()
    pick("lota_n2n")
    assert not learning.train_on.isHidden()
    assert learning.train_on._targets.isHidden()
    pick("supervised")
    assert not learning.train_on._targets.isHidden()


def test_layers_train_one_model_that_denoises_the_picked_one(
    learning, viewer, noisy, pick, run, names, qtbot
):
    layers = [viewer.add_image(noisy(32, 40), name=name) for name in ("a", "b", "other")]
    viewer.layers.selection.active = layers[1]
    pick("lota_n2n", "layers")
    assert "Check the layers" in learning.train_on.sentence
    assert not enabled(learning)
    learning.train_on.layers.choose(layers[:2])
    assert learning.train_on.sentence == "2 images, 2560 pixels."
    assert learning.run_bar._denoise.text() == "Train and denoise"
    run(learning)
    assert names()[-1] == "b · LoTA-N2N · denoised"
    assert len(viewer.layers) == 5
    assert learning._model.facts.images == 2
    assert learning.model_bar.about == "LoTA-N2N, trained on b and 1 more image."
    viewer.layers.selection.active = layers[2]
    learning.model_bar.apply_requested.emit()
    qtbot.waitUntil(lambda: not learning.controller.running, timeout=WAIT)
    assert names()[-1] == "other · LoTA-N2N · denoised"


def test_the_picked_layer_is_previewed_if_it_is_trained_on(
    learning, viewer, noisy, pick, qtbot, names
):
    layers = [viewer.add_image(noisy(32, 40), name=name) for name in ("a", "b")]
    pick("lota_n2n", "layers")
    learning.train_on.layers.choose(layers)
    form = learning.forms.form("lota_n2n")
    form.set_value(type(form.value)(steps=20_000, patch_size=16, width=8))
    learning.run_bar.denoise_requested.emit()
    qtbot.waitUntil(lambda: "b · LoTA-N2N · preview" in names(), timeout=WAIT)
    assert viewer.layers["b · LoTA-N2N · preview"].data.shape == (32, 40)
    learning.controller.stop()
    qtbot.waitUntil(lambda: not learning.controller.running, timeout=WAIT)
    assert names()[-1] == "b · LoTA-N2N · denoised"
    assert learning.run_bar.sentence.startswith("Stopped after")


def test_a_stop_before_training_learns_nothing(learning, viewer, noisy, pick, run, names):
    layers = [viewer.add_image(noisy(32, 40), name=name) for name in ("a", "b")]
    pick("lota_n2n", "layers")
    learning.train_on.layers.choose(layers)
    learning.controller.started.connect(learning.controller.stop)
    run(learning)
    assert "nothing was learned" in learning.run_bar.sentence
    assert learning._model is None
    assert names() == ["a", "b"]


def test_layers_of_other_channels_do_not_fit(learning, viewer, noisy, pick):
    one = viewer.add_image(noisy(32, 32), name="one")
    two = viewer.add_image(noisy(2, 32, 32), name="two", axis_labels=("c", "y", "x"))
    pick("lota_n2n", "layers")
    learning.train_on.layers.choose([one, two])
    assert "one has 1 channels, but two has 2" in learning.train_on.sentence
    assert not enabled(learning)
    viewer.layers.remove(two)
    assert enabled(learning)


def test_the_use_holds_for_every_layer(learning, viewer, noisy, pick):
    stacks = [viewer.add_image(noisy(4, 32, 32), name=name) for name in ("a", "b")]
    pick("lota_n2n", "layers")
    learning.train_on.layers.choose(stacks)
    assert learning.train_on.sentence == "2 images, 8192 pixels."
    learning.image_picker.choose_use("plane")
    assert learning.train_on.sentence == "2 images, 2048 pixels."


def test_a_folder_is_trained_on_and_broken_files_are_named(
    learning, viewer, noisy, pick, run, read, tmp_path, names
):
    for number in range(3):
        write(tmp_path, f"{number}.tif", noisy(32, 32))
    (tmp_path / "broken.tif").write_bytes(b"no image")
    write(tmp_path, "colours.tif", noisy(2, 32, 32), "CYX")
    write(tmp_path, "flat.tif", np.zeros((32, 32), np.float32))
    viewer.add_image(noisy(24, 24), name="cells")
    pick("lota_n2n", "folder")
    assert "Choose the folder" in learning.train_on.sentence
    learning.train_on.folder.choose(tmp_path)
    read()
    assert learning.train_on.sentence.startswith("4 images, 4096 pixels. 2 skipped:")
    assert "broken.tif" in learning.train_on.sentence
    assert "colours has 2 channels, but 0 has 1" in learning.train_on.sentence
    run(learning)
    assert learning._model.facts.images == 3  # only reading the pixels shows that one is flat
    assert "flat is constant" in learning.run_bar.sentence
    assert names()[-1] == "cells · LoTA-N2N · denoised"


def test_a_folder_trains_a_model_without_any_layer(
    learning, noisy, pick, run, read, tmp_path, names
):
    write(tmp_path, "a.tif", noisy(32, 32))
    pick("lota_n2n", "folder")
    learning.train_on.folder.choose(tmp_path)
    read()
    assert learning.run_bar._denoise.text() == "Train"
    run(learning)
    assert "Trained on 1 image" in learning.run_bar.sentence
    assert learning._model is not None
    assert names() == []


def test_a_layer_that_does_not_fit_loses_no_model(
    learning, viewer, noisy, pick, run, read, tmp_path, names
):
    write(tmp_path, "a.tif", noisy(32, 32))
    viewer.add_image(noisy(32, 32, 3, dtype=np.uint8), rgb=True, name="colours")
    pick("lota_n2n", "folder")
    learning.train_on.folder.choose(tmp_path)
    read()
    run(learning)
    assert "colours was not denoised" in learning.run_bar.sentence
    assert learning._model is not None
    assert names() == ["colours"]


def test_an_empty_folder_gets_a_sentence(learning, pick, read, tmp_path):
    pick("lota_n2n", "folder")
    learning.train_on.folder.choose(tmp_path)
    read()
    assert "holds no TIFF, PNG or JPEG" in learning.train_on.sentence
    assert not enabled(learning)
    learning.train_on.choose_source("layer")
    assert learning.train_on.sentence == ""


# --- targets -----------------------------------------------------------------------------


def test_a_target_is_asked_for_until_it_is_there(learning, viewer, noisy, pick, run, names):
    cells = viewer.add_image(noisy(32, 32), name="cells")
    clean = viewer.add_image(noisy(32, 32) + 1, name="clean")
    small = viewer.add_image(noisy(16, 16), name="small")
    viewer.layers.selection.active = cells
    pick("supervised")
    assert "learns from a clean image" in learning.train_on.sentence
    assert not enabled(learning)
    learning.train_on.choose_target(small)
    assert "small (16 x 16) cannot be the target of cells (32 x 32)" in (
        learning.train_on.sentence
    )
    learning.train_on.choose_target(clean)
    assert learning.train_on.sentence == ""
    assert enabled(learning)
    run(learning)
    assert names()[-1] == "cells · Supervised · denoised"
    viewer.layers.remove(clean)
    assert not enabled(learning)


def test_noise2noise_takes_neighbours_of_a_stack_for_targets(
    learning, viewer, noisy, pick, run, names
):
    viewer.add_image(noisy(32, 32), name="one")
    pick("noise2noise")
    assert "one is one capture only" in learning.train_on.sentence
    assert not enabled(learning)
    viewer.add_image(noisy(4, 32, 32), name="stack")
    assert enabled(learning)
    learning.image_picker.choose_use("plane")
    assert not enabled(learning)


def test_the_same_part_is_taken_of_the_target(learning, viewer, pick):
    pixels = np.arange(4 * 8 * 8, dtype=np.float32).reshape(4, 8, 8)
    cells = viewer.add_image(pixels, name="cells")
    second = viewer.add_image(pixels + 1000, name="second", translate=(0, 50, 50))
    viewer.layers.selection.active = cells
    viewer.dims.set_current_step(0, 2)
    pick("noise2noise")
    learning.train_on.choose_target(second)
    learning.image_picker.choose_use("plane")
    given = learning.training.take()
    np.testing.assert_array_equal(given.images[0].read(), pixels[2:3])
    np.testing.assert_array_equal(given.targets[0].read(), pixels[2:3] + 1000)


def test_layers_and_targets_are_paired_by_name(learning, viewer, noisy, pick):
    added = {
        name: viewer.add_image(noisy(32, 32) + number, name=name)
        for number, name in enumerate(("b clean", "b", "a clean", "a"))
    }
    viewer.layers.selection.active = added["a clean"]
    pick("supervised", "layers")
    learning.train_on.layers.choose([added["b"], added["a"]])
    assert "learns from a clean image" in learning.train_on.sentence
    learning.train_on.target_layers.choose([added["b clean"]])
    assert "2 layers are checked, but 1 target" in learning.train_on.sentence
    learning.train_on.target_layers.choose([added["b clean"], added["a clean"]])
    assert enabled(learning)
    viewer.layers.selection.active = added["b"]
    given = learning.training.take()
    assert [image.name for image in given.images] == ["b", "a"]
    assert [target.name for target in given.targets] == ["b clean", "a clean"]


def test_folders_are_paired_by_name(learning, noisy, pick, run, read, tmp_path):
    for number in range(2):
        write(tmp_path / "noisy", f"{number}.tif", noisy(32, 32))
        write(tmp_path / "clean", f"{number} clean.tif", noisy(32, 32) + 1)
    pick("supervised", "folder")
    learning.train_on.folder.choose(tmp_path / "noisy")
    read()
    assert "learns from a clean image" in learning.train_on.sentence
    learning.train_on.target_folder.choose(tmp_path / "clean")
    read()
    assert learning.train_on.sentence == "2 images, 2048 pixels."
    given = learning.training.take()
    assert [target.name for target in given.targets] == ["0 clean", "1 clean"]
    run(learning)
    assert learning._model.facts.images == 2
    write(tmp_path / "clean", "more.tif", noisy(32, 32))
    learning.train_on.target_folder.choose(tmp_path / "clean")
    read()
    assert "There are 2 images, but 3 targets" in learning.train_on.sentence
    assert not enabled(learning)
