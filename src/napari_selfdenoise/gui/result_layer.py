"""An image of a result as a layer: its pixels, where they lie and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_selfdenoise.core.image import Image
from napari_selfdenoise.gui.layer_look import LayerLook
from napari_selfdenoise.gui.lazy_pixels import sample_of
from napari_selfdenoise.gui.result_pixels import pixels_of


def result_layer(
    kind: str,
    image: Image,
    noisy: Image,
    look: LayerLook,
    start: Sequence[int],
    path: Path | None = None,
) -> dict[str, Any]:
    """Return what `Viewer.add_image` takes to show an image of a result.

    Parameters
    ----------
    kind : str
        Its name in the result.
    image, noisy : Image
        The image, and the one that was denoised.
    look : LayerLook
        Of the layer that the noisy image was taken from.
    start : sequence of int
        Where in that layer it begins.
    path : Path, optional
        The OME-Zarr folder with the image, if it is shown from there, with the smaller versions
        that are in it.
    """
    data, leading, rgb = pixels_of(kind, image, noisy, rgb=look.rgb, dtype=look.dtype)
    options = look.shown_for(kind, sample_of(data))
    if rgb:
        del options["contrast_limits"]
    levels = [data]
    if path is not None:
        from napari_selfdenoise.data.ome_zarr_levels import levels_of  # loads zarr

        levels = [
            pixels_of(kind, image.like(each), noisy, rgb=look.rgb, dtype=look.dtype)[0]
            for each in levels_of(path, image)
        ]
    several = len(levels) > 1
    return {
        "data": levels if several else levels[0],
        "multiscale": several,
        "rgb": rgb,
        **look.placed(start, leading),
        **options,
    }
