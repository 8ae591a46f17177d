"""What a comparison says in sentences: its outcome, and a paragraph for a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_selfdenoise.analysis.comparison import Compared, Comparison

PANG = (
    "Pang, Zheng, Quan, Ji, Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image "
    "Denoising, CVPR 2021"
)
MEANINGS = {
    "Held-out error": "estimated mean squared error against noise the method has not seen; "
    "it tells the order, not the true error; = marks what is as good as the best, within two "
    "standard errors.",
    "PSNR": "mean squared distance from the clean image in decibels; a shift of brightness or "
    "noise in the clean image counts as error, too.",
    "SSIM": "likeness of local contrast and pattern, 1 for equal images; where most is "
    "background, it tells how flat that is.",
    "Residual": "strength of what was removed over that of the noise: less than 1, and noise "
    "was left; more, and more than noise was removed. 1 does not prove that it was noise.",
    "Removed": "share of the scored region where something real was removed, above chance.",
    "Seconds": "time of denoising this region here, training included.",
}


def outcome(comparison: Comparison) -> str:
    """Return in a sentence which is best, and how sure that is."""
    first = comparison.rows[0]
    if len(comparison.rows) == 1:
        return f"Only {first.name} was compared."
    if comparison.order == "none":
        return "The methods are not ranked; they stand in the order in which they were named."
    if comparison.order == "PSNR":
        return f"{first.name} is nearest to the clean image by PSNR."
    even = [
        row.name
        for row in comparison.rows[1:]
        if row.heldout is not None and row.heldout.as_good_as_the_best
    ]
    told = f"{first.name} has the best held-out score"
    if not even:
        return f"{told}, by more than chance."
    return (
        f"{told}; {listed(even)} {'are' if len(even) > 1 else 'is'} as good within the error."
    )


def references(comparison: Comparison) -> list[str]:
    """Return what is cited, in the order of the rows, each once."""
    cited = [row.provenance.reference for row in comparison.rows]
    if comparison.ranking is not None:
        cited.append(PANG)
    return list(dict.fromkeys(cited))


def methods_paragraph(comparison: Comparison) -> str:
    """Return a paragraph for the Methods section, of what the provenance has recorded."""
    numbers = {each: at + 1 for at, each in enumerate(references(comparison))}
    first = comparison.rows[0].provenance
    own, *others = [f"{name} {number}" for name, number in first.versions.items()]
    number = len(comparison.rows)
    ways = [
        f"{row.title} [{numbers[row.provenance.reference]}] with {_changed(row)}"
        for row in comparison.rows
    ]
    noise = "; ".join(str(check).rstrip(".") for check in comparison.diagnosis.checks)
    sentences = [
        f"{place(comparison)} of {comparison.image} (hash {first.input_hash}) was denoised "
        f"with {own} ({', '.join(others)}).",
        f"The noise, measured on the image itself: {noise}.",
        f"{number} methods were compared: {'; '.join(ways)}."
        if number > 1
        else f"The method was {ways[0]}.",
        *_prepared(comparison),
        f"All random numbers came from the seed {first.seed}; computed on "
        f"{_where(comparison)}.",
        *(
            [f"Training of each was limited to {comparison.time_budget:g} s."]
            if comparison.time_budget
            else []
        ),
        *_scored(comparison, numbers),
    ]
    return " ".join(sentences)


def place(comparison: Comparison) -> str:
    """Say which part of the image it is."""
    if comparison.whole:
        return "The whole"
    parts = [
        f"{axis}={part.start}:{part.stop}"
        for axis, part in zip(comparison.noisy.axes, comparison.region, strict=True)
    ]
    return f"The region {', '.join(parts)}"


def listed(names: list[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _changed(row: Compared) -> str:
    changed = {
        name: value
        for name, value in row.provenance.settings.items()
        if row.defaults.get(name) != value
    }
    if not changed:
        return "default settings"
    return f"{listed([f'{name} = {value}' for name, value in changed.items()])}" + (
        " (others default)" if len(changed) < len(row.provenance.settings) else ""
    )


def _prepared(comparison: Comparison) -> list[str]:
    told = []
    known: list[tuple[Compared, Mapping[str, Any]]] = [
        (row, row.provenance.preparation) for row in comparison.rows
    ]
    even = [row.name for row, found in known if found.get("noise_models")]
    if even:
        told.append(
            f"For {listed(even)}, noise was made even by the generalized Anscombe transform "
            "and its exact unbiased inverse."
        )
    divided: dict[int, list[str]] = {}
    for row, found in known:
        stride = int(found.get("stride") or 1)
        if stride > 1:
            divided.setdefault(stride, []).append(row.name)
    told += [
        f"For {listed(names)}, sub-images of every {stride}th pixel were denoised, because "
        "neighbouring pixels share noise."
        for stride, names in divided.items()
    ]
    return told


def _where(comparison: Comparison) -> str:
    places = [f"{each.device} in {each.precision}" for each in _provenances(comparison)]
    return listed(list(dict.fromkeys(places)))


def _provenances(comparison: Comparison) -> list[Any]:
    return [row.provenance for row in comparison.rows]


def _scored(comparison: Comparison, numbers: Mapping[str, int]) -> list[str]:
    told = []
    if comparison.order == "PSNR":
        told.append("PSNR and SSIM were computed against a clean image.")
    if comparison.ranking is not None:
        found = comparison.ranking
        told.append(
            "Methods were scored without a clean image by splitting the noise "
            f"[{numbers[PANG]}] (tau = {found.tau:g}, mean of {found.draws} splits)."
        )
    return told
