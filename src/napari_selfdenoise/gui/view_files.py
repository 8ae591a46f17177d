"""Opens image files in a viewer: ``python -m napari_selfdenoise.gui.view_files FILE...``.

The command line starts it as a process of its own, so that it needs no window itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import napari
import numpy as np

from napari_selfdenoise.data.io import read_image


def add_files(viewer: napari.Viewer, paths: Sequence[Path]) -> None:
    """Add every file as a layer with its scale and units.

    All but residuals share the contrast limits of the first, so that they compare.
    """
    limits = None
    for path in paths:
        image = read_image(path)
        pixels = image.read()
        rgb = image.axes.endswith("S")
        is_residual = path.stem.endswith("residual")
        shown = [float(each) for each in np.nanpercentile(pixels, (0.5, 99.8))]
        limits = limits or shown
        space = image.axes.removesuffix("S")
        viewer.add_image(
            pixels,
            name=path.stem,
            rgb=rgb,
            scale=image.scale[: len(space)],
            units=image.units[: len(space)],
            axis_labels=tuple(space),
            contrast_limits=shown if is_residual else limits,
            visible=not is_residual,
        )


def main() -> None:
    """Open a viewer with the files named on the command line, and wait for its end."""
    viewer = napari.Viewer(title="napari-selfdenoise")
    add_files(viewer, [Path(name) for name in sys.argv[1:]])
    viewer.window.add_plugin_dock_widget("napari-selfdenoise", "Denoise")
    napari.run()


if __name__ == "__main__":
    main()
