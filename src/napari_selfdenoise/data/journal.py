"""What a batch of files has done, on disk, so that it goes on after any interruption."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from napari_selfdenoise.core.errors import FileError, UsageError

State = list[int]
"""When a file was changed, in nanoseconds, and its size."""


class Journal:
    """A journal beside the outputs of a batch, until the batch is complete.

    Lines of JSON are appended: one when a file is begun, after it was seen that nothing would
    be overwritten, and one when its outputs have their names. What was begun and not done is
    done again; a line that was cut off by the end of the process does not count.

    Parameters
    ----------
    folder : Path
        Of the outputs.
    job : mapping
        What is done with each file, as plain values: another job has another journal.

    Raises
    ------
    UsageError
        If another process is at work on the same job.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        told = json.dumps(job, sort_keys=True, default=str)
        digest = hashlib.sha256(told.encode()).hexdigest()[:12]
        self.path = folder / f".napari-selfdenoise.{digest}.journal"
        self._begun: dict[str, dict[str, Any]] = {}
        self._done: dict[str, dict[str, Any]] = {}
        self._file: IO[bytes] | None = None
        self._made_folder = False
        if self.path.exists():
            self._open()

    def done(self, source: Path) -> Any:
        """Return the record of a file that was done, or None if it is to be done (again)."""
        entry = self._done.get(str(source))
        if entry is None or entry["source"] != _state(source):
            return None
        unchanged = all(_state(Path(each)) == was for each, was in entry["outputs"].items())
        return entry["record"] if unchanged else None

    def owns(self, source: Path, output: Path) -> bool:
        """Whether an output that exists was written for `source` by this very job."""
        if str(source) in self._done:
            was = self._done[str(source)]["outputs"].get(str(output))
            return was is not None and was == _state(output)
        return str(output) in self._begun.get(str(source), {}).get("outputs", ())

    def begin(self, source: Path, outputs: Iterable[Path]) -> None:
        """Note that these outputs are about to be written."""
        entry = {"source": str(source), "outputs": [str(each) for each in outputs]}
        self._done.pop(str(source), None)
        self._begun[str(source)] = entry
        self._append({"begin": entry})

    def finish(self, source: Path, outputs: Iterable[Path], record: Any) -> None:
        """Note that the outputs are complete, with what there is to say about them."""
        entry = {
            "name": str(source),
            "source": _state(source),
            "outputs": {str(each): _state(each) for each in outputs},
            "record": record,
        }
        self._done[str(source)] = entry
        self._append({"done": entry})

    def close(self, *, complete: bool) -> None:
        """Let go of the journal, and remove it if the batch is `complete`."""
        if self._file is None:
            return
        if complete:
            self.path.unlink(missing_ok=True)
        self._file.close()
        self._file = None
        if self._made_folder:
            with suppress(OSError):  # there is something in it, as a rule
                self.path.parent.rmdir()

    def _append(self, entry: Mapping[str, Any]) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _open(self) -> None:
        """Lock the journal and read it; a line that was cut off is removed."""
        try:
            self._made_folder = not self.path.parent.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise FileError(
                f"{self.path.parent} cannot be made or written to: {error.strerror}."
            ) from error
        _lock(self._file, self.path)
        self._file.seek(0)
        whole = 0
        for line in self._file.readlines():
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self._take(json.loads(line))
        self._file.truncate(whole)

    def _take(self, entry: Mapping[str, Any]) -> None:
        if "begin" in entry:
            begun = entry["begin"]
            self._done.pop(begun["source"], None)
            self._begun[begun["source"]] = begun
        else:
            self._done[entry["done"]["name"]] = entry["done"]


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has none
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UsageError(
            f"Another process is at work on the same images in {path.parent}. Wait for it, or "
            "write to another folder."
        ) from error
    except OSError:
        return  # a file system without locks


def _state(path: Path) -> State | None:
    """Return when a file, or the description of a zarr folder, was changed, and its size."""
    for each in (path / "zarr.json", path / ".zattrs", path):
        try:
            found = each.stat()
        except OSError:
            continue
        return [found.st_mtime_ns, found.st_size]
    return None
