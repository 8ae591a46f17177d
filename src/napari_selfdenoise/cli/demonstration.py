"""The demo: every quick method on the built-in sample, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_selfdenoise.analysis.reference_scores import Scores, score
from napari_selfdenoise.cli.contact_sheet import Column, contact_sheet
from napari_selfdenoise.cli.running import DONE, STOPPED, Terminal, drive, print_json
from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import Sample, make_sample
from napari_selfdenoise.engine import forecast, prepare
from napari_selfdenoise.engine.preparation import Preparation
from napari_selfdenoise.methods import METHODS, get

SAMPLE = "cells"
LIMIT = 20.0
"""Seconds that a method may take; slower ones are shown with a preset, or left out."""


@dataclass(frozen=True)
class _Entry:
    """A method, the settings with which it is quick enough, and their name."""

    method: Method[Any]
    config: Config
    preset: str = ""

    @property
    def title(self) -> str:
        return self.method.title + (f" ({self.preset})" if self.preset else "")


@dataclass(frozen=True)
class _Outcome:
    entry: _Entry
    result: Result
    scores: Scores


def demo(out: Path, *, seed: int, view: bool, as_json: bool) -> int:
    """Denoise the sample with every quick method; print, write and maybe show it all."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{out} cannot be made: {error.strerror}.") from error
    terminal = Terminal()
    sample = make_sample(SAMPLE, seed)
    entries = [_quick(get(name), sample, terminal) for name in METHODS]
    outcomes: list[_Outcome] = []
    for entry in filter(None, entries):
        context = Context(seed=seed)
        run = prepare.denoise(entry.method, sample.noisy, entry.config, context, Preparation())
        result = drive(run, context, Terminal(entry.title))
        scores = score(sample.noisy, result["denoised"], sample.clean)
        outcomes.append(_Outcome(entry, result, scores))
        if result.stopped:
            break
    files = _write(out, sample, outcomes)
    if as_json:
        print_json({"files": [str(path) for path in files], "results": _json(outcomes)})
    else:
        print(_table(outcomes))
        print(f"\nImages and contact sheet: {out}/\n{files[-1]}")
    if view:
        _view(files[:-1], terminal)
    return STOPPED if outcomes[-1].result.stopped else DONE


def _quick(method: Method[Any], sample: Sample, terminal: Terminal) -> _Entry | None:
    """Return the defaults of a method, or its first preset, that are quick enough."""
    default = method.Config()
    expected = forecast.seconds(method, sample.noisy, default)
    if expected <= LIMIT:
        return _Entry(method, default)
    too_long = f"its defaults would take about {expected:.0f} s here"
    for preset in method.Config.presets:
        config = method.Config.from_preset(preset)
        if forecast.seconds(method, sample.noisy, config) <= LIMIT:
            terminal.say(f"{method.title} is shown with its preset {preset!r}: {too_long}.")
            return _Entry(method, config, preset)
    terminal.say(f"{method.title} is left out: {too_long}.")
    return None


def _write(out: Path, sample: Sample, outcomes: list[_Outcome]) -> list[Path]:
    """Write every image and, last, the contact sheet; return the paths."""
    files = []
    for image in (sample.noisy, sample.clean):
        files.append(out / f"{image.name.replace(' ', '.')}.tif")
        write_tiff(files[-1], image, overwrite=True)
    for each in outcomes:
        for what, image in each.result.images.items():
            files.append(out / f"{SAMPLE}.{each.entry.method.name}.{what}.tif")
            write_tiff(files[-1], image, overwrite=True, provenance=each.result.provenance)
    columns = [
        Column(
            each.entry.title,
            _duration(each.result.provenance.seconds),
            each.result["denoised"].read(),
            each.scores.psnr,
            each.scores.ssim,
        )
        for each in outcomes
    ]
    files.append(out / "contact-sheet.png")
    before = outcomes[0].scores
    sheet = contact_sheet(sample, columns, before=(before.psnr_noisy, before.ssim_noisy))
    sheet.save(files[-1])
    return files


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _table(outcomes: list[_Outcome]) -> str:
    names = [
        each.entry.method.name + (f" ({each.entry.preset})" if each.entry.preset else "")
        for each in outcomes
    ]
    width = max(map(len, names))
    lines = [f"{'method':<{width}}  {'seconds':>7}   {'PSNR in dB':<18} SSIM"]
    for name, each in zip(names, outcomes, strict=True):
        scores, seconds = each.scores, each.result.provenance.seconds
        psnr = f"{scores.psnr_noisy or 0:.2f} -> {scores.psnr or 0:.2f}"
        ssim = f"{scores.ssim_noisy or 0:.3f} -> {scores.ssim or 0:.3f}"
        lines.append(f"{name:<{width}}  {seconds:>7.1f}   {psnr:<18} {ssim}")
    return "\n".join(lines)


def _json(outcomes: list[_Outcome]) -> list[dict[str, Any]]:
    return [
        {
            "method": each.entry.method.name,
            "preset": each.entry.preset,
            "seconds": each.result.provenance.seconds,
            "stopped": each.result.stopped,
            **asdict(each.scores),
            "provenance": each.result.provenance.to_json(),
        }
        for each in outcomes
    ]


def _view(files: list[Path], terminal: Terminal) -> None:
    """Open the images in a viewer of its own process: the command line holds no window."""
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        terminal.say("There is no display, so the viewer is not opened.")
        return
    command = [sys.executable, "-m", "napari_selfdenoise.gui.view_files", *map(str, files)]
    if subprocess.run(command, check=False).returncode:
        terminal.say("The viewer could not be opened; napari-selfdenoise doctor may say why.")
