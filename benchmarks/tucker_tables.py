"""Tables of what `benchmarks.tucker_pnp` measured, for the docs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from statistics import mean

from benchmarks.harness import TABLES, Record, records

RESULT = "tucker_pnp"
PAPER_IN = {20: (30.07, 30.22), 25: (30.44, 29.81), 30: (29.34, 28.54)}
PAPER_OUT = {
    ("set12", 20): (27.16, 27.01),
    ("set12", 25): (28.13, 27.58),
    ("set12", 30): (27.08, 26.67),
    ("bsd68_a", 20): (26.76, 24.32),
    ("bsd68_a", 25): (27.06, 26.43),
    ("bsd68_a", 30): (26.41, 25.90),
}
PAPER_MISALIGNED = {
    (20, 20): 26.76,
    (20, 25): 26.07,
    (20, 30): 25.37,
    (25, 20): 27.69,
    (25, 25): 27.06,
    (25, 30): 26.18,
    (30, 20): 27.61,
    (30, 25): 27.07,
    (30, 30): 26.41,
}
"""What the paper prints, in dB: NN+BM3D+T (and NN+BM3D)."""
SETS = {"set12": "Set12 without Lena", "bsd68_a": "half of BSD68"}


def rows(what: str, **known: object) -> list[Record]:
    """Return the rows of one kind."""
    return [
        row
        for row in records(RESULT)
        if row["what"] == what and all(row.get(key) == value for key, value in known.items())
    ]


def write_tables() -> str:
    """Write the tables there are figures for, and return them."""
    tables = {
        "tucker_pnp_quality": quality(),
        "tucker_pnp_misaligned": misaligned(),
        "tucker_pnp_low_rank": low_rank(),
        "tucker_pnp_ablation": ablation(),
        "tucker_pnp_time": timing(),
        "tucker_pnp_others": others(),
    }
    for name, text in tables.items():
        if text:
            (TABLES / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    return "\n\n".join(text for text in tables.values() if text)


def table(caption: str, head: Iterable[str], body: list[list[str]]) -> str:
    """Return a table in Markdown; nothing without a body."""
    if not body:
        return ""
    head = list(head)
    lines = [" | ".join(each) for each in (head, ["---"] * len(head), *body)]
    return "\n".join([caption, "", *(f"| {line} |" for line in lines)])


def quality() -> str:
    """Say how good the default is at each noise level, on its image and on others."""
    body = []
    for size in (256, 512):
        for sigma, printed in PAPER_IN.items():
            found = rows("in-sample", settings={}, size=size, sigma=sigma)
            if not found:
                continue
            body.append(
                [
                    f"the image trained on, {size} x {size}",
                    str(sigma),
                    _psnr_ssim(found),
                    f"{mean(row['bm3d'] for row in found):.2f}",
                    f"{printed[0]:.2f} ({printed[1]:.2f})" if size == 256 else "",
                    str(len(found)),
                ]
            )
    for (folder, sigma), printed in PAPER_OUT.items():
        found = rows("out-sample", settings={}, folder=folder, sigma=sigma, tested=sigma)
        if found:
            body.append(
                [
                    f"other images, {SETS[folder]}",
                    str(sigma),
                    _psnr_ssim(found),
                    "",
                    f"{printed[0]:.2f} ({printed[1]:.2f})",
                    str(len(found)),
                ]
            )
    return table(
        "Trained on one noisy *Lena* of 256 x 256 pixels with the default settings (of "
        "512 x 512 where it says so). PSNR in dB / SSIM of what the network makes of the "
        "image; the paper's figures are of NN+BM3D+T (NN+BM3D), on noise of its own.",
        ["denoised", "sigma", "here", "BM3D", "paper", "seeds"],
        body,
    )


def misaligned() -> str:
    """Say what a network does with noise of another strength than it has seen."""
    body = []
    for (sigma, tested), printed in PAPER_MISALIGNED.items():
        found = rows(
            "out-sample", settings={}, folder="bsd68_a", sigma=sigma, tested=tested, seed=0
        )
        if found:
            body.append([str(sigma), str(tested), _psnr_ssim(found), f"{printed:.2f}"])
    return table(
        f"Trained on *Lena* with noise of one strength, applied to {SETS['bsd68_a']} with "
        "noise of another, PSNR in dB / SSIM:",
        ["sigma trained on", "sigma tested on", "here", "paper"],
        body,
    )


def low_rank() -> str:
    """Say what low-rank approximation changes, seed by seed."""
    body = []
    for label, what, known in (
        ("the image trained on", "in-sample", {"size": 256}),
        (SETS["set12"], "out-sample", {"folder": "set12", "tested": 25}),
        (SETS["bsd68_a"], "out-sample", {"folder": "bsd68_a", "tested": 25}),
    ):
        with_it, without = (
            {row["seed"]: row["psnr"] for row in rows(what, settings=each, sigma=25, **known)}
            for each in ({"low_rank": True}, {})
        )
        seeds = sorted(with_it.keys() & without.keys())
        if seeds:
            gains = [with_it[seed] - without[seed] for seed in seeds]
            body.append(
                [
                    label,
                    ", ".join(f"{without[seed]:.2f}" for seed in seeds),
                    ", ".join(f"{with_it[seed]:.2f}" for seed in seeds),
                    f"{mean(gains):+.2f} ({min(gains):+.2f} to {max(gains):+.2f})",
                ]
            )
    return table(
        "With low-rank approximation (T) every 200 steps and without it, default settings "
        "otherwise, sigma 25, seeds 0, 1, 2 of noise and weights, PSNR in dB:",
        ["denoised", "without T", "with T", "mean difference"],
        body,
    )


def ablation() -> str:
    """Say what each choice of the default is worth, taken back alone."""
    found = rows("in-sample", size=256, sigma=25, seed=0)
    body = []
    for row in found:
        cells = [_named(row["settings"]), f"{row['psnr']:.2f}"]
        for folder in SETS:
            others = rows(
                "out-sample",
                settings=row["settings"],
                sigma=25,
                seed=0,
                folder=folder,
                tested=25,
            )
            cells.append(f"{others[0]['psnr']:.2f}" if others else "")
        body.append(cells)
    return table(
        "The choices of the default, each taken back alone (sigma 25, seed 0), and the preset "
        "of the paper's procedure run to its end, PSNR in dB:",
        ["settings", "the image trained on", *SETS.values()],
        body,
    )


def timing() -> str:
    """Say how long it takes, against the plain procedure."""
    body = []
    for row in rows("time")[-1:]:
        paper = rows("in-sample", settings={"preset": "paper"})
        body = [
            [
                "the paper's procedure, plainly: float32, two epochs timed and scaled to 100",
                f"{row['plain_seconds']:.0f}",
                f"{paper[-1]['psnr']:.2f} (preset `paper`)" if paper else "",
            ],
            [
                "this plugin from the command line, imports and files included",
                f"{row['seconds']:.0f}",
                f"{row['psnr']:.2f}",
            ],
            ["ratio", f"{row['plain_seconds'] / row['seconds']:.0f}", ""],
        ]
    for row in rows("apply")[-1:]:
        for name, label in (
            ("eight", "eight orientations"),
            ("one", "`all_orientations=False`"),
            ("eight_float32", "eight orientations in float32"),
        ):
            body.append(
                [
                    f"applying a trained network to 512 x 512 pixels, {label}",
                    f"{row[f'{name}_seconds']:.2f}",
                    f"{row[f'{name}_psnr']:.2f}",
                ]
            )
    return table(
        "One noisy image of 256 x 256 pixels (*Lena*, sigma 25), two CPU cores, in one run:",
        ["what", "seconds", "PSNR, dB"],
        body,
    )


def others() -> str:
    """Say what it does with photon noise and with large images."""
    body = [
        [
            f"photon and read noise, {row['method']}, stabilise={row['stabilise']}",
            f"{row['psnr']:.2f} dB, SSIM {row['ssim']:.3f}",
        ]
        for row in rows("poisson-gaussian")
    ]
    for row in rows("large")[-1:]:
        body.append(
            [
                "synthetic micrograph, 4096 x 4096, noise as strong as the signal, "
                "preset `micrograph` with a time budget of 5 min",
                f"{row['noisy_psnr']:.2f} to {row['psnr']:.2f} dB, "
                f"{row['seconds'] / 60:.0f} min, {row['peak_gb']:.1f} GB",
            ]
        )
    for row in rows("factorised")[-1:]:
        body.append(
            [
                "network of the preset `paper`, 512 x 512 in float32, its kernels as they are",
                f"{row['dense_seconds']:.2f} s, {row['parameters_dense']} parameters",
            ]
        )
        body.append(
            [
                f"the same as three factors each (outputs differ by {row['difference']:.0e})",
                f"{row['factorised_seconds']:.2f} s, {row['parameters_factorised']} parameters",
            ]
        )
    return table("Other noise, other sizes, and factors:", ["what", "result"], body)


def _psnr_ssim(found: list[Record]) -> str:
    return f"{mean(r['psnr'] for r in found):.2f} / {mean(r['ssim'] for r in found):.3f}"


def _named(settings: Record) -> str:
    if not settings:
        return "default"
    return ", ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in settings.items()
    )
