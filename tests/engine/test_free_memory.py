"""How much memory is free: what the user allows, else what the machine and the job have."""

import psutil
import pytest

from napari_selfdenoise.engine import free_memory as module
from napari_selfdenoise.engine.free_memory import free_memory, gigabytes
from napari_selfdenoise.engine.preferences import prefer


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return what writes the files of a control group."""
    monkeypatch.setattr(module, "_GROUPS", tmp_path)
    monkeypatch.setattr(module, "_OWN_GROUPS", tmp_path / "own")

    def write(folder, **files):
        folder = tmp_path / folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(f"{text}\n", encoding="utf-8")

    return write


def test_the_machine_has_free_what_it_has_free(groups):
    there = psutil.virtual_memory()
    assert 0 < free_memory() <= there.total
    assert free_memory() == pytest.approx(there.available, rel=0.2)


def test_what_the_user_allows_counts_whatever_is_free():
    try:
        prefer({"memory_limit": 0.5})
        assert free_memory() == 5 * 10**8
    finally:
        prefer({})


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used", "spare"),
    [
        ("0::/jobs/7", "jobs", "memory__max", "memory__current", "inactive_file"),
        (
            "5:cpu,memory:/jobs/7",
            "memory/jobs/7",
            "memory__limit_in_bytes",
            "memory__usage_in_bytes",
            "total_inactive_file",
        ),
        ("0::/../elsewhere", "", "memory__max", "memory__current", "inactive_file"),
    ],
)
def test_a_container_or_a_job_has_its_share(groups, line, folder, limit, used, spare):
    """The tightest of the groups counts; what is only cached is given up."""
    groups(".", own=line)
    files = {limit: 10_000, used: 7_000, "memory__stat": f"anon 5000\n{spare} 1500"}
    groups(folder, **files)
    assert free_memory() == 4_500
    groups(folder, **files | {used: 90_000})
    assert free_memory() == 0
    groups(folder, **files | {limit: "max"})
    assert free_memory() > 10**6


def test_sizes_are_said_as_one_would():
    sizes = [3e6, 7e7, 4.4e8, 2.14e9, 23.6e9]
    assert [gigabytes(size) for size in sizes] == [
        "3 MB",
        "0.1 GB",
        "0.4 GB",
        "2.1 GB",
        "24 GB",
    ]
