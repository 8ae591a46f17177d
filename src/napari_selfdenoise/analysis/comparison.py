"""Several ways to denoise an image, side by side: what each made of it and how it scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_selfdenoise.analysis.advice import Diagnosis
from napari_selfdenoise.analysis.compared_planes import ComparedPlane
from napari_selfdenoise.analysis.ranking import Ranked, Ranking
from napari_selfdenoise.analysis.reference_scores import Scores
from napari_selfdenoise.analysis.residual import ResidualCheck
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.result import Provenance


@dataclass(frozen=True, eq=False)
class Compared:
    """What one way made of the image.

    Attributes
    ----------
    name, title : str
        As it was given, and the method as shown to users.
    denoised : Image
        Of the region.
    provenance : Provenance
        Settings, seed, versions, seconds, citation.
    defaults : mapping
        The method's settings where none are given.
    residuals : tuple of ResidualCheck
        One for each channel and colour; empty for images too small to check.
    scores : Scores or None
        Against the reference, if there is one.
    heldout : Ranked or None
        The held-out score, if it was not refused.
    """

    name: str
    title: str
    denoised: Image
    provenance: Provenance
    defaults: Mapping[str, Any]
    residuals: tuple[ResidualCheck, ...]
    scores: Scores | None
    heldout: Ranked | None = None

    @property
    def seconds(self) -> float:
        """Time of denoising the region, training included."""
        return self.provenance.seconds

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the images."""
        scores = self.scores
        return {
            "name": self.name,
            "seconds": self.seconds,
            "heldout": None if self.heldout is None else self.heldout.to_json(),
            "psnr": None if scores is None else scores.psnr,
            "ssim": None if scores is None else scores.ssim,
            "residual": [check.to_json() for check in self.residuals],
            "provenance": self.provenance.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Ways to denoise an image, the best first.

    Attributes
    ----------
    image : str
        Name of the noisy image.
    noisy, reference : Image
        The region that was denoised, and the clean one; ``None`` without a reference.
    region : tuple of slice
        Where it lies in the image, one slice per axis.
    diagnosis : Diagnosis
        The noise of the region and which methods fit it.
    rows : tuple of Compared
        By PSNR with a reference, else by the held-out score, else as given.
    order : {"PSNR", "held-out score", "none"}
        What the rows are ordered by.
    failed : mapping of str to str
        What did not denoise, and why.
    refused : str
        Why there are no held-out scores, in a sentence; empty if there are.
    doubts : mapping of str to str
        What denoised but got no held-out score, and why.
    ranking : Ranking or None
        The held-out scores.
    planes : tuple of ComparedPlane
        What is shown: one plane of each channel and colour.
    whole : bool
        Whether the region is all of the image.
    time_budget : float
        Seconds after which each training ended; 0 for no limit.
    """

    image: str
    noisy: Image
    reference: Image | None
    region: tuple[slice, ...]
    diagnosis: Diagnosis
    rows: tuple[Compared, ...]
    order: str
    failed: Mapping[str, str]
    refused: str
    doubts: Mapping[str, str] = field(default_factory=dict)
    ranking: Ranking | None = None
    planes: tuple[ComparedPlane, ...] = ()
    whole: bool = True
    time_budget: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the images."""
        first = self.rows[0].scores
        return {
            "image": self.image,
            "region": {
                axis: [part.start, part.stop]
                for axis, part in zip(self.noisy.axes, self.region, strict=True)
            },
            "order": self.order,
            "rows": [row.to_json() for row in self.rows],
            "failed": dict(self.failed),
            "refused": self.refused,
            "not_scored": dict(self.doubts),
            "psnr_noisy": None if first is None else first.psnr_noisy,
            "ssim_noisy": None if first is None else first.ssim_noisy,
            "noise": self.diagnosis.to_json(),
        }
