import numpy as np
import pytest
from npe2 import PluginManifest

from napari_selfdenoise.analysis.metrics import psnr
from napari_selfdenoise.data.synthetic import SAMPLES

PLUGIN = "napari-selfdenoise"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution(PLUGIN)


def test_every_sample_is_offered_under_its_title(manifest):
    offered = {each.key: each.display_name for each in manifest.contributions.sample_data}
    assert offered == SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_opens_in_the_viewer_as_it_was_made(name, make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, name)
    clean, noisy = viewer.layers
    assert (clean.name, noisy.name) == (f"{name} clean", f"{name} noisy")
    assert noisy.data.dtype == np.uint16
    letters = noisy.axis_labels
    assert letters == clean.axis_labels == tuple("TYX"[-noisy.ndim :])
    assert tuple(map(str, noisy.units)) == ("second", "micrometer", "micrometer")[-noisy.ndim :]
    assert 0.05 < noisy.scale[-1] < 0.5
    np.testing.assert_array_equal(noisy.scale, clean.scale)
    assert viewer.layers.selection.active is noisy


@pytest.mark.parametrize("name", SAMPLES)
def test_both_layers_have_a_contrast_that_shows_the_cells(name, make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, name)
    clean, noisy = viewer.layers
    assert clean.contrast_limits == noisy.contrast_limits
    low, high = noisy.contrast_limits
    assert (clean.data < low).mean() < 0.001
    assert (clean.data > high).mean() < 0.01
    assert psnr(noisy.data, clean.data) < 24
