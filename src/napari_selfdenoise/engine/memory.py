"""Memory that is freed and needed again a moment later."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Options of glibc's mallopt: free memory that is kept, and how many blocks are mapped."""
_KEPT_BYTES, _DEFAULT_TRIM, _DEFAULT_MAPS = 2**30, 128 * 2**10, 65536

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "could not create a primitive",
    "could not create a memory",
    "bad_alloc",
)
"""What torch and its libraries say when memory could not be had, in small letters."""

_users = 0
_lock = threading.Lock()


@contextmanager
def reused_memory() -> Iterator[None]:
    """Keep freed memory at hand while a network computes, and give it back afterwards.

    Every tile, sample or step of a training frees what the next one needs again. Large blocks
    go back to the system each time and are filled with zeros when they return, which took
    more than half the time of sampling 1024 x 1024 pixels, and a tenth of that of training a
    large network. Up to a gigabyte is kept. Without effect where the C library is not glibc.
    """
    global _users
    library = _glibc()
    with _lock:
        _users += 1
        if library is not None and _users == 1:
            library.mallopt(_MMAP_MAX, 0)
            library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if library is not None and _users == 0:
                _keep_little(library)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had; torch has no type for the CPU's."""
    told = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in told for words in _OUT_OF_MEMORY
    )


def release_memory() -> None:
    """Give free memory back to the system, so that blocks of another size can be had.

    From now on nothing large is kept, inside `reused_memory` either: what is kept lies between
    blocks in use, where a block of another size may not fit.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    library = _glibc()
    if library is not None:
        _keep_little(library)


def _keep_little(library: ctypes.CDLL) -> None:
    library.mallopt(_MMAP_MAX, _DEFAULT_MAPS)
    library.mallopt(_TRIM_THRESHOLD, _DEFAULT_TRIM)
    library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
