"""Arrays in files that are opened when they are read, so that thousands hold few files open."""

from __future__ import annotations

import struct
import threading
import weakref
import zlib
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_selfdenoise.core.errors import FileError
from napari_selfdenoise.core.image import ArrayLike

MOST_OPEN = 4
"""Files that stay open, or pictures that stay decoded, because they were read last."""
UNDECODABLE = (
    *(OSError, EOFError, MemoryError, struct.error, zlib.error, SyntaxError, RuntimeError),
    *(ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError),
)
"""What decoders raise over a damaged file: they meet any number anywhere, and go on with it."""


class FileArray(ABC):
    """An array in a file, which is opened when it is read.

    The few that were opened last stay open as long as they are in use.

    Parameters
    ----------
    path : Path
        The file; an error if it changes while the array is in use.
    shape, dtype
        Of the array.
    opened : array, optional
        What `open` would return, if it is there already.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: Any,
        opened: ArrayLike | None = None,
    ) -> None:
        self.path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        self._state = _state(path)
        self._opened = opened
        if opened is not None:
            _keep_open(self)

    @abstractmethod
    def open(self) -> ArrayLike:
        """Return the file's content, which closes the file when nothing refers to it."""

    def close(self) -> None:
        """Let go of the file until it is read again."""
        self._opened = None

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        try:
            return np.array(self._content()[key])  # a copy holds no file
        except UNDECODABLE as error:
            raise FileError(f"{self.path.name} cannot be decoded: {error}") from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def _content(self) -> ArrayLike:
        opened = self._opened  # another thread may close it meanwhile
        if opened is None:
            self._check_unchanged()
            opened = self._opened = self.open()
            _keep_open(self)
        return opened

    def _check_unchanged(self) -> None:
        if _state(self.path) != self._state:
            raise FileError(
                f"{self.path.name} was changed or removed while it was in use. Start again, "
                "and leave the file alone until the run is done."
            )


class MappedArray(FileArray):
    """An array that lies in a file as it is in memory; it is mapped for each reading.

    Parameters
    ----------
    path, shape, dtype
        As for `FileArray`.
    offset : int
        Where in the file it begins, in bytes.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, offset: int) -> None:
        super().__init__(path, shape, dtype)
        self._offset = offset

    def open(self) -> ArrayLike:
        """Map the file."""
        return np.memmap(self.path, self.dtype, "r", self._offset, self.shape)

    def _content(self) -> ArrayLike:
        # Opening costs next to nothing, and what is mapped would count as memory in use.
        self._check_unchanged()
        return self.open()


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


_kept: deque[weakref.ref[FileArray]] = deque()
_lock = threading.Lock()


def _keep_open(array: FileArray) -> None:
    """Remember that an array was opened, and close the one that was opened longest ago."""
    with _lock:
        _kept.append(weakref.ref(array))
        while len(_kept) > MOST_OPEN:
            oldest = _kept.popleft()()
            if oldest is not None:
                oldest.close()
