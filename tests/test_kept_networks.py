"""A network that was trained is not lost when its image cannot be denoised in the end."""

import numpy as np
import pytest

from napari_selfdenoise import api
from napari_selfdenoise.cli import main
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, UndenoisedError
from napari_selfdenoise.core.events import finish
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.outputs import Outputs
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.output_files import FileOutputs
from napari_selfdenoise.engine import prepare, runs
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import get
from tests.running import noisy, tiny

FULL = "The disk is full."


class FullDisk(Outputs):
    """Takes no pixel."""

    def new(self, image):
        class Refusing:
            shape, dtype = image.shape, np.dtype(np.float32)

            def __setitem__(self, key, values):
                raise FileError(FULL)

            def __getitem__(self, key):
                raise FileError(FULL)

        return Refusing()

    def scratch(self):
        return Outputs()


@pytest.mark.parametrize("decorrelate", ["off", "2"])
def test_the_error_holds_the_model_as_it_would_have_been(decorrelate):
    image, method, config = Image(noisy((48, 48))), get("lota_n2n"), tiny("lota_n2n")
    preparation = Preparation(stabilise="off", decorrelate=decorrelate)

    def run(**options):
        return finish(prepare.denoise(method, image, config, Context(**options), preparation))

    with pytest.raises(UndenoisedError, match=f"^{FULL} The network is trained all the same"):
        run(outputs=FullDisk())
    expected = run()
    with pytest.raises(UndenoisedError) as caught:
        run(outputs=FullDisk())
    model = caught.value.model
    assert model.preparation == expected.model.preparation
    assert model.provenance.preparation == expected.model.provenance.preparation
    applied = finish(runs.apply(model, image, Context()))
    np.testing.assert_array_equal(applied["denoised"].data, expected["denoised"].data)


def test_an_error_before_training_holds_none():
    with pytest.raises(FileError):
        finish(
            prepare.denoise(
                get("gaussian"),
                Image(noisy()),
                tiny("gaussian"),
                Context(outputs=FullDisk()),
                Preparation(),
            )
        )


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A disk that is full when a result is completed; returns the command that hits on it."""
    write_tiff(tmp_path / "cells.tif", Image(noisy((48, 48))))

    def finish(*_):
        raise FileError(FULL)

    monkeypatch.setattr(FileOutputs, "finish", finish)
    command = ["denoise", str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out")]
    return [*command, "-m", "lota_n2n", "--set", "steps=3", "--set", "patch_size=16"]


def test_the_command_line_saves_it(full, tmp_path, capsys):
    assert main(full) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"{FULL} The network is trained all the same. It is saved as" in told
    kept = tmp_path / "out" / "cells.lota_n2n.safetensors"
    assert api.apply(kept, read_image(tmp_path / "cells.tif"))["denoised"].shape == (48, 48)
    assert [path.name for path in (tmp_path / "out").glob("*.tif")] == []


def test_a_model_that_is_there_stays(full, tmp_path):
    mine = tmp_path / "out" / "cells.lota_n2n.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    assert main(full) == 1
    assert mine.read_bytes() == b"mine"
    assert (tmp_path / "out" / "cells.lota_n2n (2).safetensors").exists()


def test_what_went_wrong_first_is_told_even_if_nothing_can_be_saved(full, monkeypatch, capsys):
    def save(*_):
        raise FileError("No room for the model.")

    monkeypatch.setattr("napari_selfdenoise.engine.model.save", save)
    assert main(full) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert FULL in told
    assert "No room for the model." in told


def test_python_gets_it_when_the_file_cannot_be_completed(full, tmp_path):
    settings = {"steps": 3, "patch_size": 16}
    with pytest.raises(UndenoisedError) as caught:
        api.denoise(noisy((48, 48)), "lota_n2n", settings=settings, out=tmp_path / "a.tif")
    assert api.apply(caught.value.model, noisy())["denoised"].shape == (40, 36)
