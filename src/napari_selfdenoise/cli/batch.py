"""Files in, files out: a job for each, and what is said about them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_selfdenoise.cli.cluster import Cluster
from napari_selfdenoise.cli.files import failure_code, failures, files_of, folder_below
from napari_selfdenoise.cli.job import Done, Item, Job, Start
from napari_selfdenoise.cli.running import STOPPED, Terminal, drive, print_json
from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import FileError, SelfDenoiseError, UsageError
from napari_selfdenoise.core.events import Run
from napari_selfdenoise.core.result import Result
from napari_selfdenoise.data.folder import result_name
from napari_selfdenoise.data.io import is_zarr
from napari_selfdenoise.data.journal import Journal
from napari_selfdenoise.data.output_files import OUTPUT_SUFFIXES, remove_partials
from napari_selfdenoise.data.pairs import check_pairs


@dataclass(kw_only=True)
class Batch:
    """Denoises files one after the other, or on several machines at once.

    A journal beside the results tells what is done: started again after any interruption,
    the same command goes on where it was.

    Attributes
    ----------
    job : Job
        What is done with each file.
    out : Path
        Folder of the results, which is made if missing; or the file of the only one.
    suffix : str
        Of the results in a folder.
    overwrite : bool
        Whether existing results are replaced.
    recursive : bool
        Whether folders inside folders are searched, and made again in `out`.
    targets : sequence of Path
        Files or folders with the target of each image, in their order; none for methods
        that need none.
    cluster : Cluster
        Where the files are denoised.
    """

    job: Job
    out: Path
    suffix: str = ".tif"
    overwrite: bool = False
    recursive: bool = False
    targets: Sequence[Path] = ()
    cluster: Cluster = field(default_factory=Cluster)
    items: list[Item] = field(init=False, default_factory=list)
    done: list[Done] = field(init=False, default_factory=list)
    failed: dict[Path, SelfDenoiseError] = field(init=False, default_factory=dict)
    as_json: bool = field(init=False, default=False)

    def run(self, inputs: Sequence[Path], *, as_json: bool) -> int:
        """Denoise `inputs`, print what came of them and return the exit code."""
        self.as_json = as_json
        self.items = self._find(inputs)
        self._check_names()
        folder = self.out.parent if self._names_a_file() else self.out
        journal = Journal(folder, {**self.job.to_json(), "suffix": self.suffix})
        stopped = True
        try:
            left = self._begin(journal)
            if self.cluster:
                stopped = self.cluster.run(self.job, left, self, journal)
            else:
                stopped = self.one_by_one(left, journal)
        except KeyboardInterrupt:
            pass
        finally:
            journal.close(complete=not stopped)
        self._say_rest(stopped=stopped)
        if as_json:
            print_json(self._report())
        return self._code(stopped=stopped)

    def take(self, item: Item, one: Done, journal: Journal) -> None:
        """Take up what was done with one image, and say it."""
        if not one.result_stopped:
            journal.finish(item.input, item.outputs.values(), one.to_json())
        self.done.append(one)
        if not self.as_json:
            one.print()

    def fail(self, item: Item, error: SelfDenoiseError) -> None:
        """Take up why one image failed, and say it."""
        self.failed[item.input] = error
        Terminal(self.title(item)).say(str(error))

    def title(self, item: Item) -> str:
        """Return the name of an image and its place among all."""
        count = len(self.items)
        place = f" ({self.items.index(item) + 1} of {count})" if count > 1 else ""
        return item.input.name + place

    def one_by_one(
        self, items: Sequence[Item], journal: Journal, start: Start | None = None
    ) -> bool:
        """Denoise the images here; return whether that was stopped.

        Parameters
        ----------
        items : sequence of Item
            The images.
        journal : Journal
            Told what is done.
        start : callable, optional
            As for `Job.run`.
        """
        for item in items:
            journal.begin(item.input, item.outputs.values())
            try:
                one = self.job.run(item, _Here(self.title(item)), start)
            except SelfDenoiseError as error:
                self.fail(item, error)
                continue
            self.take(item, one, journal)
            if one.result_stopped:
                return True
        return False

    def _begin(self, journal: Journal) -> list[Item]:
        """Return what is left to do: neither done before, nor in the way of other files."""
        left = []
        for item in self.items:
            record = journal.done(item.input)
            if record is not None:
                self.done.append(Done.from_json(record))
                if not self.as_json:
                    self.done[-1].print()
                continue
            there = [
                path
                for path in item.outputs.values()
                if path.exists() and not (self.overwrite or journal.owns(item.input, path))
            ]
            if there:
                sentence = f"{there[0]} exists already; --overwrite replaces it."
                self.fail(item, FileError(sentence))
                continue
            for path in item.outputs.values():
                remove_partials(path)  # of a process that was killed
            left.append(item)
        if self.done:
            print(
                f"Going on: {len(self.done)} of {len(self.items)} images were done before.",
                file=sys.stderr,
            )
        return left

    def _find(self, inputs: Sequence[Path]) -> list[Item]:
        files = files_of(inputs, recursive=self.recursive)
        targets: list[Path | None] = [None] * len(files)
        if self.targets:
            found = files_of(self.targets, recursive=self.recursive)
            check_pairs(files, found)
            targets = [*found]
        if self._names_a_file() and len(files) != 1:
            raise UsageError(
                f"{self.out} names one file, but there are {len(files)} images; name a folder."
            )
        return [
            Item(path, self._outputs(path, self.out / folder_below(path, inputs)), target)
            for path, target in zip(files, targets, strict=True)
        ]

    def _outputs(self, path: Path, folder: Path) -> dict[str, Path]:
        if not self._names_a_file():
            method = self.job.method.name
            return {
                name: folder / result_name(path, method, name, self.suffix)
                for name in self.job.wanted
            }
        suffix = "".join(self.out.suffixes[-2:] if ".ome" in self.out.suffixes else [])
        suffix = suffix or self.out.suffix
        stem = self.out.name.removesuffix(suffix)
        return {
            name: self.out.with_name(
                self.out.name if name == "denoised" else f"{stem}.{name}{suffix}"
            )
            for name in self.job.wanted
        }

    def _names_a_file(self) -> bool:
        named = self.out.suffix.lower() in OUTPUT_SUFFIXES
        return named and (not self.out.is_dir() or is_zarr(self.out))

    def _check_names(self) -> None:
        written: dict[Path, Path] = {}
        for item in self.items:
            former = written.setdefault(item.outputs["denoised"], item.input)
            if former is not item.input:
                raise UsageError(
                    f"{former} and {item.input} would be written to the same file; denoise "
                    "them into two folders."
                )
        read = {item.input.resolve() for item in self.items}
        read |= {path.resolve() for item in self.items if (path := item.target)}
        read |= {path.resolve() for path in (self.job.reference, self.job.model) if path}
        for path in (path for item in self.items for path in item.outputs.values()):
            if path.resolve() in read:
                raise UsageError(f"{path} is a file that is read; write to another one.")
        if self.out.exists() and not (self.out.is_dir() or self._names_a_file()):
            raise UsageError(f"{self.out} is a file; -o names the folder of the results.")

    def _say_rest(self, *, stopped: bool) -> None:
        count = len(self.items)
        if stopped:
            left = count - len(self.done) - len(self.failed)
            print(
                f"Stopped: {len(self.done)} of {count} images written"
                + (f", {left} not begun or not finished." if left else ".")
                + (" The same command goes on." if left else ""),
                file=sys.stderr,
            )
        elif self.failed and count > 1:
            print(f"{len(self.failed)} of {count} images failed.", file=sys.stderr)

    def _report(self) -> dict[str, Any]:
        return {
            "results": [one.to_json() for one in self.done],
            "failed": failures(self.failed.items()),
        }

    def _code(self, *, stopped: bool) -> int:
        if stopped:
            return STOPPED
        return failure_code(self.failed.values(), any_done=bool(self.done))


class _Here(Terminal):
    """Drives runs in this process, on a terminal."""

    def drive(self, run: Run[Result], context: Context) -> Result:
        return drive(run, context, self)
