from pathlib import Path

import pytest

from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.data.folder import image_files, result_name


def test_results_of_a_folder_are_no_images_of_it(tmp_path):
    for name in ("b.tif", "a.ome.tif", "c.PNG", "notes.txt", ".hidden.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    images = image_files(tmp_path)
    assert [path.name for path in images] == ["a.ome.tif", "b.tif", "c.PNG"]
    for path in images:
        for kind in ("denoised", "residual", "samples", "dropout_std"):
            (tmp_path / result_name(path, "cosdd", kind)).touch()
    assert image_files(tmp_path) == images


def test_a_folder_without_images_gets_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="holds no TIFF, PNG or JPEG"):
        image_files(tmp_path)


def test_the_suffix_of_ome_is_no_part_of_a_name():
    name = result_name(Path("day1/cells.ome.tif"), "bm3d", "denoised")
    assert name == "cells.bm3d.denoised.tif"
