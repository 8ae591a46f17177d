"""The picture of all results that the demo makes."""

import numpy as np
import pytest

from napari_selfdenoise.cli.contact_sheet import GAP, HEAD, MARGIN, SIDE, Column, contact_sheet
from napari_selfdenoise.data.synthetic import make_sample


@pytest.mark.parametrize("title", ["BM3D", "Recorrupted-to-Recorrupted (quick)"])
def test_titles_stay_above_their_pictures(title):
    sample = make_sample("cells", 0, shape=(64, 64))
    pixels = sample.clean.read()
    sheet = contact_sheet(sample, [Column(title, "1 s", pixels, 30.0, 0.8)], before=(20.0, 0.5))
    column = MARGIN + 2 * (SIDE + GAP)  # after the noisy and the clean one
    head = np.asarray(sheet)[:HEAD]
    written = (head != head[0, 0]).any(axis=(0, 2))
    assert written[column : column + SIDE].any()
    assert not written[column + SIDE :].any()
