import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded():
    """Networks begin with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
