"""Tables of the docs from the finished rows of `benchmarks.cosdd`."""

from __future__ import annotations

from benchmarks.harness import TABLES, Record, records

RESULT = "cosdd"
RUNS = {
    "two hours, 64 channels": ("x", 3),
    "3.6 hours, 64 channels": ("x", 3),
    "9 minutes": ("x", 3),
    "25 minutes": ("x", 3),
    "25 minutes, 1x": ("x", 1),
    "45 minutes, 64 channels": ("x", 3),
    "1500 steps": ("x", 3),
    "1500 steps, direction y": ("y", 3),
    "learned noise, 25 minutes": ("x", 3),
    "learned noise, two hours of half a core": ("x", 3),
    "learned noise, divergence from half its weight": ("x", 3),
}
"""Name of a trained model -> direction and strength of its noise."""


def write_tables() -> str:
    """Write every table of which there are rows; returns them all."""
    found = records(RESULT)
    texts = []
    for name, make in (
        ("cosdd_1_stripes", stripes_table),
        ("cosdd_2_time", time_table),
        ("cosdd_3_samples", samples_table),
        ("cosdd_4_fmd", fmd_table),
        ("cosdd_5_speed", speed_table),
    ):
        text = make(found)
        if text:
            TABLES.mkdir(parents=True, exist_ok=True)
            (TABLES / f"{name}.md").write_text(text + "\n", encoding="utf-8")
            texts.append(text)
    return "\n\n".join(texts)


def of(found: list[Record], what: str) -> list[Record]:
    """Return the rows of one kind."""
    return [each for each in found if each["what"] == what]


def lags(values: list[float]) -> str:
    """Write three correlations as a cell."""
    return " / ".join(f"{value:.2f}" for value in values)


def stripes_table(found: list[Record]) -> str:
    """Every method on twelve images with stripe noise, weak and strong."""
    peers, finals = of(found, "peer"), of(found, "final")
    if not peers:
        return ""
    lines = [
        "Stripe noise of the paper on natural images (`natural/train400`: 380 to train on, 12 "
        "to test), its structured part at 3 times the paper's strength and at the paper's. "
        "PSNR in dB (range 1), mean over the test images; beside it the autocorrelation of "
        "the residual along the rows at distances 1 to 3, which is 0.45 / 0.21 / 0.06 for the "
        "true noise of threefold strength. The width of the Gaussian and the sigma of the "
        "BM3D package are chosen with the clean images, nothing else is.",
        "",
        "| method | 3x: PSNR | residual | 1x: PSNR | residual |",
        "|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(each["method"] for each in peers):
        cells = []
        for strength in (3, 1):
            match = [e for e in peers if (e["method"], e["strength"]) == (method, strength)]
            cells += [f"{match[0]['psnr']:.2f}", lags(match[0]["rows"])] if match else ["", ""]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    for each in finals:
        name = f"cosdd, {each['run']}, mean of 100 samples"
        cells = [f"{each['psnr_100']:.2f}", lags(each["rows"])]
        direction, strength = RUNS[each["run"]]
        if direction == "y":
            cells[1] = lags(each["columns"]) + " (columns)"
        cells = ["", "", *cells] if strength == 1 else [*cells, "", ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def time_table(found: list[Record]) -> str:
    """PSNR over training time."""
    curves = of(found, "curve") + of(found, "final")
    curves = [each for each in curves if RUNS[each["run"]][1] == 3]
    if not curves:
        return ""
    lines = [
        "The same at threefold strength over training time, on one core with AVX512-BF16 that "
        "was shared with other work, so that minutes are upper bounds. "
        "`25 minutes` is the default but for its number of steps. Under `learned noise` the "
        "model of the noise is learned, as in the paper (`noise_model=learned`); in `two hours "
        "of half a core` the divergence had its full weight after a fifth of the time. `9`, "
        "`25` and `45 minutes` were run with measured noise while the signal still had a loss "
        "of its own, as in the paper; the same 1500 steps were 0.2 dB worse then. `3.6 hours` "
        "took up `two hours` after 100 minutes, with mirrored patches from there on and, in "
        "its last 47 minutes, correlation that depends on the intensity; all others were run "
        "without both:",
        "",
        "| run | minutes | steps | 1 sample | mean of 10 | mean of 100 | residual along rows |",
        "|---|---|---|---|---|---|---|",
    ]
    curves.sort(key=lambda each: (each["run"], each["seconds"]))
    for each in curves:
        last = f"{each['psnr_100']:.2f}" if "psnr_100" in each else ""
        lines.append(
            f"| {each['run']} | {each['seconds'] / 60:.1f} | {each['step']} "
            f"| {each['psnr_1']:.2f} | {each['psnr_10']:.2f} | {last} | {lags(each['rows'])} |"
        )
    return "\n".join(lines)


def samples_table(found: list[Record]) -> str:
    """Whether samples are sane."""
    rows = of(found, "samples")
    if not rows:
        return ""
    lines = [
        "Samples of the same models. PSNR over their number n follows B + V / n; V / B is 1 "
        "where the spread is as large as the error of the mean. Inside: share of pixels, and "
        "of means over 8 x 8 pixels, whose truth lies within two standard deviations of the "
        "samples (0.95 if the spread told the whole error).",
        "",
        "| run | 1 | 10 | 100 samples | largest misfit, dB | V / B | pixels inside "
        "| blocks inside |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        psnr = each["psnr"]
        lines.append(
            f"| {each['run']} | {psnr['1']:.2f} | {psnr['10']:.2f} | {psnr['100']:.2f} "
            f"| {each['largest_misfit_db']:.2f} | {each['variance_over_bias']:.2f} "
            f"| {each['pixels_inside']:.2f} | {each['blocks_inside']:.2f} |"
        )
    finals = {each["run"]: each["psnr_100"] for each in of(found, "final")}
    turned = of(found, "mirrored")
    if turned:
        lines += [
            "",
            "What is above is of samples of the image as it is. By default they are of the "
            "image mirrored in four ways, in turn:",
            "",
            "| run | 100, as it is | 100 mirrored | 200 mirrored | 400 mirrored |",
            "|---|---|---|---|---|",
        ]
        for each in turned:
            cells = [finals[each["run"]], *each["psnr"].values()]
            lines.append(f"| {each['run']} | " + " | ".join(f"{c:.2f}" for c in cells) + " |")
    made = of(found, "generated")
    if made:
        lines += [
            "",
            "Generated noise against true noise on the same signal: standard deviation of all "
            "of it and of the part that is correlated along rows, and autocorrelation along "
            "rows.",
            "",
            "| run | all, generated / true | correlated part | autocorrelation, generated "
            "| true |",
            "|---|---|---|---|---|",
        ]
        for each in made:
            ours, true = each["generated"], each["true"]
            lines.append(
                f"| {each['run']} | {ours['std']:.4f} / {true['std']:.4f} "
                f"| {ours['structured_std']:.4f} / {true['structured_std']:.4f} "
                f"| {lags(ours['rows'])} | {lags(true['rows'])} |"
            )
    return "\n".join(lines)


def fmd_table(found: list[Record]) -> str:
    """Real fluorescence: one model per condition."""
    kinds = ("learned", "auto")
    rows = {(e["condition"], e["noise_model"]): e for e in of(found, "fmd")}
    if not rows:
        return ""
    lines = [
        "Real fluorescence (FMD, 512 x 512): one model per condition, trained on captures 1, 2 "
        "and 4 of the field for 3000 steps, applied to capture 3; PSNR in dB of the mean of as "
        "many samples as the tolerance asks for (10 to 30). All show the same field, so that "
        "the plain mean of 1, 2 and 4 is an average over exposures.",
        "",
        "| condition | noisy | mean of captures 1, 2, 4 | cosdd, noise learned "
        "| cosdd, as the default chooses: that of few photons |",
        "|---|---|---|---|---|",
    ]
    for condition in dict.fromkeys(condition for condition, _ in rows):
        both = [rows.get((condition, kind)) for kind in kinds]
        known = next(filter(None, both))
        cells = [f"{each['psnr']:.2f}" if each else "" for each in both]
        plain = f"{known['noisy']:.2f} | {known['mean_of_others']:.2f}"
        lines.append(f"| {condition} | {plain} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed_table(found: list[Record]) -> str:
    """Against the plain path, in one run."""
    rows = of(found, "speed")
    if not rows:
        return ""
    lines = [
        "Against a plain path of the same networks (float32, default layout, the whole network "
        "for every sample, the prefix run again for every column of generated noise), seconds "
        "in one run:",
        "",
        "| what | plain | here | ratio |",
        "|---|---|---|---|",
    ]
    for each in rows:
        lines.append(
            f"| {each['part']} | {each['plain']:.2f} | {each['ours']:.2f} "
            f"| {each['plain'] / each['ours']:.1f}x |"
        )
    for each in of(found, "memory"):
        lines += ["", each["sentence"]]
    return "\n".join(lines)
