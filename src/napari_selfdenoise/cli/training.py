"""Models on the command line: training them, applying them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_selfdenoise.cli.files import failure_code, failures, files_of
from napari_selfdenoise.cli.options import MethodOptions, RunOptions
from napari_selfdenoise.cli.running import STOPPED, Terminal, drive, print_json
from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.methods import get_learned

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model
    from napari_selfdenoise.engine.training_files import TrainingFiles

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
    """Train one model on the images in `inputs` and write it to `out`.

    Files that cannot be used are left out and reported, and the exit code tells of them.
    """
    method = get_learned(how.method)
    config: Any = how.config(method)
    if out.suffix != SUFFIX:
        out = out.with_name(out.name + SUFFIX)
    if out.exists() and not (overwrite or resume):
        raise FileError(
            f"{out} exists already; --overwrite replaces it, --resume goes on training it."
        )
    files = files_of(inputs, recursive=where.recursive)
    targets = files_of(how.target, recursive=where.recursive)
    from napari_selfdenoise.engine import model as model_files
    from napari_selfdenoise.engine import runs
    from napari_selfdenoise.engine.training_files import open_training_files

    checkpoint = out.with_suffix(".checkpoint")
    terminal = Terminal(out.name)
    context = where.context(how, checkpoint)
    opening = open_training_files(method, files, targets, config, context, axes=where.axes)
    found = drive(opening, context, terminal)
    if found is None:
        raise KeyboardInterrupt
    context.targets = found.targets
    model: Model | None = None
    if found.images:
        if not resume:
            for former in checkpoint.parent.glob(f"{checkpoint.name}*"):
                former.unlink()
        run = runs.train(method, found.images, config, context, how.preparation)
        model = drive(run, context, terminal)
        model_files.save(model, out, overwrite=overwrite or resume)
    if context.stopped:
        terminal.say("Stopped; the model holds what was learned. --resume goes on.")
    if found.failed:
        terminal.say(
            f"{len(found.failed)} of {len(files)} images were left out."
            if model
            else "None of the images can be trained on; no model was written."
        )
    if as_json:
        print_json(_report(model, out, found, stopped=context.stopped))
    elif model:
        print(out)
    if context.stopped:
        return STOPPED
    return failure_code([error for _, error in found.failed], any_done=model is not None)


def _report(
    model: Model | None, out: Path, found: TrainingFiles, *, stopped: bool
) -> dict[str, Any]:
    return {
        "model": str(out) if model else None,
        "images": len(found.images),
        "failed": failures(found.failed),
        "seconds": model.provenance.seconds if model else None,
        "stopped": stopped,
        "provenance": model.provenance.to_json() if model else None,
    }
