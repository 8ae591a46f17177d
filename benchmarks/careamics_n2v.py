"""Denoise one image with the N2V of careamics 0.3.5; run by `benchmarks.noise2void`.

    PYTHON careamics_n2v.py IMAGE OUT EPOCHS

PYTHON is that of an environment with careamics, which this project does not need. An epoch is
one pass over the patches of the image: with 512 x 512 pixels four batches of 16. The settings
are careamics' own, where it has a default. Prints steps and seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import types
from pathlib import Path

import lightning.pytorch  # noqa: F401  (looks for the real torchvision)
import numpy as np
import torch
import torchmetrics.image  # noqa: F401  (so does this)


def without_torchvision() -> None:
    """Let careamics be imported where torchvision, which its LVAE alone needs, does not fit."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        names = "torchvision", "torchvision.transforms", "torchvision.transforms.functional"
        for name in names:
            sys.modules[name] = types.ModuleType(name)
        sys.modules[names[0]].transforms = sys.modules[names[1]]
        sys.modules[names[1]].functional = sys.modules[names[2]]
        sys.modules[names[0]].__version__ = "0"


without_torchvision()

from careamics.careamist import CAREamist  # noqa: E402
from careamics.config.factories.n2v_factory import create_advanced_n2v_config  # noqa: E402
from skimage.io import imread  # noqa: E402


def main(path: str, out: str, epochs: int) -> None:
    """Train on the image, denoise it, and keep the result."""
    torch.set_num_threads(1)
    image = imread(path).astype(np.float32)
    config = create_advanced_n2v_config(
        "n2v",
        "array",
        "YX",
        [64, 64],
        16,
        num_epochs=epochs,
        num_workers=0,
        seed=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        careamist = CAREamist(config, work_dir=Path(folder), enable_progress_bar=False)
        careamist.train(train_data=image)
        steps = careamist.trainer.global_step
        denoised, _ = careamist.predict(image)
        took = time.perf_counter() - begun
    np.save(out, np.squeeze(denoised[0]))
    print(json.dumps({"steps": steps, "run_seconds": round(took, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
