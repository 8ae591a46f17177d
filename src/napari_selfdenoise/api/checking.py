"""Looking at the noise of an image before denoising it."""

from __future__ import annotations

from collections.abc import Mapping

from napari_selfdenoise.analysis.advice import Diagnosis, diagnose
from napari_selfdenoise.api.sources import ImageSource, open_image
from napari_selfdenoise.methods import METHODS, get


def check_noise(
    image: ImageSource, *, axes: str = "", region: Mapping[str, tuple[int, int]] | None = None
) -> Diagnosis:
    """Measure the noise of an image, and say which methods' assumptions hold.

    Parameters
    ----------
    image : Image, array or path
        As for `denoise`; finite values.
    axes : str
        As for `denoise`.
    region : mapping of str to (int, int), optional
        First pixel and the one after the last along some axes, for example
        ``{"Y": (100, 400), "X": (0, 512)}``.

    Returns
    -------
    Diagnosis
        ``checks``, one for each channel, with gain, offset and read noise, the correlation of
        the noise along each axis, its power spectrum, and signs of processing; ``advice``, one
        for each method, the best first; printed, all in words.

    Raises
    ------
    SelfDenoiseError
        If the image or the region is not usable; the message says what would be.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_selfdenoise import check_noise
    >>> light = np.linspace(2, 200, 256) * np.ones((256, 1))
    >>> noisy = 100 + 3 * np.random.default_rng(0).poisson(light)
    >>> found = check_noise(noisy)
    >>> round(found.checks[0].transfer.gain)
    3
    >>> found.advice[0].fits
    True
    """
    return diagnose(open_image(image, axes), [get(name) for name in METHODS], region or {})
