import ctypes
import gc
import resource
import sys
from pathlib import Path

import pytest
import torch

from napari_selfdenoise.engine.memory import release_memory, reused_memory

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def resident():
    """Return how many bytes of memory this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def use_a_quarter_of_a_gigabyte():
    [torch.ones(2**23) for _ in range(8)]


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_memory_is_kept_inside_and_given_back_afterwards():
    release_memory()
    before = resident()
    with reused_memory():
        with reused_memory():
            use_a_quarter_of_a_gigabyte()
        kept = resident() - before
    assert kept > 200 * 2**20
    assert resident() - before < 20 * 2**20


def test_an_error_ends_it():
    with pytest.raises(ValueError, match="inside"), reused_memory():
        raise ValueError("inside")
