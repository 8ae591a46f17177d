"""The Python API: each function drives a run to its end.

>>> from napari_selfdenoise import denoise
>>> result = denoise("cells.tif", "lota_n2n", seed=1)  # doctest: +SKIP
>>> result["denoised"].data  # a float32 array of the input's shape  # doctest: +SKIP
"""

from napari_selfdenoise.api.checking import check_noise
from napari_selfdenoise.api.comparing import compare
from napari_selfdenoise.api.denoising import denoise, methods, sample
from napari_selfdenoise.api.models import apply, export_model, load, save, train
from napari_selfdenoise.api.scoring import rank
from napari_selfdenoise.api.sources import ImageSource

__all__ = [
    "ImageSource",
    "apply",
    "check_noise",
    "compare",
    "denoise",
    "export_model",
    "load",
    "methods",
    "rank",
    "sample",
    "save",
    "train",
]
