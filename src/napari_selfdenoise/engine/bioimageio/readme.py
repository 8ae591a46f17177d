"""What a package tells people: made from what the model remembers."""

from __future__ import annotations

from collections.abc import Iterator

from napari_selfdenoise.engine.bioimageio.package import ATTACHMENT
from napari_selfdenoise.engine.model import Model


def summary(model: Model) -> str:
    """Return what the model is, in a few sentences."""
    sentences = [f"Denoises microscopy images, trained with {model.method.title}."]
    if trained_on := trained_on_words(model):
        sentences.append(f"Trained on {trained_on}.")
    return " ".join([*sentences, f"Assumes: {model.method.assumes}"])[:512]


def trained_on_words(model: Model) -> str:
    """Return what the model was trained on, in words; empty if it does not remember."""
    facts = model.facts
    if not facts.axes:
        return ""
    size, unit = facts.pixel_size()
    sides = " x ".join(map(str, facts.shape))
    words = f"an image {facts.axes} of {sides} pixels"
    if facts.images > 1:
        words = f"{facts.images} images, the first {facts.axes} of {sides} pixels"
    return words if unit == "pixel" else f"{words}, {size:.4g} {unit} each"


def readme(model: Model, authors: str, license: str) -> str:
    """Return the documentation of the package, in Markdown."""
    method, provenance = model.method, model.provenance
    settings = "\n".join(
        f"| `{name}` | {value} |" for name, value in provenance.settings.items()
    )
    made = f"{authors}, {provenance.created[:10]}, licence {license}"
    with_what = ", ".join(f"{name} {each}" for name, each in provenance.versions.items())
    intended = "\n".join(f"- {line}" for line in _facts(model))
    return f"""# Denoising with {method.title}

{method.summary} Made by {made}.

The network takes an image in the intensities that the microscope recorded and returns the
denoised one in the same intensities: normalisation is part of it. It works plane by plane.
Planes of one value, which hold no noise, need not be given to it.

## For which images

**Assumes** {method.assumes}

It was trained on these images, and is for images that were recorded in the same way:

{intended}

## How it was made

With [napari-selfdenoise](https://pypi.org/project/napari-selfdenoise/), method
`{provenance.method}`: {provenance.reference}.

{with_what}; seed {provenance.seed}.

| setting | value |
|---|---|
{settings}

The package holds the model as `{ATTACHMENT}`, too: napari-selfdenoise opens the package as
it is, and nothing is lost.

## Validation

A denoised image is an estimate, not a measurement. Look at the residual, noisy minus
denoised: it should look like noise alone. Structures in it were taken away from the image,
and noise that is missing in it is still there. Where a clean image of the same place exists,
compare with it (PSNR, SSIM).
"""


def _facts(model: Model) -> Iterator[str]:
    yield trained_on_words(model) or "not remembered"
    for number, seen in enumerate(model.facts.seen):
        camera = ""
        if seen.camera is not None:
            camera = (
                f"; gain {seen.camera.gain:.3g}, offset {seen.camera.offset:.4g}, read noise "
                f"{seen.camera.read_noise:.3g}"
            )
        yield (
            f"channel {number}: intensities {seen.low:.4g} to {seen.high:.4g}, noise of "
            f"standard deviation {seen.sigma:.3g}{camera} (grey levels, estimated)"
        )
    if model.preparation.noise_models:
        yield (
            "the noise, which grows with the signal, is made even before and the mean "
            "intensity of each input is kept: give it whole planes, or large tiles"
        )
