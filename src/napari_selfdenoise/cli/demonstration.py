"""The demo: every quick method on the built-in sample, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_selfdenoise.cli.contact_sheet import Column, contact_sheet
from napari_selfdenoise.cli.running import DONE, STOPPED, Terminal, drive, print_json
from napari_selfdenoise.cli.scores import Scores, score
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.io import write_tiff
from napari_selfdenoise.data.synthetic import Sample, make_sample
from napari_selfdenoise.engine import forecast
from napari_selfdenoise.methods import METHODS, get

SAMPLE = "cells"
LIMIT = 60.0
"""Methods that are expected to take longer than this, in seconds, are left out."""


def demo(out: Path, *, seed: int, view: bool, as_json: bool) -> int:
    """Denoise the sample with every quick method; print, write and maybe show it all."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{out} cannot be made: {error.strerror}.") from error
    terminal = Terminal()
    sample = make_sample(SAMPLE, seed)
    chosen = [method for method in map(get, METHODS) if _is_quick(method, sample, terminal)]
    results: dict[str, tuple[Result, Scores]] = {}
    stopped = False
    for method in chosen:
        context = Context(seed=seed)
        run = method.denoise(sample.noisy, method.Config(), context)
        result = drive(run, context, Terminal(method.title))
        results[method.name] = (result, score(sample.noisy, result["denoised"], sample.clean))
        if result.stopped:
            stopped = True
            break
    files = _write(out, sample, results)
    if as_json:
        print_json({"files": [str(path) for path in files], "results": _json(results)})
    else:
        print(_table(results))
        print(f"\nImages and contact sheet: {files[-1].parent}/\n{files[-1]}")
    if view:
        _view(files[:-1], terminal)
    return STOPPED if stopped else DONE


def _is_quick(method: Method[Any], sample: Sample, terminal: Terminal) -> bool:
    seconds = forecast.seconds(method, sample.noisy, method.Config())
    if seconds > LIMIT:
        terminal.say(f"{method.title} is left out: it would take about {seconds:.0f} s here.")
    return seconds <= LIMIT


def _write(out: Path, sample: Sample, results: dict[str, tuple[Result, Scores]]) -> list[Path]:
    """Write every image and, last, the contact sheet; return the paths."""
    files = []
    for image in (sample.noisy, sample.clean):
        files.append(out / f"{image.name.replace(' ', '.')}.tif")
        write_tiff(files[-1], image, overwrite=True)
    for name, (result, _) in results.items():
        for what, image in result.images.items():
            files.append(out / f"{SAMPLE}.{name}.{what}.tif")
            write_tiff(files[-1], image, overwrite=True, provenance=result.provenance)
    columns = [
        Column(
            get(name).title,
            f"{result.provenance.seconds:.2g} s",
            result["denoised"].read(),
            scores.psnr,
            scores.ssim,
        )
        for name, (result, scores) in results.items()
    ]
    first = next(iter(results.values()))[1]
    files.append(out / "contact-sheet.png")
    contact_sheet(sample, columns, before=(first.psnr_noisy, first.ssim_noisy)).save(files[-1])
    return files


def _table(results: dict[str, tuple[Result, Scores]]) -> str:
    lines = [f"{'method':<12} {'seconds':>8}   {'PSNR in dB':<18} SSIM"]
    for name, (result, scores) in results.items():
        psnr = f"{scores.psnr_noisy or 0:.2f} -> {scores.psnr or 0:.2f}"
        ssim = f"{scores.ssim_noisy or 0:.3f} -> {scores.ssim or 0:.3f}"
        lines.append(f"{name:<12} {result.provenance.seconds:>8.1f}   {psnr:<18} {ssim}")
    return "\n".join(lines)


def _json(results: dict[str, tuple[Result, Scores]]) -> list[dict[str, Any]]:
    return [
        {
            "method": name,
            "seconds": result.provenance.seconds,
            "stopped": result.stopped,
            **asdict(scores),
            "provenance": result.provenance.to_json(),
        }
        for name, (result, scores) in results.items()
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
