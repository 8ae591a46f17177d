import json
import subprocess
import sys

import pytest

from napari_selfdenoise.cli import main
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import make_sample


@pytest.fixture
def cells(tmp_path):
    path = tmp_path / "cells.tif"
    write_tiff(path, make_sample("cells", shape=(128, 144)).noisy)
    return str(path)


def test_check_says_the_noise_and_the_methods(cells, capsys):
    assert main(["check", cells]) == 0
    out = capsys.readouterr().out
    assert "Poisson-Gaussian noise, gain" in out
    assert "Methods that fit\n  tucker_pnp" in out
    assert out.endswith("The best of those that need not learn, and take seconds: bm3d\n")
    assert "Methods that do not" in out


def test_check_in_json_and_of_a_region(cells, capsys):
    assert main(["check", cells, "--json", "--region", "Y=0:96,x=16:144"]) == 0
    found = json.loads(capsys.readouterr().out)
    (check,) = found["checks"]
    assert check["photon_transfer"]["gain"] == pytest.approx(4, rel=0.4)
    assert found["advice"][0].keys() == {"method", "fits", "reason", "learns"}


@pytest.mark.parametrize("region", ["Y", "Y=1", "Y=a:b", "Z=0:1", "Y=5:900", "Y=9:3"])
def test_a_wrong_region_is_told(cells, region, capsys):
    assert main(["check", cells, "--region", region]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_check_needs_no_torch_which_takes_seconds_to_import(cells):
    script = (
        "import sys; from napari_selfdenoise.cli import main; main(sys.argv[1:]); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, "check", cells], check=True)
