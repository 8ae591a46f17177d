"""Files in, files out: one run after the other, and what is said about them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from napari_selfdenoise.analysis.reference_scores import Scores, check_reference, score
from napari_selfdenoise.cli.running import (
    DONE,
    FAILED,
    STOPPED,
    WRONG_USAGE,
    Terminal,
    drive,
    print_json,
)
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.image import Image
from napari_selfdenoise.core.names import did_you_mean
from napari_selfdenoise.core.result import Provenance, Result
from napari_selfdenoise.data.folder import image_files, result_name
from napari_selfdenoise.data.io import read_image, write_tiff
from napari_selfdenoise.data.pairs import check_pairs

Start = Callable[[Image, Context], Run[Result]]
"""Starts the run of one image."""


def files_of(inputs: Sequence[Path], *, recursive: bool = False) -> list[Path]:
    """Return `inputs` with each folder replaced by the image files in it, by name.

    With `recursive` also by those in folders inside it; see `image_files` for what is left
    out.

    Raises
    ------
    UsageError
        If there is no image file in a folder.
    """
    files: list[Path] = []
    for path in inputs:
        files += image_files(path, recursive=recursive) if path.is_dir() else [path]
    return files


def failures(failed: Iterable[tuple[Path, SelfDenoiseError]]) -> list[dict[str, str]]:
    """Return which inputs failed, and why, as plain values."""
    return [{"input": str(path), "error": str(error)} for path, error in failed]


def failure_code(errors: Collection[SelfDenoiseError], *, any_done: bool) -> int:
    """Return the exit code of a command that met an error for each of some files."""
    if not errors:
        return DONE
    wrong_usage = all(isinstance(error, UsageError) for error in errors)
    return WRONG_USAGE if wrong_usage and not any_done else FAILED


def folder_below(path: Path, inputs: Sequence[Path]) -> Path:
    """Return where a file lies inside the folder of the inputs it was found in."""
    inside = (each for each in inputs if each.is_dir() and each in path.parents)
    return next((path.parent.relative_to(each) for each in inside), Path())


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Denoises files one after the other.

    Attributes
    ----------
    method : str
        Name of the method, for file names.
    out : Path
        Folder of the results; made if missing.
    start : callable
        Starts the run of one image.
    new_context : callable
        Returns a fresh context for each run.
    keep : sequence of str
        Images of the result to write besides ``"denoised"``.
    axes : str
        Axes of every input; read from the files if empty.
    reference : Path, optional
        Clean image to compare every result with.
    overwrite : bool
        Whether existing results are replaced.
    recursive : bool
        Whether folders inside folders are searched, and made again in `out`.
    targets : sequence of Path
        Files or folders with the target of each image, in their order; none for methods
        that need none.
    """

    method: str
    out: Path
    start: Start
    new_context: Callable[[], Context]
    keep: Sequence[str] = ()
    axes: str = ""
    reference: Path | None = None
    overwrite: bool = False
    recursive: bool = False
    targets: Sequence[Path] = ()
    places: dict[Path, Path] = field(default_factory=dict)
    """Input -> the folder of its results."""
    target_of: dict[Path, Path] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    failed: dict[Path, SelfDenoiseError] = field(default_factory=dict)

    def run(self, inputs: Sequence[Path], *, as_json: bool) -> int:
        """Denoise `inputs`, print what came of them and return the exit code."""
        inputs = self._find(inputs)
        self._check_names(inputs)
        stopped = False
        try:
            for path in inputs:
                terminal = Terminal(self._title(path, inputs))
                try:
                    one = self._denoise(path, terminal)
                except SelfDenoiseError as error:
                    self.failed[path] = error
                    terminal.say(str(error))
                    continue
                self.done.append(one)
                if not as_json:
                    one.print()
                if one.result_stopped:
                    stopped = True
                    break
        except KeyboardInterrupt:
            stopped = True
        self._say_rest(inputs, stopped=stopped)
        if as_json:
            print_json(self._report())
        return self._code(stopped=stopped)

    def _find(self, inputs: Sequence[Path]) -> list[Path]:
        files = files_of(inputs, recursive=self.recursive)
        self.places.update({path: self.out / folder_below(path, inputs) for path in files})
        if self.targets:
            targets = files_of(self.targets, recursive=self.recursive)
            check_pairs(files, targets)
            self.target_of.update(zip(files, targets, strict=True))
        return files

    @staticmethod
    def _title(path: Path, inputs: Sequence[Path]) -> str:
        place = f" ({inputs.index(path) + 1} of {len(inputs)})" if len(inputs) > 1 else ""
        return path.name + place

    def _check_names(self, inputs: Sequence[Path]) -> None:
        targets: dict[Path, Path] = {}
        for path in inputs:
            former = targets.setdefault(self._target(path, "denoised"), path)
            if former is not path:
                raise UsageError(
                    f"{former} and {path} would be written to the same file; denoise them "
                    "into two folders."
                )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is a file; -o names the folder of the results.")

    def _denoise(self, path: Path, terminal: Terminal) -> Done:
        wanted = ["denoised", *(name for name in self.keep if name != "denoised")]
        for name in wanted:
            if self._target(path, name).exists() and not self.overwrite:
                raise FileError(
                    f"{self._target(path, name)} exists already; --overwrite replaces it."
                )
        noisy = read_image(path, self.axes)
        if noisy.axes_guessed:
            terminal.say(
                f"The file does not tell its axes; they are taken for {noisy.axes}. "
                "Use --axes if that is wrong."
            )
        clean = None if self.reference is None else read_image(self.reference, self.axes)
        if clean is not None:
            check_reference(clean, noisy)
        context = self.new_context()
        if path in self.target_of:
            context.targets = (read_image(self.target_of[path], self.axes),)
        result = drive(self.start(noisy, context), context, terminal)
        files = self._write(path, result, wanted)
        scores = None if clean is None else score(noisy, result["denoised"], clean)
        return Done(path, files, result.provenance, result.stopped, scores)

    def _write(self, path: Path, result: Result, wanted: Sequence[str]) -> dict[str, Path]:
        folder = self.places[path]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{folder} cannot be made: {error.strerror}.") from error
        files = {}
        for name in wanted:
            if name not in result.images:
                raise UsageError(
                    f"--keep {name}: {self.method} returns no such image. "
                    f"{did_you_mean(name, result.images)}"
                )
            target = self._target(path, name)
            write_tiff(
                target,
                result[name],
                overwrite=self.overwrite,
                provenance=result.provenance,
            )
            files[name] = target
        return files

    def _target(self, path: Path, name: str) -> Path:
        return self.places[path] / result_name(path, self.method, name)

    def _say_rest(self, inputs: Sequence[Path], *, stopped: bool) -> None:
        if stopped:
            left = len(inputs) - len(self.done) - len(self.failed)
            print(
                f"Stopped: {len(self.done)} of {len(inputs)} images written"
                + (f", {left} not begun or not finished." if left else "."),
                file=sys.stderr,
            )
        elif self.failed and len(inputs) > 1:
            print(f"{len(self.failed)} of {len(inputs)} images failed.", file=sys.stderr)

    def _report(self) -> dict[str, Any]:
        return {
            "results": [one.to_json() for one in self.done],
            "failed": failures(self.failed.items()),
        }

    def _code(self, *, stopped: bool) -> int:
        if stopped:
            return STOPPED
        return failure_code(self.failed.values(), any_done=bool(self.done))


@dataclass(frozen=True)
class Done:
    """One image that was denoised and written."""

    input: Path
    files: dict[str, Path]
    provenance: Provenance
    result_stopped: bool
    scores: Scores | None

    def print(self) -> None:
        """Print the paths, and the scores if there are any, to standard output."""
        for path in self.files.values():
            print(path)
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
