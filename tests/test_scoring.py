"""Scores without a clean image, from Python and from the command line."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_selfdenoise import rank
from napari_selfdenoise.cli import main
from napari_selfdenoise.core.errors import ConfigError, UnknownMethodError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import make_sample


@pytest.fixture(scope="module")
def sample():
    return make_sample("cells", seed=0, shape=(128, 128))


@pytest.fixture
def files(sample, tmp_path):
    write_tiff(tmp_path / "noisy.tif", sample.noisy)
    write_tiff(tmp_path / "clean.tif", sample.clean)
    blurred = gaussian_filter(sample.noisy.read().astype(np.float32), 3)
    write_tiff(tmp_path / "blurred.tif", sample.noisy.like(blurred))
    return tmp_path


def test_python_and_the_command_line_rank_alike(sample, files, capsys):
    ways = ["nl_means", ("gaussian", {"width": 1.0}), ("gaussian", {"width": 5.0})]
    ranking = rank(sample.noisy, ways, seed=3)
    assert ranking.rows[-1].name == "gaussian width=5.0"
    words = ["-m", "nl_means", "-m", "gaussian:width=1.0", "-m", "gaussian:width=5.0"]
    assert main(["rank", str(files / "noisy.tif"), *words, "--seed", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["mse"] for row in printed["rows"]] == [row.score.mse for row in ranking.rows]
    assert main(["rank", str(files / "noisy.tif"), *words, "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == [
        row.name.replace(" ", ":") for row in ranking.rows
    ]
    assert " =" in lines[1]


def test_ranking_correlated_noise_fails_with_a_sentence(tmp_path, capsys):
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((128, 128)), 1.0)
    write_tiff(tmp_path / "a.tif", Image((100 + 50 * noise).astype(np.float32)))
    assert main(["rank", str(tmp_path / "a.tif"), "-m", "gaussian"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "it is refused" in captured.err


def test_wrong_names_and_settings_are_wrong_usage(sample, files, capsys):
    for wrong, told in (
        ("gausian", "Did you mean"),
        ("gaussian:width", "is no setting"),
        ("gaussian:width=0", "width is"),
    ):
        assert main(["rank", str(files / "noisy.tif"), "-m", wrong]) == 2
        assert told in capsys.readouterr().err
    with pytest.raises(UnknownMethodError):
        rank(sample.noisy, ["gausian"])
    with pytest.raises(ConfigError):
        rank(sample.noisy, [("gaussian", {"width": 0})])


def test_score_tells_a_blurred_image_from_a_clean_one(files, capsys):
    assert main(["score", str(files / "noisy.tif"), str(files / "clean.tif")]) == 0
    assert "Nothing but noise is found" in capsys.readouterr().out
    words = ["score", str(files / "noisy.tif"), str(files / "blurred.tif")]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "the residual" in told.lower()
    assert "After: The resolution is" in told
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["residual"][0]["findings"]
    assert found["resolution"][0]["unit"] == "micrometer"


def test_score_needs_the_same_pixels(files, capsys):
    write_tiff(files / "small.tif", Image(np.zeros((64, 64), np.float32)))
    assert main(["score", str(files / "noisy.tif"), str(files / "small.tif")]) == 1
    assert "must show the same pixels" in capsys.readouterr().err
