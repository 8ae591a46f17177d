from pathlib import Path

import pytest

from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.data.pairs import check_pairs


def paths(names):
    return [Path(name) for name in names.split()]


@pytest.mark.parametrize(
    ("images", "targets"),
    [
        ("noisy/1.tif noisy/2.tif", "clean/1.tif clean/2.tif"),
        ("1_noisy.tif 2_noisy.tif", "clean/1.png clean/2.png"),
        ("a_10ms.ome.tif b_10ms.ome.tif", "a_100ms.tif b_100ms.tif"),
        ("day1/a.tif day1/b.tif day2/a.tif", "gt1/a.tif gt1/b.tif gt2/a.tif"),
        ("a.tif b.tif", "x.tif y.tif"),  # names that tell nothing
        ("noisy.tif", "clean.tif"),
        ("1.tif 2.tif 3.tif", "2.tif 3.tif 4.tif"),  # a row of captures
        ("f1.tif f3.tif f5.tif", "f2.tif f4.tif f6.tif"),
    ],
)
def test_pairs_that_agree(images, targets):
    check_pairs(paths(images), paths(targets))


@pytest.mark.parametrize(
    ("images", "targets", "sentence"),
    [
        ("a.tif b.tif", "c.tif", "There are 2 images, but 1 targets"),
        ("a.tif", "c.tif d.tif", "There are 1 images, but 2 targets"),
        ("n/1.tif n/2.tif", "c/2.tif c/1.tif", "n/1.tif would be paired with c/2.tif"),
        ("n/1.tif n/2.tif n/4.tif", "c/1.tif c/2.tif c/3.tif", "n/4.tif would be paired"),
        ("n/1.tif n/2.tif", "c/2.tif c/3.tif", "n/1.tif would be paired with c/2.tif"),
        (  # one without leading zeros, so that the orders differ
            " ".join(f"n/a{at:02}.tif" for at in range(1, 12)),
            " ".join(sorted(f"c/a{at}.tif" for at in range(1, 12))),
            "would be paired with c/a1.tif",
        ),
    ],
)
def test_pairs_that_do_not(images, targets, sentence):
    with pytest.raises(UsageError, match=sentence):
        check_pairs(paths(images), paths(targets))
