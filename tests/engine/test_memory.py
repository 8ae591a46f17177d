import ctypes
import resource
import sys

import pytest
import torch

from napari_selfdenoise.engine.memory import reused_memory

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def faults():
    """Return how many pages the system hands out for the same memory over and over."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_memory_is_not_given_back_in_between():
    without = faults()
    with reused_memory():
        with reused_memory():
            torch.ones(2**23)
        inside = faults()
    assert inside < without / 4
    assert faults() > 2 * inside  # as before


def test_an_error_ends_it():
    with pytest.raises(ValueError, match="inside"), reused_memory():
        raise ValueError("inside")
