"""Models on the command line: listed, exported."""

import json

import pytest

from napari_selfdenoise import api
from napari_selfdenoise.cli import main
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.engine.models_folder import models_folder
from tests.running import denoise, noisy


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path):
    image = Image(noisy((32, 30)), "YX", (0.1, 0.1), ("micrometer",) * 2)
    path = tmp_path / "models"
    api.save(denoise("lota_n2n", image).model, path / "cells", author="Ada")
    return path


def run(*tokens):
    return main([str(token) for token in tokens])


def test_models_are_listed_with_what_they_were_trained_on(folder, capsys):
    assert run("models", folder) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("cells.safetensors  LoTA-N2N, 20")
    for part in ("Ada", "YX, 32 x 30, 0.1 micrometer per pixel", "noise ", "intensities "):
        assert part in listed
    assert run("models", folder, "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["models"]
    assert (told["method"], told["facts"]["author"]) == ("lota_n2n", "Ada")
    assert told["facts"]["seen"][0]["sigma"] > 0


def test_without_a_folder_they_are_ones_own(folder, capsys):
    assert run("models") == 0
    assert capsys.readouterr().out == f"There are no models in {models_folder()}.\n"
    models_folder().parent.mkdir(parents=True)
    folder.rename(models_folder())
    assert run("models") == 0
    assert "cells.safetensors" in capsys.readouterr().out


def test_a_damaged_model_is_said_and_the_others_are_listed(folder, capsys):
    (folder / "broken.safetensors").write_bytes(b"no model")
    assert run("models", folder) == 1
    told = capsys.readouterr()
    assert "cells.safetensors" in told.out
    assert "broken.safetensors is not a readable model" in told.err
    assert run("models", folder / "none") == 1
    assert "There is no folder" in capsys.readouterr().err


def test_a_model_is_exported_and_its_package_applied(folder, tmp_path, capsys):
    about = ["--name", "Cells of mine", "--license", "CC-BY-4.0"]
    assert run("export", folder / "cells.safetensors", "-o", tmp_path / "cells", *about) == 0
    path = tmp_path / "cells.zip"
    assert capsys.readouterr().out == f"{path}\n"
    assert api.apply(path, noisy())["denoised"].shape == (40, 36)
    again = ["export", folder / "cells.safetensors", "-o", path, *about]
    assert run(*again) == 1
    assert "exists already" in capsys.readouterr().err
    assert run(*again, "--overwrite", "--author", "Ada", "--author", "Grace") == 0
    assert api.load(path).facts.author == "Ada, Grace"
    assert run(*again, "--license", "free") == 2
