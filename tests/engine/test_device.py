import pytest
import torch

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.engine.device import Compute, Float32Outputs, choose, report


def test_a_missing_device_gets_a_sentence():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(
        UsageError, match=r"Device 'cuda' is not available here; there is .*cpu"
    ):
        choose("cuda")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_losses_see_float32_whatever_the_network_computes_in(precision):
    compute = Compute.of(Context(device="cpu", precision=precision))
    assert compute.precision == precision
    seen = []
    network = torch.nn.Conv2d(1, 4, 3)
    network.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    output = Float32Outputs(network, compute)(torch.zeros(1, 1, 8, 8))
    assert output.dtype == torch.float32
    assert seen == [getattr(torch, precision)]


def test_the_report_names_what_computes():
    assert {"torch", "device", "precision", "threads"} <= set(report())
