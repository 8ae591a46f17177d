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


def test_the_command_line_saves_it(tmp_path, monkeypatch, capsys):
    write_tiff(tmp_path / "cells.tif", Image(noisy((48, 48))))

    def full(*_):
        raise FileError(FULL)

    command = ["denoise", str(tmp_path / "cells.tif"), "-o", str(tmp_path / "out")]
    settings = ["-m", "lota_n2n", "--set", "steps=3", "--set", "patch_size=16"]
    with monkeypatch.context() as patched:
        patched.setattr(FileOutputs, "finish", full)
        assert main([*command, *settings]) == 1
    kept = tmp_path / "out" / "cells.lota_n2n.safetensors"
    assert f"{FULL} The network is trained all the same. It is saved as" in (
        " ".join(capsys.readouterr().err.split())
    )
    image = read_image(tmp_path / "cells.tif")
    assert api.apply(kept, image)["denoised"].shape == (48, 48)
    assert [path.name for path in (tmp_path / "out").glob("*.tif")] == []
