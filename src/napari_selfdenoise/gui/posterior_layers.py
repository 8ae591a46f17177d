"""The layers of results with a posterior, as they are found in a viewer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray

from napari_selfdenoise.core.result import Result
from napari_selfdenoise.gui.layer_adapter import METADATA, RESULT
from napari_selfdenoise.gui.layer_image import SAMPLE, array_of

_KINDS = ("samples", "posterior_std")
"""A result that has one of these has a posterior."""


@dataclass(frozen=True, eq=False)
class PosteriorLayers:
    """The layers of one result with a posterior, some of which may be missing.

    Attributes
    ----------
    group : str
        Id of the group.
    title : str
        What the layers' names have in common.
    layers : mapping of str to napari layer
        By the kind of image: ``"denoised"``, ``"posterior_std"``, ``"samples"``, ...
    """

    group: str
    title: str
    layers: Mapping[str, ImageLayer]

    @property
    def samples(self) -> ImageLayer | None:
        """The layer of samples."""
        return self.layers.get("samples")

    @property
    def kept(self) -> int:
        """Samples that can be looked at one by one."""
        return len(array_of(self.samples)) if self.samples is not None else 0

    @property
    def result(self) -> Result | None:
        """The result, if more samples can be drawn; else ``None``, as for opened files."""
        for layer in self.layers.values():
            result = layer.metadata.get(RESULT)
            if isinstance(result, Result) and result.posterior is not None:
                return result
        return None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the provenance tells of the sampling; empty if there is none."""
        for layer in self.layers.values():
            facts: Mapping[str, Any] = layer.metadata.get(METADATA, {}).get("sampling", {})
            if facts:
                return facts
        return {}


def posterior_groups(layers: Iterable[Layer]) -> list[PosteriorLayers]:
    """Return the results with a posterior among the layers of a viewer, the topmost first."""
    found: dict[str, dict[str, ImageLayer]] = {}
    for layer in reversed(list(layers)):
        group = group_of(layer)
        if group:
            found.setdefault(group, {}).setdefault(kind_of(layer), layer)
    return [
        PosteriorLayers(group, _title(members), members)
        for group, members in found.items()
        if any(kind in members for kind in _KINDS)
    ]


def group_of(layer: Layer) -> str:
    """Return the id of the group that a layer belongs to; empty if to none.

    A layer that tells nothing of itself, such as an opened file, is a group of its own if its
    first axis is labelled as that of samples.
    """
    if not isinstance(layer, ImageLayer):
        return ""
    group = layer.metadata.get(METADATA, {}).get("group", "")
    return str(group) or (str(layer.unique_id) if _is_sampled(layer) else "")


def kind_of(layer: ImageLayer) -> str:
    """Return what image of a result a layer is."""
    kind = layer.metadata.get(METADATA, {}).get("kind", "")
    return str(kind) or ("samples" if _is_sampled(layer) else "")


def one_by_one(layer: ImageLayer) -> Iterator[NDArray[Any]]:
    """Yield the samples of a layer; each is read when it is its turn."""
    data = array_of(layer)
    for number in range(len(data)):
        yield data[number]


def _is_sampled(layer: ImageLayer) -> bool:
    return layer.ndim > 2 and str(layer.axis_labels[0]).lower() == SAMPLE


def _title(members: Mapping[str, ImageLayer]) -> str:
    layer = next(iter(members.values()))
    head, separator, _ = layer.name.rpartition(" · ")
    return head if separator else str(layer.name)
