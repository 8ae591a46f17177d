import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors on several threads are slow where other programs run too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _seeded():
    """Networks begin with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
