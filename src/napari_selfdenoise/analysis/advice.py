"""Which methods' assumptions hold for the noise of an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_selfdenoise.analysis.noise_check import check_noise
from napari_selfdenoise.analysis.noise_report import EVEN, NoiseCheck
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method


@dataclass(frozen=True)
class Advice:
    """What is to be said of one method for one image.

    Attributes
    ----------
    method : str
        Name of the method.
    fits : bool
        Whether what it assumes holds, or is made to hold by the preparation.
    reason : str
        Why, in a sentence.
    learns : bool
        Whether it learns first, which may take minutes.
    """

    method: str
    fits: bool
    reason: str
    learns: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Diagnosis:
    """The noise of an image, and which methods fit it.

    Attributes
    ----------
    checks : tuple of NoiseCheck
        One for each channel (axis C) and in it each colour sample (axis S).
    advice : tuple of Advice
        One for each method, the best first.
    """

    checks: tuple[NoiseCheck, ...]
    advice: tuple[Advice, ...]

    @property
    def at_once(self) -> Advice | None:
        """The best method that does not learn, if the first one does."""
        fitting = [each for each in self.advice if each.fits]
        quick = next((each for each in fitting if not each.learns), None)
        return None if quick is None or quick is fitting[0] else quick

    def __str__(self) -> str:
        lines = []
        for check in self.checks:
            lines += [f"{check.name}: {check}", *check.signs]
        lines += [
            f"{'fits' if each.fits else 'no':<6}{each.method:<14}{each.reason}"
            for each in self.advice
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "checks": [check.to_json() for check in self.checks],
            "advice": [each.to_json() for each in self.advice],
        }


def diagnose(
    image: Image, methods: Iterable[Method[Any]], region: Mapping[str, tuple[int, int]]
) -> Diagnosis:
    """Measure the noise of an image and say of each method whether it fits; see `advise`.

    Parameters
    ----------
    image : Image
        Finite values.
    methods : iterable of Method
        In the order shown to users.
    region : mapping of str to (int, int)
        First pixel and the one after the last along some axes; empty for the whole image.

    Raises
    ------
    UsageError
        If the region is not inside the image.
    ImageError
        If pixels are not finite, or all are equal.
    """
    checks = check_noise(image.part(slices_of(region, image)))
    return Diagnosis(checks, advise(checks, image, methods))


def slices_of(region: Mapping[str, tuple[int, int]], image: Image) -> tuple[slice, ...]:
    """Return a region as one slice per axis; axes that it does not name are whole.

    Raises
    ------
    UsageError
        If it is not inside the image.
    """
    for axis, (start, stop) in region.items():
        if axis not in image.axes:
            raise UsageError(f"{image.name} has no axis {axis!r}; its axes are {image.axes}.")
        if not 0 <= start < stop <= image.size(axis):
            raise UsageError(
                f"The region {axis}={start}:{stop} is not inside 0:{image.size(axis)}, "
                f"the axis {axis} of {image.name}."
            )
    return tuple(slice(*region.get(axis, (0, image.size(axis)))) for axis in image.axes)


def advise(
    checks: Sequence[NoiseCheck], image: Image, methods: Iterable[Method[Any]]
) -> tuple[Advice, ...]:
    """Say of each method whether it fits the noise of an image, the best first.

    Everything follows from what methods declare: of the noise (`assumes_even_noise`,
    `assumes_white_noise`, `handles_correlation`), of what they learn from (`learns_from`,
    `target`), and of the quality that was measured on real images (`psnr_gain`). Methods that
    fit come first; among them, for noise that is correlated along one axis, those that are
    made for it; then those measured, by what they gained; then in the order given.

    Parameters
    ----------
    checks : sequence of NoiseCheck
        Of `check_noise`; the worst channel decides.
    image : Image
        The image, for the number of its planes.
    methods : iterable of Method
        In the order shown to users.
    """
    planes = image.size("T") * image.size("Z")
    axes = "".join(sorted({axis for check in checks for axis in check.correlated}))
    # Sub-images are the remedy only where a distance was found at which noise is white.
    divided = any(check.stride > 1 for check in checks)
    lost = any(check.correlated == "xy" and check.stride == 1 for check in checks)
    uneven = max((check.unevenness for check in checks), default=1.0)

    def judged(method: Method[Any]) -> Advice:
        fits, reason = _judge(method, axes, divided and not lost, planes)
        if fits and method.assumes_even_noise and uneven >= EVEN:
            reason += (
                f" Noise {uneven:.1f} times as strong in bright parts is made even before."
            )
        learns = method.learns_from != "nothing"
        return Advice(method.name, fits, reason + _measured(method, fits), learns)

    def rank(pair: tuple[Method[Any], Advice]) -> tuple[bool, bool, float]:
        method, advice = pair
        made_for_it = len(axes) == 1 and method.handles_correlation == "one axis"
        return not advice.fits, not made_for_it, -(method.psnr_gain or 0.0)

    pairs = [(method, judged(method)) for method in methods]
    return tuple(advice for _, advice in sorted(pairs, key=rank))


def _judge(method: Method[Any], axes: str, divided: bool, planes: int) -> tuple[bool, str]:
    if method.target:
        return False, f"Needs {method.target} for each image to learn from."
    if method.learns_from == "many images" and planes == 1:
        return False, "Learns from many images; this is one."
    removed = method.handles_correlation
    if not axes:
        return True, "The noise is independent between pixels, as it may be."
    if removed == "any" or (removed == "one axis" and len(axes) == 1):
        return True, f"Removes noise that is correlated along {' and '.join(axes)}."
    if len(axes) == 2 and divided and method.assumes_white_noise:
        return True, "The image is divided into sub-images whose noise is independent."
    return False, f"Keeps noise that is correlated along {' and '.join(axes)}."


def _measured(method: Method[Any], fits: bool) -> str:
    if not fits:
        return ""
    if method.psnr_gain is None:
        return " Not measured on the images that the others are ranked by."
    return f" Gained {method.psnr_gain:.1f} dB on real images."
