"""How many frames a second the curtain of the comparison desk follows the mouse.

    python benchmarks/curtain.py [--side PIXELS] [--frames N]

Moves the divider over two 16-bit layers in a real viewer and waits for each frame to be drawn;
beside it the same viewer when only its camera moves, which is the least a frame can take.
Needs a display (``xvfb-run -a`` gives one, which draws in software).
"""

import argparse
import json
import os
import time

os.environ["NAPARI_CONFIG"] = ""  # the window as large as at napari's first start
import napari  # noqa: TID251
import numpy as np
from qtpy.QtWidgets import QApplication  # noqa: TID251

from napari_selfdenoise.gui.curtain import Curtain
from napari_selfdenoise.gui.view_parts import camera_of

BAR = 30
"""Frames a second."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048, help="pixels of a side")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    viewer = napari.Viewer()
    noisy = np.random.default_rng(0).poisson(500, (options.side,) * 2).astype(np.uint16)
    layers = [viewer.add_image(each) for each in (noisy, noisy // 2)]
    curtain = Curtain(viewer)
    curtain.show(*layers)
    places = np.linspace(0.05, 0.95, options.frames)
    centre = camera_of(viewer).center

    def pan(place: float) -> None:
        camera_of(viewer).center = (centre[0], centre[1], centre[2] + place)

    row = {"side": options.side}
    for name, act in (("camera", pan), ("curtain", curtain.move)):
        timed(act, places[:10])
        row[f"{name}_fps"] = round(timed(act, places), 1)
    print(json.dumps(row))
    viewer.close()
    return 0 if row["curtain_fps"] >= BAR else 1


def timed(act, places) -> float:
    """Return the frames a second when each place is drawn before the next comes."""
    start = time.perf_counter()
    for place in places:
        act(float(place))
        QApplication.processEvents()
    return len(places) / (time.perf_counter() - start)


if __name__ == "__main__":
    raise SystemExit(main())
