"""Device and precision of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_selfdenoise.core.context import Context
from napari_selfdenoise.core.errors import UsageError
from napari_selfdenoise.engine.preferences import preferences, settings_file
from napari_selfdenoise.engine.provenance import threads


@dataclass(frozen=True)
class Compute:
    """Where tensors live, and the precision of convolutions."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(cls, context: Context) -> Compute:
        """Choose device and precision as the context asks.

        Raises
        ------
        UsageError
            If the device asked for is not there.
        """
        device = choose(context.device)
        if context.precision == "auto":
            return cls(device, torch.bfloat16 if has_bfloat16(device) else torch.float32)
        return cls(device, getattr(torch, context.precision))

    def cast(self) -> AbstractContextManager[None]:
        """Run convolutions and matrix products in the chosen precision."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=enabled)

    @property
    def precision(self) -> str:
        """Name of the precision, ``"float32"`` or ``"bfloat16"``."""
        return str(self.dtype).removeprefix("torch.")


class Float32Outputs(nn.Module):
    """A network that computes in the chosen precision and returns float32.

    With it losses, which subtract nearly equal numbers, are always float32.
    """

    def __init__(self, network: nn.Module, compute: Compute) -> None:
        super().__init__()
        self.network, self.compute = network, compute
        self.training = network.training

    def forward(self, batch: Tensor) -> Tensor:
        """Return ``network(batch)`` as float32."""
        with self.compute.cast():
            output: Tensor = self.network(batch)
        return output.float()

    def call(self, name: str, *inputs: Any) -> tuple[Tensor, ...]:
        """Return the tensors that another method of the network returns, as float32."""
        with self.compute.cast():
            outputs: tuple[Tensor, ...] = getattr(self.network, name)(*inputs)
        return tuple(output.float() for output in outputs)


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device, its weights in channels-last layout: the fast one."""
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def choose(name: str) -> torch.device:
    """Return the device called `name`, and compute with the threads that the user prefers.

    These are no more than the environment allows (OMP_NUM_THREADS): a worker beside others is
    told its part of the cores so.

    ``"auto"`` is the device that the user prefers, else CUDA, else MPS, else the CPU.
    """
    preferred = preferences()
    if preferred.threads:
        allowed = os.environ.get("OMP_NUM_THREADS", "")
        most = int(allowed) if allowed.isdigit() else preferred.threads
        torch.set_num_threads(max(min(preferred.threads, most), 1))
    name = preferred.device if name == "auto" else name
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available.get(name, False):
        there = [device for device, is_there in available.items() if is_there]
        raise UsageError(
            f"Device {name!r} is not available here; there is {', '.join(there)} (or 'auto')."
        )
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 in hardware.

    On CPUs this is AMX or AVX512-BF16; emulated bfloat16 would be slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        has = _cpu_capabilities()
        return bool(has.get("amx_bf16") or has.get("avx512_bf16"))
    return False


def _cpu_capabilities() -> Mapping[str, Any]:
    if not hasattr(torch.cpu, "get_capabilities"):  # not in older versions of torch
        return {}
    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities()
    return capabilities


def report() -> dict[str, str]:
    """Say what computes here, for ``doctor``."""
    compute = Compute.of(Context())
    name = str(_cpu_capabilities().get("cpu_name") or platform.machine())
    if compute.device.type == "cuda":
        name = torch.cuda.get_device_name()
    return {
        "torch": torch.__version__,
        "device": compute.device.type,
        "device name": name,
        "precision": compute.precision,
        "settings file": str(settings_file()),
        "threads": f"{torch.get_num_threads()} of {threads()} cores",
    }
