"""The state of an unfinished training in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """The state of one unfinished training in a file: safetensors, facts as JSON in it.

    Attributes
    ----------
    path : Path
        The file.
    fingerprint : str
        Says which training it is: method, settings, seed, data. A file of another
        training is not resumed from.
    """

    path: Path
    fingerprint: str

    def save(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Write the state; a kill in between leaves the former one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(self.path.name + ".partial")
        metadata = {"facts": json.dumps(facts), "fingerprint": self.fingerprint}
        # safetensors refuses tensors that are channels-last.
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        save_file(tensors, partial, metadata)
        partial.replace(self.path)

    def load(self, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the state, or ``None`` if there is none of this training."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt", device=str(device)) as file:
                metadata = file.metadata() or {}
                if metadata.get("fingerprint") != self.fingerprint:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError:
            return None  # not one of ours, or damaged: training starts anew
        return tensors, json.loads(metadata["facts"])

    def remove(self) -> None:
        """Delete the file, if it is there."""
        self.path.unlink(missing_ok=True)
