"""What a run returns: named images and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from napari_selfdenoise.core.image import Image


@dataclass(frozen=True)
class Provenance:
    """How a result came about; enough to make it again.

    Attributes
    ----------
    method : str
        Name of the method.
    settings : mapping
        The method's settings as plain values.
    seed : int
        Seed of all random numbers.
    input_name, input_hash : str
        Name of the noisy image and a hash of its pixels, axes and shape.
    device, precision : str
        What the run executed on.
    seconds : float
        Wall time.
    versions : mapping of str to str
        Versions of this package and of those that shape the numbers.
    reference : str
        The paper of the method.
    created : str
        Date and time in ISO 8601.
    preparation : mapping
        How the image was prepared for the method: the settings, and what was measured.
    sampling : mapping
        How many posterior samples were drawn and how far that determines their mean, for
        methods that have a posterior.
    notes : tuple of str
        What the run had to tell the user.
    """

    method: str
    settings: Mapping[str, Any]
    seed: int
    input_name: str
    input_hash: str
    device: str
    precision: str
    seconds: float
    versions: Mapping[str, str]
    reference: str
    created: str
    preparation: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, ready for `json.dumps`."""
        return {**asdict(self), "notes": list(self.notes)}


@dataclass(frozen=True)
class Result:
    """Named images, ``"denoised"`` first, and how they came about.

    Attributes
    ----------
    images : mapping of str to Image
        ``"denoised"``, ``"residual"`` (noisy minus denoised), then what the method adds.
    provenance : Provenance
        Method, settings, seed, versions, input, device and seconds.
    model : object
        What `engine.model.save` writes; ``None`` for a method that learns nothing.
    posterior : object
        What `engine.runs.sample` goes on with; ``None`` for a method without a posterior.
    stopped : bool
        Whether the run was stopped early; the images hold what was reached.
    """

    images: Mapping[str, Image]
    provenance: Provenance
    model: Any = None
    posterior: Any = None
    stopped: bool = False

    def __getitem__(self, name: str) -> Image:
        return self.images[name]
