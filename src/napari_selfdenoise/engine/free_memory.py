"""How much memory a run may take: what the user allows, or what the machine has free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from napari_selfdenoise.engine.preferences import preferences

GIGABYTE = 10**9
_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_NAMES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By controller, of versions 2 and 1 of Linux's control groups: the files of the limit and of
what is used, and the line of what is used but would be given up."""


def free_memory() -> int:
    """Return how many bytes a run may take beyond what is taken now.

    What the preference `memory_limit` says, if it does; else what the machine has free, or
    the container or the job of a cluster, if its share is smaller.
    """
    allowed = preferences().memory_limit
    if allowed:
        return round(allowed * GIGABYTE)
    return min([int(psutil.virtual_memory().available), *_left_to_groups()])


def gigabytes(size: float) -> str:
    """Say a size in bytes as one would: "0.4 GB", "2.1 GB", "24 GB"."""
    told = size / GIGABYTE
    if told < 0.1:
        return "0.1 GB" if told > 0.05 else f"{max(size / 1e6, 1):.0f} MB"
    return f"{told:.1f} GB" if told < 9.95 else f"{told:.0f} GB"


def _left_to_groups() -> Iterator[int]:
    """Yield what is left to each control group that this process belongs to (Linux)."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        for controller, names in _NAMES.items():
            if controller not in controllers.split(","):
                continue
            top = _GROUPS / controller
            group = top / place.lstrip("/")
            # In a container the group's own folder is the top, whatever it is called outside.
            for folder in (group, *group.parents):
                if not folder.is_relative_to(top):
                    break
                left = _left_to(folder, *names)
                if left is not None:
                    yield left


def _left_to(folder: Path, limit: str, used: str, spare: str) -> int | None:
    """Return what is left to a control group; ``None`` if it has no limit."""
    try:
        most = (folder / limit).read_text(encoding="utf-8").strip()
        if most == "max":
            return None
        taken = int((folder / used).read_text(encoding="utf-8"))
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    told = dict(line.split(maxsplit=1) for line in lines)
    return max(int(most) - taken + int(told.get(spare, 0)), 0)
