from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from napari_pixel_embedding.core.blockwise import memory

GIB = 2**30


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Make a machine: its free memory, the groups this process is in, and their files."""

    def make(free=8 * GIB, groups="0::/", files=None):
        (tmp_path / "groups").write_text(groups + "\n")
        for name, content in (files or {}).items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
        monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
        monkeypatch.setattr(memory, "_GROUP_FILES", tmp_path / "fs")

    return make


def test_what_the_system_calls_available(machine):
    machine(free=8 * GIB)
    assert memory.available_memory() == 8 * GIB
    assert memory.memory_budget() == 4 * GIB


def test_the_group_of_a_container_counts(machine):
    machine(files={"memory.max": 4 * GIB, "memory.current": GIB})
    assert memory.available_memory() == 3 * GIB


def test_cached_files_of_a_group_can_be_given_back(machine):
    stat = f"anon 5\ninactive_file {2 * GIB}"
    files = {"memory.max": 4 * GIB, "memory.current": 3 * GIB, "memory.stat": stat}
    machine(files=files)
    assert memory.available_memory() == 3 * GIB


def test_the_tightest_of_nested_groups_counts(machine):
    files = {
        "job/memory.max": 2 * GIB,
        "job/memory.current": GIB,
        "job/step/memory.max": "max",
        "job/step/memory.current": GIB,
    }
    machine(groups="0::/job/step", files=files)
    assert memory.available_memory() == GIB


def test_groups_of_the_first_version(machine):
    files = {
        "memory/job/memory.limit_in_bytes": 2 * GIB,
        "memory/job/memory.usage_in_bytes": GIB // 2,
    }
    machine(groups="4:cpu,memory:/job\n3:cpu:/other", files=files)
    assert memory.available_memory() == 2 * GIB - GIB // 2


def test_a_full_group_leaves_nothing(machine):
    machine(files={"memory.max": GIB, "memory.current": 2 * GIB})
    assert memory.available_memory() == 0


def test_this_machine_has_some():
    assert 2**20 < memory.memory_budget() < 2**50
