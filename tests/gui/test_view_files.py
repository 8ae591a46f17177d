import numpy as np

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.gui.view_files import add_files


def test_files_become_layers_with_scale_units_and_common_contrast(viewer, tmp_path):
    pixels = np.random.default_rng(0).normal(100, 9, (3, 16, 16)).astype("float32")
    image = Image(
        pixels,
        axes="TYX",
        scale=(2, 0.1, 0.1),
        units=("second", "micrometer", "micrometer"),
    )
    names = ["a.noisy", "a.gaussian.denoised", "a.gaussian.residual"]
    paths = [tmp_path / f"{name}.tif" for name in names]
    for path, shift in zip(paths, (0, 5, -100), strict=True):
        write_tiff(path, image.like(pixels + shift))
    add_files(viewer, paths)
    noisy, denoised, residual = viewer.layers[-3:]
    assert [layer.name for layer in (noisy, denoised, residual)] == names
    assert tuple(noisy.scale) == (2, 0.1, 0.1)
    assert [str(unit) for unit in noisy.units] == list(image.units)
    assert noisy.contrast_limits == denoised.contrast_limits != residual.contrast_limits
    assert not residual.visible
