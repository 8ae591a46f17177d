import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_selfdenoise import api
from napari_selfdenoise.core.errors import FileError, ModelError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.model import describe
from napari_selfdenoise.engine.model_facts import ModelFacts
from napari_selfdenoise.engine.model_file import read_header
from tests.running import denoise, noisy


@pytest.fixture(scope="module")
def model():
    return denoise("lota_n2n", noisy()).model


def changed(path, *removed, **facts):
    header = {**read_header(path), **facts}
    header = {name: value for name, value in header.items() if name not in removed}
    save_file(load_file(path), path, {"napari-selfdenoise": json.dumps(header)})


def test_a_file_tells_what_it_is_without_its_weights(model, tmp_path):
    path = api.save(model, tmp_path / "cells")
    assert path.name == "cells.safetensors"
    described = describe(path)
    assert described.method == "lota_n2n"
    assert described.settings["steps"] == 6
    assert (described.channels, described.networks) == (1, 1)
    assert described.provenance == model.provenance
    assert described.facts == model.facts
    json.dumps(described.to_json())


def test_an_existing_file_is_kept(model, tmp_path):
    path = api.save(model, tmp_path / "cells")
    before = path.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        api.save(model, path)
    assert path.read_bytes() == before


def test_what_is_no_model_gets_a_sentence(model, tmp_path):
    with pytest.raises(ModelError, match="There is no model file"):
        api.load(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ModelError, match="not a readable model"):
        api.load(broken)
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="holds no model of napari-selfdenoise"):
        api.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"format": 99}, "reads up to 3: please update"),
        ({"method": "later_method"}, "No method 'later_method'"),
        ({"settings": {"depth": 3}}, "No setting 'depth'"),
        ({"method": "gaussian", "settings": {}}, "learns nothing"),
        ({"channels": 3}, "does not fit its own settings"),
    ],
)
def test_models_of_other_versions_get_a_sentence(model, tmp_path, facts, sentence):
    path = api.save(model, tmp_path / "cells")
    changed(path, **facts)
    with pytest.raises(ModelError, match=sentence):
        api.load(path)


def test_files_of_former_formats_are_read(model, tmp_path):
    """Format 1 has no preparation, format 2 does not know what it was trained on."""
    for number, missing in ((1, ("preparation", "facts")), (2, ("facts",))):
        path = api.save(model, tmp_path / f"format{number}")
        changed(path, *missing, format=number)
        loaded = api.load(path)
        assert loaded.facts == ModelFacts()
        assert not loaded.preparation
        expected, found = (
            api.apply(each, noisy())["denoised"].data for each in (model, loaded)
        )
        np.testing.assert_array_equal(found, expected)


def test_a_model_of_another_channel_count_says_so(model):
    colour = Image(np.stack([noisy()] * 3, axis=-1), "YXS")
    with pytest.raises(ModelError, match="1 colour sample"):
        api.apply(model, colour)
    two = denoise("lota_n2n", Image(noisy((2, 30, 30)), "CYX")).model
    with pytest.raises(ModelError, match=r"2 networks, one for each channel.* has 3"):
        api.apply(two, Image(noisy((3, 30, 30)), "CYX"))


def test_one_network_serves_any_number_of_channels(model):
    assert api.apply(model, Image(noisy((3, 30, 30)), "CYX"))["denoised"].shape == (3, 30, 30)
