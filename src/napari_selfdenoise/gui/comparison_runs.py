"""What the comparison desk computes in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.analysis.error_maps import error_map
from napari_selfdenoise.analysis.reference_scores import (
    Likeness,
    check_reference,
    likeness,
)
from napari_selfdenoise.analysis.residual import check_residual
from napari_selfdenoise.core.errors import SelfDenoiseError
from napari_selfdenoise.core.events import Progress, Run
from napari_selfdenoise.core.image import Image


@dataclass(frozen=True, eq=False)
class Scored:
    """What was found of one image.

    Attributes
    ----------
    name : str
        Name of its layer.
    likeness : Likeness or None
        To the clean image; ``None`` if there is none or it cannot be compared.
    says : str
        Why there are no numbers, or what was found of the residual.
    maps : dict of str to ndarray
        Pictures of where: ``"error"`` in intensities, ``"removed structure"`` in multiples of
        chance.
    """

    name: str
    likeness: Likeness | None
    says: str
    maps: dict[str, NDArray[np.float32]]


def scoring(images: Sequence[Image], clean: Image) -> Run[list[Scored]]:
    """Compare images with a clean one, and map their errors."""
    found = []
    for number, image in enumerate(images):
        yield Progress(number, len(images), f"comparing {image.name}")
        try:
            like = likeness(image, clean)
            where = error_map(image.read(), clean.read(), axes=image.axes)
            found.append(Scored(image.name, like, "", {"error": where}))
        except SelfDenoiseError as error:
            found.append(Scored(image.name, None, str(error), {}))
    return found


def checking(images: Sequence[Image], noisy: Image) -> Run[list[Scored]]:
    """Check what was removed from a noisy image: noise alone, or structures, too."""
    found = []
    for number, image in enumerate(images):
        yield Progress(number, len(images), f"checking {image.name}")
        try:
            found.append(_checked(image, noisy))
        except SelfDenoiseError as error:
            found.append(Scored(image.name, None, str(error), {}))
    return found


def _checked(image: Image, noisy: Image) -> Scored:
    """Check colour by colour."""
    check_reference(noisy, image)
    both = zip(_colours(noisy), _colours(image), strict=True)
    checks = [check_residual(before, after) for before, after in both]
    findings = dict.fromkeys(finding for check in checks for finding in check.findings)
    says = " ".join(findings) or "What was removed looks like noise and no more."
    where = np.stack([check.map for check in checks], axis=-1)
    shown = where if "S" in image.axes else where[..., 0]
    return Scored(image.name, None, says, {"removed structure": shown})


def _colours(image: Image) -> list[NDArray[Any]]:
    values = image.read()
    return list(np.moveaxis(values, -1, 0)) if "S" in image.axes else [values]
