import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from napari_selfdenoise.analysis.whiteness import Whiteness, whiteness
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.synthetic import make_sample

SHARED = Path(os.environ.get("SELFDENOISE_SHARED", Path(__file__).parents[3] / "shared"))
DATA = SHARED / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the real data are not here")


def structure(side=256):
    rows, columns = np.indices((side, side))
    return 100 + 50 * np.sin(rows / 15) * np.cos(columns / 12)


def noise(filtered, seed=0, sigma=10.0):
    values = filtered(np.random.default_rng(seed).standard_normal((256, 256)))
    return sigma * values / values.std()


FILTERS = {
    "both": lambda width: lambda values: gaussian_filter(values, width),
    "x": lambda width: lambda values: gaussian_filter1d(values, width, axis=1),
    "y": lambda width: lambda values: gaussian_filter1d(values, width, axis=0),
}


@pytest.mark.parametrize("seed", range(5))
def test_white_noise_is_white(seed):
    found = whiteness(structure() + noise(lambda values: values, seed))
    assert found.verdict == "white"
    assert found.ratio == pytest.approx(1, abs=0.2)


def test_photon_noise_on_cells_is_not_refused():
    found = whiteness(make_sample("cells", seed=0).noisy.read())
    assert found.verdict in ("white", "doubtful")


@pytest.mark.parametrize("along", FILTERS)
def test_correlated_noise_is_found_along_every_axis(along):
    ratios = []
    for width in (0.3, 0.5, 0.8):
        ratios.append(whiteness(structure() + noise(FILTERS[along](width))).ratio)
    assert ratios == sorted(ratios)
    assert whiteness(structure() + noise(FILTERS[along](1.0))).verdict == "correlated"


def test_fine_structure_is_not_taken_for_correlated_noise():
    fine = gaussian_filter(np.random.default_rng(1).standard_normal((256, 256)), 1.0)
    found = whiteness(structure() + 30 * fine + noise(lambda values: values, sigma=2.0))
    assert found.ratio > 3
    assert found.verdict == "fine structure"


@pytest.mark.parametrize(
    ("ratio", "neighbours", "verdict"),
    [
        (1.1, 0.0, "white"),
        (1.1, 0.5, "white"),
        (1.9, 0.0, "doubtful"),
        (1.9, 0.3, "doubtful"),
        (2.2, 0.1, "fine structure"),
        (2.2, 0.2, "correlated"),
        (4.0, 0.05, "fine structure"),
        (4.0, 0.3, "correlated"),
        (float("nan"), 0.0, "doubtful"),
    ],
)
def test_the_verdict_follows_from_both_numbers(ratio, neighbours, verdict):
    found = Whiteness(ratio, neighbours)
    assert found.verdict == verdict
    assert f"{neighbours:+.2f}" in str(found)
    assert found.to_json()["verdict"] == verdict


def test_a_stack_is_measured_as_one():
    planes = [structure() + noise(lambda values: values, seed) for seed in range(3)]
    assert whiteness(np.stack(planes)).verdict == "white"


@needs_data
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_wide_field_is_refused_and_scanned_images_are_not(number):
    verdicts = {
        name: whiteness(read_image(DATA / f"fmd/raw/{name}_{number}.png").read()).verdict
        for name in (
            "WideField_BPAE_R",
            "Confocal_BPAE_G",
            "Confocal_FISH",
            "TwoPhoton_BPAE_R",
            "TwoPhoton_MICE",
        )
    }
    assert verdicts.pop("WideField_BPAE_R") == "correlated"
    assert "correlated" not in verdicts.values()
