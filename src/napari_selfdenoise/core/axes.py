"""Axes strings such as ``"TCZYX"``: reading, guessing, checking.

The letters are those of OME and tifffile: T time, C channel, Z depth, Y and X the
plane, S the colour samples of an RGB image (always last), Q the posterior samples
("other" there; always first). Q is never guessed: only a method that draws samples, or a
file or layer that says so, has it.
"""

from collections.abc import Sequence

from napari_selfdenoise.core.errors import AxesError, ImageError

KNOWN = "QTCZYXS"
MAX_AXES = 5
"""T, C, Z, Y, X; posterior and colour samples come on top."""

_GUESSES = {2: "YX", 3: "TYX", 4: "TZYX", 5: "TCZYX"}


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Return `axes` in capitals if it describes an array of `shape`, else raise.

    Raises
    ------
    AxesError
        For a wrong number of letters, an unknown or repeated letter, a missing Y or X,
        posterior samples that are not first, or colour samples that are not last.
    """
    letters = axes.upper()
    example = _example(shape, letters)
    if len(letters) != len(shape):
        raise AxesError(
            f"Axes {axes!r} name {len(letters)} axes, but the image has {len(shape)} "
            f"(shape {_times(shape)}). For example: {example!r}."
        )
    unknown = [letter for letter in letters if letter not in KNOWN]
    if unknown:
        raise AxesError(
            f"Axes {axes!r} hold {unknown[0]!r}, which is none of "
            f"{', '.join(KNOWN)}. For example: {example!r}."
        )
    if len(set(letters)) != len(letters):
        raise AxesError(f"Axes {axes!r} name an axis twice. For example: {example!r}.")
    if not {"Y", "X"} <= set(letters):
        raise AxesError(f"Axes {axes!r} must hold Y and X. For example: {example!r}.")
    if "Q" in letters and not letters.startswith("Q"):
        raise AxesError(f"Axes {axes!r}: Q (posterior samples) must be the first axis.")
    if "S" in letters and not letters.endswith("S"):
        raise AxesError(f"Axes {axes!r}: S (colour samples) must be the last axis.")
    return letters


def guess_axes(shape: Sequence[int], *, rgb: bool = False) -> str:
    """Return likely axes for an array of `shape` whose file or layer names none.

    A leading axis is taken for time, then depth, then channels: ``"TYX"``, ``"TZYX"``,
    ``"TCZYX"``. With `rgb` the last axis holds colour samples.

    Raises
    ------
    ImageError
        For fewer than two or more than five axes (colour samples not counted).
    """
    spatial = len(shape) - int(rgb)
    if spatial not in _GUESSES:
        raise ImageError(
            f"The image has {spatial} axes (shape {_times(shape)}); "
            f"images of 2 to {MAX_AXES} axes can be denoised (T, C, Z, Y, X)."
        )
    return _GUESSES[spatial] + ("S" if rgb else "")


def _example(shape: Sequence[int], letters: str) -> str:
    rgb = letters.endswith("S")
    if "Q" in letters and len(shape) - int(rgb) > 2:
        return "Q" + guess_axes(shape[1:], rgb=rgb)
    return guess_axes(shape, rgb=rgb)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(side) for side in shape)
