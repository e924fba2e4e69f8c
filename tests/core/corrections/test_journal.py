"""A journal holds the last state that was written, whatever happens to the next."""

import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.corrections import journal as module
from napari_pixel_embedding.core.corrections.journal import (
    Journal,
    image_key,
    read_journal,
)
from napari_pixel_embedding.core.corrections.patch import pack

SHAPE = (6, 8)


def states(count, seed=0):
    """Corrections that grow by a stroke each time, a deletion now and then."""
    rng = np.random.default_rng(seed)
    fixed = np.full(SHAPE, -1, np.int32)
    for k in range(count):
        fixed = fixed.copy()
        y, x = rng.integers(0, 5), rng.integers(0, 7)
        fixed[y : y + 2, x : x + 2] = rng.integers(-1, k + 2)
        fixed[0, 0] = k  # never all −1
        yield fixed


def written(folder, count=5):
    made = Journal(folder, "cells é/1", "k" * 16)
    for k, fixed in enumerate(states(count)):
        made.write(fixed, {"step": k})
    return made


def test_what_was_written_is_read(tmp_path):
    made = Journal(tmp_path / "new", "cells é/1", "abc")
    for k, fixed in enumerate(states(30)):
        made.write(fixed, {"step": k})
        work = read_journal(made.path)
        np.testing.assert_array_equal(work.corrections, fixed)
        assert (work.notes, work.name, work.key) == ({"step": k}, "cells é/1", "abc")
    made.write(None, {})
    assert read_journal(made.path).corrections is None


@settings(max_examples=60)
@given(st.data())
def test_a_file_cut_anywhere_leads_to_a_state_that_was_written(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    made = Journal(folder, "cells", "abc")
    known, first = [np.full(SHAPE, -1, np.int32)], 0
    for fixed in states(6):
        made.write(fixed, {})
        known.append(fixed)
        first = first or made.path.stat().st_size
    whole = made.path.read_bytes()
    length = data.draw(st.integers(first, len(whole)))
    made.path.write_bytes(whole[:length] + data.draw(st.binary(max_size=9)))
    found = read_journal(made.path).corrections
    assert any(np.array_equal(found, state) for state in known[1:])


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(tmp_path_factory, data):
    made = written(tmp_path_factory.mktemp("damaged"))
    content = bytearray(made.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    made.path.write_bytes(content)
    try:
        work = read_journal(made.path, SHAPE)
    except ValueError:
        return
    assert work.corrections is None or work.corrections.shape == SHAPE


class Broken:
    """Fails at the n-th call, as a full disk does, after some bytes went through."""

    def __init__(self, function, at):
        self.function, self.left = function, at

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            raise OSError(28, "No space left on device")
        return self.function(*args)


@pytest.mark.parametrize("at", range(1, 8))
def test_a_full_disk_loses_nothing_and_the_next_write_mends_it(tmp_path, monkeypatch, at):
    made = Journal(tmp_path, "cells", "abc")
    monkeypatch.setattr(os, "fsync", Broken(os.fsync, at))
    last = failures = 0
    for k, fixed in enumerate(states(6), start=1):
        try:
            made.write(fixed, {"step": k})
            last = k
        except OSError:
            failures += 1
        if last:
            assert read_journal(made.path).notes["step"] in (last, k)
    assert failures == 1
    assert read_journal(made.path).notes["step"] == 6
    np.testing.assert_array_equal(read_journal(made.path).corrections, fixed)
    assert [p.name for p in tmp_path.iterdir()] == [made.path.name]  # no temporary is left


def test_a_journal_that_was_taken_away_is_written_anew(tmp_path):
    made = Journal(tmp_path, "cells", "abc")
    first, second = states(2)
    made.write(first, {})
    made.path.unlink()
    made.write(second, {})
    np.testing.assert_array_equal(read_journal(made.path).corrections, second)


def test_a_long_journal_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_REWRITE", 500)
    made = written(tmp_path, 200)
    assert made.path.stat().st_size < 5_000
    assert read_journal(made.path).notes == {"step": 199}


def test_an_equal_state_costs_nothing(tmp_path):
    made = written(tmp_path)
    size, work = made.path.stat().st_size, read_journal(made.path)
    made.write(work.corrections, work.notes)
    assert made.path.stat().st_size == size


def test_no_file_is_made_for_nothing(tmp_path):
    made = Journal(tmp_path, "cells", "abc")
    made.write(None, {"model": "a"})
    assert not made.path.exists()


def test_a_journal_is_gone_on_with_even_if_its_end_is_torn(tmp_path):
    made = written(tmp_path)
    made.path.write_bytes(made.path.read_bytes()[:-3])
    found = read_journal(made.path).corrections
    again = Journal(tmp_path, "renamed", "k" * 16, made.path)
    for number in (7, 8):
        found = found.copy()
        found[1, 1] = number
        again.write(found, {"step": number})
        work = read_journal(made.path)
        np.testing.assert_array_equal(work.corrections, found)
        assert work.notes == {"step": number}
    assert list(tmp_path.iterdir()) == [made.path]


def record(digest, content=b""):
    return module._record(digest, content)


HEAD = {"kind": "head", "name": "cells", "key": "k", "shape": SHAPE}
ONES = pack(np.ones(SHAPE, "<i4"))
WHOLE = [[0, 6], [0, 8]]


@pytest.mark.parametrize(
    "records",
    [
        [[]],
        [["head"]],
        [{**HEAD, "kind": "box"}],
        [{**HEAD, "name": 5}],
        [{**HEAD, "key": None}],
        [{**HEAD, "shape": "6x8"}],
        [{**HEAD, "shape": [6.0, 8.0]}],
        [{**HEAD, "shape": [-6, 8]}],
        [{**HEAD, "shape": [0, 8]}],
        [{**HEAD, "shape": [10**9, 10**9]}],
        [{**HEAD, "shape": [10**400]}],
        [{**HEAD, "shape": [1] * 99}, {"kind": "box", "box": [[0, 1]] * 99}],
        [HEAD, {"kind": "surprise"}],
        [HEAD, {"box": WHOLE}],
        [HEAD, {"kind": "box", "box": [[0, 6]]}],
        [HEAD, {"kind": "box", "box": [[0, 7], [0, 8]]}],
        [HEAD, {"kind": "box", "box": [[-6, 6], [0, 8]]}],
        [HEAD, {"kind": "box", "box": [[0, None], [0, 8]]}],
        [HEAD, {"kind": "box", "box": [["a", "b"], [0, 8]]}],
        [HEAD, {"kind": "box", "box": "everything"}],
        [HEAD, {"kind": "notes", "notes": [1, 2]}],
        [HEAD, {"kind": "notes"}],
    ],
)
def test_records_of_the_wrong_kind_are_refused(tmp_path, records):
    path = tmp_path / "hostile.corrections"
    path.write_bytes(module._MAGIC + b"".join(record(one, ONES) for one in records))
    with pytest.raises(ValueError, match="found a damaged one in"):
        read_journal(path)


@pytest.mark.parametrize(
    "values", [np.full(SHAPE, -2, "<i4"), np.ones((6, 7), "<i4"), np.ones((600, 800), "<i4")]
)
def test_values_of_the_wrong_kind_are_refused(tmp_path, values):
    path = tmp_path / "hostile.corrections"
    body = record(HEAD) + record({"kind": "box", "box": WHOLE}, pack(values))
    path.write_bytes(module._MAGIC + body)
    with pytest.raises(ValueError, match="found a damaged one in"):
        read_journal(path)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"\xff\xfe", b"1" * 5_000, b""])
def test_records_that_are_not_json_are_refused(tmp_path, text):
    body = struct.pack("<I", len(text)) + text
    framed = struct.pack("<II", len(body), zlib.crc32(body)) + body
    path = tmp_path / "hostile.corrections"
    path.write_bytes(module._MAGIC + framed)
    with pytest.raises(ValueError, match="found a damaged one in"):
        read_journal(path)


def test_no_memory_is_taken_for_a_length_that_the_file_does_not_have(tmp_path):
    made = written(tmp_path, 1)
    state = read_journal(made.path).corrections
    with made.path.open("ab") as file:
        file.write(struct.pack("<II", (1 << 30) - 1, 0))
    tracemalloc.start()
    np.testing.assert_array_equal(read_journal(made.path).corrections, state)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_record_too_short_to_be_one_is_where_reading_ends(tmp_path, body):
    made = written(tmp_path, 1)
    state = read_journal(made.path).corrections
    with made.path.open("ab") as file:
        file.write(struct.pack("<II", len(body), zlib.crc32(body)) + body)
    np.testing.assert_array_equal(read_journal(made.path).corrections, state)


@pytest.mark.parametrize("ends", [(-1, 6), (0, 7), (3, 3), (4, 2)])
def test_a_box_lies_within_its_array(ends):
    with pytest.raises(ValueError, match="box within"):
        module._Box("box", (ends, (0, 8))).region(SHAPE)


@pytest.mark.parametrize("head", [b"", b"pixel-embedding corr", module._MAGIC, b"\x00" * 99])
def test_a_head_that_is_cut_or_of_another_version_is_refused(tmp_path, head):
    path = tmp_path / "cut.corrections"
    path.write_bytes(head)
    with pytest.raises(ValueError, match="Expected a journal of corrections"):
        read_journal(path)


def test_other_files_are_refused_in_words(tmp_path):
    path = tmp_path / "text.corrections"
    path.write_text("hello")
    with pytest.raises(ValueError, match="something else"):
        read_journal(path)
    made = written(tmp_path)
    with pytest.raises(ValueError, match=r"the image's shape \(2, 2\), found \(6, 8\)"):
        read_journal(made.path, (2, 2))


class Lazy:
    """An array that is not in memory; counts what is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, region):
        part = self.array[region]
        self.read += part.size
        return part


def test_images_are_told_apart_by_their_pixels():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (3, 200, 300), dtype=np.uint8)
    other = image.copy()
    other[2, 199, 299] ^= 1
    assert image_key(image, "a") == image_key(image.copy(), "b")
    assert image_key(np.asfortranarray(image)) == image_key(image)
    assert image_key(other) != image_key(image)
    assert image_key(image.astype(np.uint16)) != image_key(image)
    lazy = Lazy(image)
    assert image_key(lazy, "a") == image_key(Lazy(image), "a") != image_key(Lazy(image), "b")
    assert 0 < lazy.read < image.size
