"""What is done with each file of a batch, here or on another machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_selfdenoise.analysis.reference_scores import Scores, check_reference, score
from napari_selfdenoise.cli.options import MethodOptions, RunOptions, SamplingOptions
from napari_selfdenoise.core.config import Config
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, UndenoisedError, UsageError, keeping
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.method import Method
from napari_selfdenoise.core.names import did_you_mean
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.folder import free_name
from napari_selfdenoise.data.io import read_image
from napari_selfdenoise.data.output_files import FileOutputs, remove_partials, write_image
from napari_selfdenoise.engine.model_file import SUFFIX
from napari_selfdenoise.methods import get, load_model

if TYPE_CHECKING:
    from napari_selfdenoise.engine.model import Model


class Driver(Protocol):
    """Drives the run of one image, and hears what there is to say."""

    def drive(self, run: Run[Result], context: Context) -> Result:
        """Drive a run to its end."""

    def say(self, text: str) -> None:
        """Tell the user a sentence."""


@dataclass(frozen=True)
class Item:
    """One image of a batch.

    Attributes
    ----------
    input : Path
        Its file.
    outputs : mapping of str to Path
        Image of the result -> where it is written; ``"denoised"`` first.
    target : Path, optional
        What a method that learns from pairs compares it with.
    """

    input: Path
    outputs: Mapping[str, Path]
    target: Path | None = None


Start = Callable[[Item, Image, Context], Run[Result]]
"""Begins the run that denoises an image."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is done with each file: denoise it with a method, or with a model.

    Holds nothing but plain values, so that it can be sent to other processes.

    Attributes
    ----------
    how : MethodOptions, optional
        Method and settings; ``None`` if there is a model.
    model : Path, optional
        File of a trained model, which every process reads once.
    where : RunOptions
        Where a run executes, and how its image is read.
    drawn : SamplingOptions
        How posterior samples are drawn.
    keep : tuple of str
        Images of the result to write besides ``"denoised"``.
    reference : Path, optional
        Clean image to compare every result with.
    """

    how: MethodOptions | None = None
    model: Path | None = None
    where: RunOptions
    drawn: SamplingOptions
    keep: tuple[str, ...] = ()
    reference: Path | None = None

    @property
    def method(self) -> Method[Any]:
        """The method, or that of the model."""
        if self.model is not None:
            method: Method[Any] = model_in(self.model).method
            return method
        return get(self._how.method)

    @property
    def config(self) -> Config:
        """The method's settings that were asked for."""
        return self._how.config(self.method)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names of the images to write."""
        return ("denoised", *(name for name in self.keep if name != "denoised"))

    def to_json(self) -> dict[str, Any]:
        """Return all that decides the result, as plain values."""
        told = {**asdict(self), "method": self.method.name}
        if self.model is not None:
            told["model"] = hashlib.sha256(self.model.read_bytes()).hexdigest()
        return told

    def run(self, item: Item, driver: Driver, start: Start | None = None) -> Done:
        """Denoise one image and write what is wanted, replacing what is there.

        Parameters
        ----------
        item : Item
            The image.
        driver : Driver
            Drives the run.
        start : callable, optional
            Begins the run, if it is another one: ``start(item, image, context)``.

        Raises
        ------
        SelfDenoiseError
            If the image cannot be denoised, or the result not be written.
        """
        for path in item.outputs.values():
            remove_partials(path)
        noisy = read_image(item.input, self.where.axes)
        if noisy.axes_guessed:
            driver.say(
                f"The file does not tell its axes; they are taken for {noisy.axes}. "
                "Use --axes if that is wrong."
            )
        clean = None if self.reference is None else read_image(self.reference, self.where.axes)
        if clean is not None:
            check_reference(clean, noisy)
        context = self.where.context(self.how, sampling=self.drawn.sampling(self.keep))
        if item.target is not None:
            context.targets = (read_image(item.target, self.where.axes),)
        with (
            _model_kept(item.outputs["denoised"]),
            FileOutputs(item.outputs["denoised"], overwrite=True) as outputs,
        ):
            context.outputs = outputs
            run = (start or self._start)(item, noisy, context)
            result = driver.drive(run, context)
            with keeping(None if self.model else result.model):
                self._write_others(item, result)
                denoised = outputs.finish(result["denoised"], result.provenance)
        self._check_kept(result)  # what there is was written
        scores = None if clean is None else score(noisy, denoised, clean)
        return Done(item.input, item.outputs, result.provenance, result.stopped, scores)

    @property
    def _how(self) -> MethodOptions:
        if self.how is None:
            raise ValueError("a job has a method or a model")
        return self.how

    def _start(self, _: Item, image: Image, context: Context) -> Run[Result]:
        if self.model is not None:
            from napari_selfdenoise.engine import runs

            return runs.apply(model_in(self.model), image, context)
        from napari_selfdenoise.engine import prepare

        how = self._how
        return prepare.denoise(self.method, image, self.config, context, how.preparation)

    def _write_others(self, item: Item, result: Result) -> None:
        for name in result.images.keys() & item.outputs.keys() - {"denoised"}:
            write_image(
                item.outputs[name], result[name], overwrite=True, provenance=result.provenance
            )

    def _check_kept(self, result: Result) -> None:
        for name in self.keep:
            if name not in result.images:
                raise UsageError(
                    f"--keep {name}: {self.method.name} returns no such image. "
                    f"{did_you_mean(name, result.images)}"
                )


@contextmanager
def _model_kept(denoised: Path) -> Iterator[None]:
    """Save a model that was trained in vain, beside where the result was to be."""
    try:
        yield
    except UndenoisedError as error:
        from napari_selfdenoise.engine import model as models

        wanted = denoised.name.partition(".denoised.")[0]
        name = free_name(wanted, lambda name: denoised.with_name(name + SUFFIX))
        try:
            path = models.save(error.model, denoised.with_name(name + SUFFIX))
        except FileError as unsaved:  # what went wrong first is what is to be put right
            raise FileError(f"{error} It could not be saved either: {unsaved}") from error
        raise FileError(f"{error} It is saved as {path}.") from error


_models: dict[Path, tuple[int, Model]] = {}
"""The model that was read last, and when its file was changed."""


def model_in(path: Path) -> Model:
    """Read a model once, or again when its file has changed."""
    changed = path.stat().st_mtime_ns if path.exists() else 0
    if path not in _models or _models[path][0] != changed:
        _models.clear()
        _models[path] = changed, load_model(path)
    return _models[path][1]


@dataclass(frozen=True)
class Done:
    """One image that was denoised and written."""

    input: Path
    files: Mapping[str, Path]
    provenance: Provenance
    result_stopped: bool
    scores: Scores | None

    def print(self) -> None:
        """Print the paths, and the scores if there are any, to standard output."""
        for path in self.files.values():
            print(path, flush=True)
        if self.scores is not None:
            print(self.scores, flush=True)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "input": str(self.input),
            "files": {name: str(path) for name, path in self.files.items()},
            "seconds": self.provenance.seconds,
            "stopped": self.result_stopped,
            **({} if self.scores is None else asdict(self.scores)),
            "provenance": self.provenance.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Done:
        """Make it from what `to_json` returned."""
        told = values["provenance"]
        scored = "psnr" in values
        names = Scores.__dataclass_fields__
        return cls(
            Path(values["input"]),
            {name: Path(path) for name, path in values["files"].items()},
            Provenance(**{**told, "notes": tuple(told["notes"])}),
            values["stopped"],
            Scores(**{name: values[name] for name in names}) if scored else None,
        )
