"""The named experiments of the harness: which rows, and the table made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import mean, stdev

from benchmarks.harness import Record, Row
from napari_selfdenoise.methods import METHODS, get

SCANNED = ("Confocal_BPAE_G", "Confocal_FISH", "TwoPhoton_BPAE_R", "TwoPhoton_MICE")
WIDE_FIELD = ("WideField_BPAE_R",)
CAPTURES = (1, 3)
SEEDS = (0, 1, 2)
AUTO = {"stabilise": "auto", "decorrelate": "auto"}
"""The preparation that users get."""


@dataclass(frozen=True)
class Experiment:
    """Rows to measure, and how to show them.

    Attributes
    ----------
    rows : list of Row
        In the order of measurement.
    table : callable
        Makes Markdown from the finished records.
    page : str
        Name of the file in docs/tables.
    """

    rows: list[Row]
    table: Callable[[list[Record]], str]
    page: str


def fmd(method: str, name: str, settings: Record | None = None, seed: int = 0) -> Row:
    """Return the row of a method on one capture of the fluorescence data."""
    paths = f"fmd/raw/{name}.png", f"fmd/gt/{name}.png"
    return Row(method, *paths, settings or {}, seed)


def captures(conditions: tuple[str, ...]) -> list[str]:
    """Return the names of the captures that are measured."""
    return [f"{condition}_{number}" for condition in conditions for number in CAPTURES]


def trace_rows() -> list[Row]:
    """With and without the trace term: same seed, so same stage 1 and same crops."""
    return [
        fmd("lota_n2n", name, {"trace_weight": weight}, seed)
        for seed in SEEDS
        for name in captures(SCANNED)
        for weight in (0.0, 1.0)
    ]


def trace_table(finished: list[Record]) -> str:
    """Mean gain of the trace term per image, and over all."""
    pairs: dict[tuple[str, int], dict[float, Record]] = {}
    for record in finished:
        weight = record["settings"]["trace_weight"]
        pairs.setdefault((record["image"], record["seed"]), {})[weight] = record
    complete = {key: pair for key, pair in pairs.items() if len(pair) == 2}
    lines = [
        "The trace term of LoTA-N2N on single captures of real fluorescence (FMD), without "
        "preparation, against an equal number of steps without it:",
        "",
        "| image | seeds | without, dB | with the trace term, dB | gain, dB | gain in SSIM |",
        "|---|---|---|---|---|---|",
    ]
    for image in dict.fromkeys(image for image, _ in complete):
        of_image = [pair for (name, _), pair in complete.items() if name == image]
        without = mean(pair[0.0]["psnr"] for pair in of_image)
        with_it = mean(pair[1.0]["psnr"] for pair in of_image)
        similar = mean(pair[1.0]["ssim"] - pair[0.0]["ssim"] for pair in of_image)
        lines.append(
            f"| {short(image)} | {len(of_image)} | {without:.2f} | {with_it:.2f} "
            f"| {with_it - without:+.2f} | {similar:+.4f} |"
        )
    gains = [pair[1.0]["psnr"] - pair[0.0]["psnr"] for pair in complete.values()]
    if len(gains) > 1:
        error = stdev(gains) / len(gains) ** 0.5
        lines.append(
            f"\nMean gain {mean(gains):+.2f} dB, standard error {error:.2f} dB "
            f"({len(gains)} pairs of equal seeds, equal crops and equal numbers of steps)."
        )
    return "\n".join(lines)


MANY_IMAGES = ("iddp", "self2noise")
"""Methods that are of no use on one image."""
SLOW = ("cvf_sid", "self2self", "hdn", "tucker_pnp", "deep_image_prior", "cosdd")
"""Methods that take many minutes."""


def one_image_methods() -> list[str]:
    """Return the methods that need no other image than the noisy one."""
    return [name for name in METHODS if name not in MANY_IMAGES and not get(name).target]


def method_rows() -> list[Row]:
    """Every method for one image with its default settings on every condition."""
    methods = one_image_methods()
    methods.sort(key=lambda name: name in SLOW)  # the others' rows come first
    return [
        replace(fmd(method, name), preparation=AUTO if method != "noisy" else {})
        for method in ("noisy", *methods)
        for name in captures(SCANNED + WIDE_FIELD)
    ]


def method_table(finished: list[Record]) -> str:
    """PSNR / SSIM of every method on every image; seconds and peak memory."""
    names = [short(image) for image in dict.fromkeys(record["image"] for record in finished)]
    lines = [
        "PSNR in dB / SSIM against the mean of 50 captures, on single captures of real "
        "fluorescence (FMD, 8 bits, 512 x 512), every method with its default settings; "
        "nothing is chosen with the ground truth. Seconds are whole processes on two shared "
        "CPU cores, one thread for lota_n2n.",
        "",
        "| method | " + " | ".join(names) + " | seconds | CPU seconds | GB |",
        "|---" * (len(names) + 4) + "|",
    ]
    for method in dict.fromkeys(record["method"] for record in finished):
        of_method = [record for record in finished if record["method"] == method]
        scores = {short(r["image"]): f"{r['psnr']:.2f} / {r['ssim']:.3f}" for r in of_method}
        cells = [scores.get(name, "") for name in names]
        if method == "noisy":
            costs = ["", "", ""]
        else:
            costs = [
                f"{mean(record[key] for record in of_method):.1f}"
                for key in ("seconds", "cpu_seconds", "peak_gb")
            ]
        lines.append(f"| {method} | " + " | ".join(cells + costs) + " |")
    return "\n".join(lines)


def lota_rows() -> list[Row]:
    """Variants of LoTA-N2N, each against the default."""
    variants: list[Record] = [
        {},
        {"trace_weight": 0.5},
        {"trace_weight": 1.5},
        {"schedule": "cosine"},
        {"weight_average": 0.99},
        {"steps": 500},
    ]
    names = captures(SCANNED)
    return [fmd("lota_n2n", name, variant) for variant in variants for name in names]


def variant_table(finished: list[Record]) -> str:
    """Mean PSNR and SSIM of each set of settings over the images it was measured on."""
    lines = ["| settings | images | PSNR, dB | SSIM | CPU seconds |", "|---|---|---|---|---|"]
    for settings in dict.fromkeys(json.dumps(record["settings"]) for record in finished):
        of_variant = [r for r in finished if json.dumps(r["settings"]) == settings]
        changed = ", ".join(f"{key}={value}" for key, value in json.loads(settings).items())
        lines.append(
            f"| {changed or 'default'} | {len(of_variant)} "
            f"| {mean(r['psnr'] for r in of_variant):.2f} "
            f"| {mean(r['ssim'] for r in of_variant):.4f} "
            f"| {mean(r['cpu_seconds'] for r in of_variant):.0f} |"
        )
    return "\n".join(lines)


def prepared_rows() -> list[Row]:
    """Each method as it is and prepared; on the scanned images it is made even by itself.

    The noise of the wide-field images is correlated, that of the others is not.
    """
    return [
        replace(fmd(method, name), preparation=preparation)
        for method in ("bm3d", "nl_means", "lota_n2n")
        for name in reversed(captures(SCANNED + WIDE_FIELD))
        for preparation in (AUTO, {})
    ]


def prepared_table(finished: list[Record]) -> str:
    """PSNR of each method as it is and prepared, and what was chosen.

    Single captures differ in brightness from the mean of fifty by up to a tenth, so the
    scores at equal brightness are there as well.
    """
    pairs: dict[tuple[str, str], dict[bool, Record]] = {}
    for record in finished:
        key = record["method"], short(record["image"])
        pairs.setdefault(key, {})[bool(record["preparation"])] = record
    lines = [
        "| method | image | made even | n | as it is, dB | prepared, dB | gain, dB "
        "| brightness of the capture | prepared, at equal brightness, dB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (method, image), pair in sorted(pairs.items()):
        if len(pair) < 2:
            continue
        plain, prepared = pair[False], pair[True]
        chosen = prepared["prepared"]
        lines.append(
            f"| {method} | {image} | {'yes' if chosen['noise_models'] else 'no'} "
            f"| {chosen['stride']} | {plain['psnr']:.2f} | {prepared['psnr']:.2f} "
            f"| {prepared['psnr'] - plain['psnr']:+.2f} | {prepared['mean_ratio']:.3f} "
            f"| {prepared['psnr_matched']:.2f} |"
        )
    lines.append(
        "\nSingle captures of a public set (FMD), against the mean of 50 captures, from which "
        "they differ in brightness by up to a tenth; an unbiased result keeps the brightness "
        "of its capture. The last column is scored after scaling it to that of the mean."
    )
    return "\n".join(lines)


def short(image: str) -> str:
    """Return the name of an image without folder and suffix."""
    return image.rpartition("/")[2].partition(".")[0]


EXPERIMENTS = {
    "lota_trace": Experiment(trace_rows(), trace_table, "lota_n2n_trace"),
    "methods": Experiment(method_rows(), method_table, "methods"),
    "preparation": Experiment(prepared_rows(), prepared_table, "preparation"),
    "lota_variants": Experiment(lota_rows(), variant_table, "lota_n2n_variants"),
}
