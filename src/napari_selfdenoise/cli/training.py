"""Models on the command line: training them, applying them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_selfdenoise.cli.files import Start, files_of
from napari_selfdenoise.cli.options import MethodOptions, RunOptions
from napari_selfdenoise.cli.running import DONE, STOPPED, Terminal, drive, print_json
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.methods import get_learned, load_model

SUFFIX = ".safetensors"


def train(
    inputs: Sequence[Path],
    out: Path,
    how: MethodOptions,
    where: RunOptions,
    *,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Train one model on the images in `inputs` and write it to `out`."""
    method = get_learned(how.method)
    config: Any = how.config(method)
    if out.suffix != SUFFIX:
        out = out.with_name(out.name + SUFFIX)
    if out.exists() and not (overwrite or resume):
        raise FileError(
            f"{out} exists already; --overwrite replaces it, --resume goes on training it."
        )
    images = [read_image(path, where.axes) for path in files_of(inputs)]
    checkpoint = out.with_suffix(".checkpoint")
    if not resume:
        for former in checkpoint.parent.glob(f"{checkpoint.name}*"):
            former.unlink()
    from napari_selfdenoise.engine import model as files
    from napari_selfdenoise.engine import runs

    terminal = Terminal(out.name)
    context = where.context(how, checkpoint)
    model = drive(
        runs.train(method, images, config, context, how.preparation), context, terminal
    )
    files.save(model, out, overwrite=overwrite or resume)
    if context.stopped:
        terminal.say("Stopped; the model holds what was learned. --resume goes on.")
    if as_json:
        provenance = model.provenance
        print_json(
            {
                "model": str(out),
                "seconds": provenance.seconds,
                "stopped": context.stopped,
                "provenance": provenance.to_json(),
            }
        )
    else:
        print(out)
    return STOPPED if context.stopped else DONE


def application(path: Path) -> tuple[str, Start]:
    """Return the method of the model in a file, and what starts a run with it."""
    from napari_selfdenoise.engine import runs

    model = load_model(path)
    return model.method.name, lambda image, context: runs.apply(model, image, context)
