"""How a layer lies in the world and how it is shown: what a result takes over from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from numpy.typing import NDArray

from napari_selfdenoise.gui.layer_image import SAMPLE, array_of


@dataclass(frozen=True, eq=False)
class LayerLook:
    """A record of a layer that outlives it: transforms, units, contrast, colours, name.

    Attributes
    ----------
    name : str
        Name of the layer.
    rgb : bool
        Whether it holds colours.
    dtype : numpy dtype
        Type of its pixels.
    contrast_limits : (float, float)
        Its contrast limits.
    """

    name: str
    rgb: bool
    dtype: np.dtype[Any]
    contrast_limits: tuple[float, float]
    _shown: dict[str, Any] = field(repr=False)
    _placed: dict[str, Any] = field(repr=False)
    _linear: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, layer: ImageLayer) -> LayerLook:
        """Record a layer as it is now."""
        low, high = map(float, layer.contrast_limits)
        return cls(
            name=layer.name,
            rgb=layer.rgb,
            dtype=np.dtype(array_of(layer).dtype),
            contrast_limits=(low, high),
            _shown={
                "colormap": layer.colormap,
                "gamma": layer.gamma,
                "blending": layer.blending,
                "opacity": layer.opacity,
                "interpolation2d": layer.interpolation2d,
            },
            _placed={
                "scale": np.array(layer.scale),
                "translate": np.array(layer.translate),
                "rotate": np.array(layer.rotate),
                "shear": np.array(layer.shear),
                "affine": np.array(layer.affine.affine_matrix),
                "units": tuple(layer.units),
                "axis_labels": tuple(layer.axis_labels),
            },
            _linear=_linear_part(layer),
        )

    @property
    def ndim(self) -> int:
        """Number of axes, colour samples not counted."""
        return len(self._placed["scale"])

    def shown(self) -> dict[str, Any]:
        """Return colours and blending, as `add_image` takes them."""
        return dict(self._shown)

    def shown_for(self, kind: str, data: NDArray[Any]) -> dict[str, Any]:
        """Return contrast limits, colours and blending of an image of a result.

        All look as the layer does, but for those that are no intensities: a residual is grey
        and zero in it mid-grey, a spread goes from dark to bright. Colours that cannot be
        shown as such are grey.
        """
        look: dict[str, Any] = {"contrast_limits": self.contrast_limits}
        if self.rgb:
            look["colormap"] = "gray"
        if kind == "residual":
            limit = _magnitude(data)
            look = {"contrast_limits": (-limit, limit), "colormap": "gray", "gamma": 1.0}
        elif kind == "posterior_std":
            colormap = "gray" if self.rgb else "inferno"
            limits = (0.0, _magnitude(data))
            look = {"contrast_limits": limits, "colormap": colormap, "gamma": 1.0}
        elif kind == "exceedance":
            colormap = "gray" if self.rgb else "viridis"
            look = {"contrast_limits": (0.0, 1.0), "colormap": colormap, "gamma": 1.0}
        return self.shown() | look

    def last(self, count: int) -> LayerLook:
        """Return the record of a layer of only the last axes of this one."""
        placed = dict(self._placed)
        for name in ("scale", "translate", "units", "axis_labels"):
            placed[name] = placed[name][-count:]
        for name in ("rotate", "shear"):
            matrix = _shear_matrix(placed[name], self.ndim) if name == "shear" else placed[name]
            placed[name] = matrix[-count:, -count:]
        placed["affine"] = placed["affine"][-count - 1 :, -count - 1 :]
        return replace(self, _placed=placed, _linear=self._linear[-count:, -count:])

    def placed(self, start: Sequence[float], leading: str = "") -> dict[str, Any]:
        """Return transforms, units and labels of a part of the layer.

        Parameters
        ----------
        start : sequence of float
            First pixel of the part along each axis of the layer.
        leading : str
            Letters of the axes that the part has in front of those of the layer.
        """
        placed = dict(self._placed)
        offset = self._linear @ np.asarray(start, dtype=float)[: self.ndim]
        placed["translate"] = placed["translate"] + offset
        if leading:
            count = len(leading)
            placed["scale"] = np.concatenate([np.ones(count), placed["scale"]])
            placed["translate"] = np.concatenate([np.zeros(count), placed["translate"]])
            for name in ("rotate", "affine"):
                placed[name] = _with_leading(placed[name], count)
            placed["shear"] = _with_leading(_shear_matrix(placed["shear"], self.ndim), count)
            placed["units"] = ("pixel",) * count + placed["units"]
            # What has no word gets napari's number, which gives way to other layers' words.
            labels = (
                SAMPLE if axis == "Q" else str(place - count - self.ndim)
                for place, axis in enumerate(leading)
            )
            placed["axis_labels"] = (*labels, *placed["axis_labels"])
        return placed


def _magnitude(data: NDArray[Any]) -> float:
    """Return the absolute value that one pixel in 500 exceeds; 1 if there is none."""
    sample = np.abs(data.reshape(-1)[:: max(1, data.size // 1_000_000)])
    sample = sample[np.isfinite(sample)]
    limit = float(np.quantile(sample, 0.998)) if sample.size else 0.0
    return limit if limit > 0 else 1.0


def _linear_part(layer: ImageLayer) -> NDArray[np.float64]:
    """Return the matrix that takes steps in pixels to steps before the layer's affine."""
    places = [np.zeros(layer.ndim), *np.eye(layer.ndim)]
    origin, *ends = (
        np.asarray(layer.affine.inverse(layer.data_to_world(place))) for place in places
    )
    return np.stack([end - origin for end in ends], axis=1)


def _shear_matrix(shear: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    if shear.ndim == 2:
        return shear
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, 1)] = shear
    return matrix


def _with_leading(matrix: NDArray[np.float64], leading: int) -> NDArray[np.float64]:
    size = leading + len(matrix)
    wider = np.eye(size)
    wider[leading:, leading:] = matrix
    return wider
