"""Logs of results: nothing that was written is lost, and nothing that was torn is believed."""

import numpy as np
import pytest

from napari_pixel_embedding.core.runs.record_log import (
    FAILED,
    Record,
    RecordIndex,
    RecordWriter,
    read_index,
)


def write(folder, *records, name="segment"):
    writer = RecordWriter(folder, name)
    for record in records:
        writer.write(record)
    writer.close()


def test_what_was_written_is_found(tmp_path):
    write(tmp_path, Record(2, 7, 9, b"two"), Record(0, 1, 1, b""))
    write(tmp_path, Record(4, 3, 3, b"four"))
    index = read_index(tmp_path, "segment", 6)
    assert index.done.tolist() == [True, False, True, False, True, False]
    assert [index.payload(key) for key in (0, 2, 4)] == [b"", b"two", b"four"]
    assert index.own().tolist() == [1, 0, 7, 0, 3, 0]
    assert index.all().tolist() == [1, 0, 9, 0, 3, 0]
    with pytest.raises(LookupError):
        index.payload(1)


@pytest.mark.parametrize("lost", range(1, 58))
def test_a_record_that_is_torn_anywhere_never_was(tmp_path, lost):
    write(tmp_path, Record(0, 1, 1, b"whole"), Record(1, 1, 1, b"torn by a kill"))
    (path,) = tmp_path.glob("*.log")
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    index = read_index(tmp_path, "segment", 2)
    assert index.done.tolist() == [True, False]
    assert index.payload(0) == b"whole"


def test_a_last_record_with_other_bytes_never_was(tmp_path):
    """A power cut may leave the length of a file without its content."""
    write(tmp_path, Record(0, 1, 1, b"whole"), Record(1, 1, 1, b"x" * 20))
    (path,) = tmp_path.glob("*.log")
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    assert read_index(tmp_path, "segment", 2).done.tolist() == [True, False]


def test_a_result_counts_before_a_failure_whatever_comes_first(tmp_path):
    for order in ((0, 1), (1, 0)):
        folder = tmp_path / str(order)
        folder.mkdir()
        records = [Record(0, FAILED, 0, b"why"), Record(0, 4, 4, b"result")]
        for number in order:
            write(folder, records[number])
        index = read_index(folder, "segment", 1)
        assert index.done.all() and not index.failed.any()
        assert index.payload(0) == b"result"


def test_a_failure_says_why(tmp_path):
    write(tmp_path, Record(1, FAILED, 0, "zu groß".encode()))
    index = read_index(tmp_path, "segment", 2)
    assert index.failed.tolist() == [False, True]
    assert index.own().tolist() == [0, 0]
    assert index.payload(1).decode() == "zu groß"


def test_logs_of_other_stages_and_keys_out_of_range_do_not_count(tmp_path):
    write(tmp_path, Record(5, 1, 1, b""), Record(-1, 1, 1, b""))
    write(tmp_path, Record(0, 1, 1, b""), name="edges")
    assert not read_index(tmp_path, "segment", 2).done.any()


def test_changed_content_is_seen_when_it_is_read(tmp_path):
    write(tmp_path, Record(0, 1, 1, b"first"), Record(1, 1, 1, b"second"))
    (path,) = tmp_path.glob("*.log")
    path.write_bytes(path.read_bytes().replace(b"first", b"FIRST"))
    index = read_index(tmp_path, "segment", 2)
    with pytest.raises(ValueError, match="damaged"):
        index.payload(0)


def test_a_saved_index_is_mapped(tmp_path):
    write(tmp_path, Record(1, 5, 6, b"content"))
    read_index(tmp_path, "segment", 3).save(tmp_path / "segment.npy")
    index = RecordIndex.load(tmp_path / "segment.npy")
    assert isinstance(index.entries, np.memmap)
    assert index.payload(1) == b"content" and index.own().tolist() == [0, 5, 0]


def test_a_process_without_a_record_leaves_no_file(tmp_path):
    RecordWriter(tmp_path, "segment").close()
    assert list(tmp_path.iterdir()) == []
