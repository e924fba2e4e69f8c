"""Journals are found, locked by whoever writes them, and only discarded by the user."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_pixel_embedding.core.corrections.journal import Journal
from napari_pixel_embedding.core.corrections.journal_files import (
    JournalInUseError,
    discard_journal,
    in_use,
    journals_of,
    lock_journal,
    stamp_of,
    unlock_journal,
)

KEY = "0123456789abcdef"


def written(folder, when=None):
    made = Journal(folder, "cells", KEY)
    made.write(np.ones((2, 3), np.int32), {})
    if when is not None:
        os.utime(made.path, (when, when))
    return made.path


def test_all_journals_of_an_image_are_found_newest_first(tmp_path):
    paths = [written(tmp_path, when) for when in range(12)]
    Journal(tmp_path, "other", "f" * 16).write(np.ones((2, 3), np.int32), {})
    assert journals_of(tmp_path, KEY) == paths[::-1]
    assert journals_of(tmp_path / "none", KEY) == []
    assert journals_of(paths[0], KEY) == []


def test_a_link_that_leads_nowhere_hides_no_other_journal(tmp_path):
    path = written(tmp_path)
    (tmp_path / f"link-{KEY}-00000000.corrections").symlink_to(tmp_path / "nowhere")
    assert journals_of(tmp_path, KEY) == [path]


def test_a_lock_holds_until_it_is_released_and_leaves_no_file(tmp_path):
    path = written(tmp_path)
    assert not in_use(path)
    lock = lock_journal(path)
    assert in_use(path)
    with pytest.raises(JournalInUseError):
        lock_journal(path)
    with pytest.raises(JournalInUseError):
        discard_journal(path, stamp_of(path))
    unlock_journal(lock)
    assert not in_use(path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path):
    path = written(tmp_path)
    code = (
        "import sys, time; from pathlib import Path;"
        "from napari_pixel_embedding.core.corrections.journal_files import lock_journal;"
        "lock = lock_journal(Path(sys.argv[1])); print(flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert in_use(path)
        holder.kill()
    assert not in_use(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_journal_that_was_changed_since_is_not_discarded(tmp_path):
    path = written(tmp_path, when=5)
    seen = stamp_of(path)
    os.utime(path, (6, 6))
    assert not discard_journal(path, seen)
    assert path.exists()
    assert discard_journal(path, stamp_of(path))
    assert discard_journal(path, seen), "it is gone already"
    assert list(tmp_path.iterdir()) == []


def test_where_no_lock_can_be_made_nothing_is_in_use(tmp_path):
    path = written(tmp_path)
    (tmp_path / f".{path.name}.lock").mkdir()
    assert lock_journal(path) is None
    assert not in_use(path)
