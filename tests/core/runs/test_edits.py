"""Corrections of a stored label image: written on every level, undone, and never half."""

import numpy as np
import pytest

from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.label_frames import label_frames
from napari_pixel_embedding.core.runs.edits import LabelEdits

LABELS = np.random.default_rng(0).integers(0, 90, (301, 620)).astype(np.int64)


def levels(edits):
    return [np.asarray(level[:]) for level in edits._levels]


def agree(edits):
    fine, *coarser = levels(edits)
    for number, level in enumerate(coarser, 1):
        step = 2**number
        assert (level == fine[..., ::step, ::step]).all(), number


@pytest.fixture(params=["0.5", "0.4"])
def stored(tmp_path, request):
    path = tmp_path / "a_labels.ome.zarr"
    write_ome_zarr(path, label_frames(LABELS, "YX"), version=request.param)
    return path


def test_a_part_is_written_on_every_level_and_the_rest_stays(stored):
    edits = LabelEdits(stored)
    box = (slice(101, 148), slice(333, 399))
    part = edits.read(box)
    part[:20, :30] = 777
    assert edits.write(box, part) == 600
    expected = LABELS.copy()
    expected[101:121, 333:363] = 777
    again = LabelEdits(stored)
    assert (levels(again)[0] == expected).all()
    agree(again)


def test_corrections_are_undone_one_by_one(stored):
    edits = LabelEdits(stored)
    for n, start in enumerate((10, 30, 50)):
        edits.write((slice(start, start + 30), slice(5, 45)), np.full((30, 40), 100 + n))
    assert edits.edit_count == 3
    again = LabelEdits(stored)  # by another window too
    for left in (2, 1, 0):
        assert again.undo() is not None
        assert again.edit_count == left
        agree(again)
    assert (levels(again)[0] == LABELS).all()
    assert again.undo() is None


def test_nothing_is_written_where_nothing_was_changed(stored):
    edits = LabelEdits(stored)
    box = (slice(0, 9), slice(0, 9))
    assert edits.write(box, edits.read(box)) == 0
    assert edits.edit_count == 0 and not edits.folder.exists()


@pytest.mark.parametrize("after", range(1, 4))
def test_what_a_killed_process_has_begun_is_finished(stored, monkeypatch, after):
    edits, calls = LabelEdits(stored), []
    put = LabelEdits._put

    class Killed(BaseException):
        pass

    def die(self, box, values):
        """Write some of it, as a process does that is killed then."""
        calls.append(box)
        half = values.shape[0] * after // 4
        self._levels[0][(slice(box[0].start, box[0].start + half), box[1])] = values[:half]
        raise Killed

    monkeypatch.setattr(LabelEdits, "_put", die)
    with pytest.raises(Killed):
        edits.write((slice(20, 60), slice(20, 60)), np.full((40, 40), 500))
    monkeypatch.setattr(LabelEdits, "_put", put)
    again = LabelEdits(stored)
    assert (again.read((slice(20, 60), slice(20, 60))) == 500).all()
    agree(again)
    again.undo()
    assert (levels(again)[0] == LABELS).all()


def test_new_objects_get_ids_that_nobody_has(stored):
    edits = LabelEdits(stored)
    assert edits.free_id() == LABELS.max() + 1
    edits.write((slice(0, 4), slice(0, 4)), np.full((4, 4), 3000))
    assert edits.free_id() == 3001


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((3, 4), int), "shape"),
        (np.full((4, 4), 2**40), "must fit"),
        (np.full((4, 4), -1), "must fit"),
    ],
)
def test_what_does_not_fit_is_refused(stored, values, said):
    with pytest.raises(ValueError, match=said):
        LabelEdits(stored).write((slice(0, 4), slice(0, 4)), values)


def test_frames_and_planes(tmp_path):
    labels = np.random.default_rng(1).integers(0, 50, (2, 3, 70, 530))
    write_ome_zarr(tmp_path / "f.ome.zarr", label_frames(labels, "TZYX"))
    edits = LabelEdits(tmp_path / "f.ome.zarr")
    edits.write(
        (slice(1, 2), slice(2, 3), slice(11, 20), slice(13, 31)), np.full((1, 1, 9, 18), 60)
    )
    labels[1, 2, 11:20, 13:31] = 60
    assert (levels(edits)[0] == labels).all()
    agree(edits)


def test_a_damaged_correction_is_named(stored):
    edits = LabelEdits(stored)
    edits.write((slice(0, 4), slice(0, 4)), np.full((4, 4), 99))
    next(edits.folder.iterdir()).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        edits.undo()
