"""The commands and their options; what they do is in the modules beside this one.

Nothing slow is imported here, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

import napari_selfdenoise
from napari_selfdenoise.cli import compare_command, model_commands, score_commands
from napari_selfdenoise.cli.options import (
    Json,
    MethodOptions,
    OutputOptions,
    Overwrite,
    RunOptions,
    SamplingOptions,
)
from napari_selfdenoise.core.errors import SelfDenoiseError, UsageError

if TYPE_CHECKING:
    from napari_selfdenoise.cli.job import Job

app = App(
    name="napari-selfdenoise",
    help="Denoise microscopy images, learning from the noisy images alone.",
    version=napari_selfdenoise.__version__,
    help_epilogue=(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C "
        "(what was done is kept)."
    ),
    help_format="plaintext",
    default_parameter=Parameter(show_default=False),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Images = Annotated[list[Path], Parameter(name="IMAGE", negative="")]
Folder = Annotated[Path, Parameter(name=("--out", "-o"), show_default=True)]
DEFAULT = MethodOptions()
HERE = RunOptions()
SAMPLING = SamplingOptions()
THERE = OutputOptions()


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code: int | None = app(tokens, exit_on_error=False)
    except CycloptsError:
        return 2  # cyclopts has said what is wrong
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except SelfDenoiseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output, such as `head`, has gone
        return 1
    return code or 0


@app.command(sort_key=0)
def methods(name: Annotated[str, Parameter(name="NAME")] = "", /, *, json: Json = False) -> int:
    """List the methods, or tell all about one: what it assumes, its settings, its paper.

    Parameters
    ----------
    name
        Tell all about this method.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import show_methods

    return show_methods.show(name, as_json=json)


@app.command(
    sort_key=1,
    usage="Usage: napari-selfdenoise denoise IMAGE... -o OUT -m METHOD [OPTIONS]\n",
)
def denoise(
    images: Images,
    /,
    *,
    to: OutputOptions = THERE,
    how: MethodOptions = DEFAULT,
    where: RunOptions = HERE,
    drawn: SamplingOptions = SAMPLING,
    keep: str = "",
    reference: Path | None = None,
    json: Json = False,
) -> int:
    """Denoise images; a method that learns, learns from each image alone.

    Prints the path of what it writes: OUT/<image>.<method>.denoised.tif, an OME-TIFF
    with axes, pixel size and provenance inside. Interrupted, the same command goes on.

    Parameters
    ----------
    images
        TIFF, PNG or JPEG files, OME-Zarr folders, or folders of them.
    keep
        What to write besides, separated by commas: residual; of methods with a posterior
        also posterior_std, samples, generated_noise, prior, direct.
    reference
        Clean image to compare with: prints PSNR and SSIM before and after.
    json
        Print one JSON object: paths, seconds, scores, provenance.
    """
    from napari_selfdenoise.cli.job import Job

    job = Job(how=how, where=where, drawn=drawn, keep=_names(keep), reference=reference)
    _ = job.config  # settings are refused before any file is read
    return _run(job, images, to, how.target, as_json=json)


@app.command(
    sort_key=2,
    usage="Usage: napari-selfdenoise train IMAGE... -o MODEL -m METHOD [OPTIONS]\n",
)
def train(
    images: Images,
    /,
    *,
    out: Folder,
    how: MethodOptions = DEFAULT,
    where: RunOptions = HERE,
    resume: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Train one model on many images, to be applied to others of their kind.

    The state is kept in MODEL.checkpoint now and then. Ctrl-C keeps what was learned.

    Parameters
    ----------
    images
        TIFF, PNG or JPEG files, or folders of them; what cannot be used is left out.
    out
        The model's file; ends in .safetensors.
    resume
        Go on where an interrupted training of the same model was, and replace it.
    overwrite
        Replace the model if it is there already.
    json
        Print one JSON object: path, seconds, images that were left out, provenance.
    """
    from napari_selfdenoise.cli import training

    return training.train(
        images, out, how, where, resume=resume, overwrite=overwrite, as_json=json
    )


@app.command(
    sort_key=3, usage="Usage: napari-selfdenoise apply MODEL IMAGE... -o OUT [OPTIONS]\n"
)
def apply(
    model: Annotated[Path, Parameter(name="MODEL")],
    images: Images,
    /,
    *,
    to: OutputOptions = THERE,
    where: RunOptions = HERE,
    drawn: SamplingOptions = SAMPLING,
    keep: str = "",
    reference: Path | None = None,
    json: Json = False,
) -> int:
    """Denoise images with a trained model, without training.

    Parameters
    ----------
    model
        File that `train` or the viewer wrote.
    images
        TIFF, PNG or JPEG files, OME-Zarr folders, or folders of them.
    keep
        What to write besides, separated by commas: residual; of methods with a posterior
        also posterior_std, samples, generated_noise, prior, direct.
    reference
        Clean image to compare with: prints PSNR and SSIM before and after.
    json
        Print one JSON object: paths, seconds, scores, provenance.
    """
    from napari_selfdenoise.cli.job import Job

    job = Job(model=model, where=where, drawn=drawn, keep=_names(keep), reference=reference)
    return _run(job, images, to, (), as_json=json)


compare_command.add_to(app)
score_commands.add_to(app)
model_commands.add_to(app)


@app.command(
    sort_key=1, usage="Usage: napari-selfdenoise check IMAGE [--region ...] [OPTIONS]\n"
)
def check(
    image: Annotated[Path, Parameter(name="IMAGE")],
    /,
    *,
    region: str = "",
    axes: str = "",
    json: Json = False,
) -> int:
    """Measure the noise of an image, and say which methods fit.

    Parameters
    ----------
    image
        TIFF, PNG or JPEG file.
    region
        Part to measure: AXIS=START:STOP, separated by commas, such as Y=100:400,X=0:512.
    axes
        One letter per axis as stored (Q, T, C, Z, Y, X, S), if the file does not tell.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import checking

    return checking.check(image, axes, region, as_json=json)


@app.command(sort_key=6)
def demo(
    *,
    out: Folder = Path("demo-output"),
    seed: int = 0,
    view: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Denoise the built-in sample with every method that takes under a minute here.

    Prints a table and writes the images and a contact sheet, replacing those of the demo
    before.

    Parameters
    ----------
    out
        Folder of the images.
    seed
        Another seed gives other cells and other noise.
    view
        Open the images in napari.
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import demonstration

    return demonstration.demo(out, seed=seed, view=view, as_json=json)


@app.command(sort_key=7)
def doctor(*, json: Json = False) -> int:
    """Say what is installed and what computes here; send it along with a bug report.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    from napari_selfdenoise.cli import diagnosis

    return diagnosis.doctor(as_json=json)


def _run(
    job: Job, images: list[Path], to: OutputOptions, targets: Sequence[Path], *, as_json: bool
) -> int:
    from napari_selfdenoise.cli.batch import Batch
    from napari_selfdenoise.cli.cluster import Cluster

    batch = Batch(
        job=job,
        out=to.out,
        suffix=f".{to.format}",
        overwrite=to.overwrite,
        recursive=job.where.recursive,
        targets=targets,
        cluster=Cluster(to.workers, to.scheduler),
    )
    return batch.run(images, as_json=as_json)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
