"""Runs end to end, in this process: results, failures, going on, and what must not change."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
import tifffile
import yaozarrs
import zarr

from napari_pixel_embedding import recipe_of, segment
from napari_pixel_embedding.batch import run, worker
from napari_pixel_embedding.batch.engine.tasks import SerialEngine, WorkerDied
from napari_pixel_embedding.batch.plan import read_plan
from napari_pixel_embedding.batch.prepare import only_run_in, prepare
from napari_pixel_embedding.batch.request import BatchRequest
from napari_pixel_embedding.batch.run import Run
from napari_pixel_embedding.core.clustering.params import LocalBandwidth
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import matching
from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.label_frames import Frame, label_frames
from napari_pixel_embedding.core.measurement.measure import measure_objects
from napari_pixel_embedding.core.recipe.recipe import ImageRecord
from napari_pixel_embedding.core.runs.folder import read_progress
from tests.batch.data.test_data_set import make_plate
from tests.recipes import usual_recipe

MEMORY = 2**31


def do(request, folder, engine=None, **options):
    prepared = prepare(request, folder, MEMORY, **options)
    return Run(prepared, engine or SerialEngine()).run()


def labels_of(folder, name="nuclei"):
    return np.asarray(zarr.open_array(folder / f"{name}_labels.ome.zarr" / "0", mode="r")[:])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def done(request_for, image_file, folder):
    """A finished run in twelve blocks."""
    do(request_for(image_file), folder)
    return folder


def test_blocks_give_what_the_whole_gives(done, nuclei):
    labels = labels_of(done)
    whole = segment(nuclei, "nuclei-fast")
    score = matching(whole.astype(int), labels.astype(int))
    assert score.fp + score.fn <= 0.03 * score.tp
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1)), "ids have no gaps"


def test_the_result_is_a_valid_label_image_that_says_what_made_it(done, recipe):
    path = done / "nuclei_labels.ome.zarr"
    yaozarrs.validate_zarr_store(path)
    said = zarr.open_group(path, mode="r").attrs["napari-pixel-embedding"]
    assert said["failed_blocks"] == []
    assert said["recipe"]["model"]["name"] == recipe.model.name


def test_objects_are_measured_as_measure_does(done, nuclei):
    table = pyarrow.parquet.read_table(done / "nuclei.parquet")
    whole = measure_objects(labels_of(done), nuclei, axes="YX")
    assert table["label"].to_pylist() == whole["label"].tolist()
    for name in ("pixels", "centroid_y", "bbox_x_max", "intensity_sum", "touches_border"):
        assert table[name].to_pylist() == whole[name].tolist(), name
    assert table.schema.field("area").metadata[b"unit"] == "px²".encode()


def test_the_same_run_again_computes_nothing(done, request_for, image_file):
    before = labels_of(done)
    summary = do(request_for(image_file), done)
    assert summary.computed == 0 and sum(summary.objects.values()) == before.max()
    assert (labels_of(done) == before).all()


def test_an_image_that_fits_is_segmented_as_a_whole(
    request_for, image_file, folder, nuclei, recipe
):
    summary = do(request_for(image_file, block=None), folder)
    labels = read_labels(folder / "nuclei_labels.tif").data
    assert (labels == segment(nuclei, "nuclei-fast", device="cpu")).all()
    assert recipe_of(folder / "nuclei_labels.tif").clustering == recipe.clustering
    count = np.unique(labels).size - 1
    assert summary.objects == {"nuclei": count}
    assert pyarrow.parquet.read_table(folder / "nuclei.parquet").num_rows == count


def test_in_a_folder_bad_images_are_listed_and_the_rest_is_done(
    request_for, image_file, folder, nuclei
):
    for name in ("b", "c"):
        tifffile.imwrite(image_file.parent / f"{name}.tif", nuclei[:100, :120])
    (image_file.parent / "bad.tif").write_bytes(b"II*\0 nothing")
    summary = do(request_for(image_file.parent, block=None), folder)
    assert set(summary.objects) == {"nuclei", "b", "c"}
    assert [f.image for f in summary.failures] == ["bad"]
    assert "bad.tif" in summary.failures[0].reason
    assert "bad" in (folder / "failed.csv").read_text()
    found = read_progress(folder)
    assert (found.state, found.failed) == ("failed", 1)
    again = do(request_for(image_file.parent, block=None), folder)
    assert again.computed == 0 and len(again.failures) == 1


@pytest.mark.parametrize("block", [128, None])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_go_into_the_images_of_a_plate(
    request_for, tmp_path, nuclei, folder, block, version
):
    plate = make_plate(tmp_path / "p.ome.zarr", ("A/1",), ("0",))
    inner = plate / "A" / "1" / "0"
    image = [Frame(nuclei, "YX", labels=False)]
    nothing = label_frames(np.zeros(nuclei.shape, int), "YX")
    write_ome_zarr(inner, nothing, channels={"dna": image}, name="other", version=version)
    do(request_for(plate, beside=True, block=block), folder)
    assert np.asarray(zarr.open_array(inner / "labels/objects/0", mode="r")[:]).max() > 20
    said = dict(zarr.open_group(inner / "labels", mode="r").attrs)
    assert said.get("ome", said)["labels"] == ["other", "objects"]
    yaozarrs.validate_zarr_store(inner)


def test_the_embedding_is_kept_where_that_is_wanted(request_for, image_file, folder):
    do(request_for(image_file, embedding=True), folder)
    path = folder / "nuclei_embedding.ome.zarr"
    array = zarr.open_array(path / "0", mode="r")
    assert array.shape[1:] == (300, 400) and array.dtype == np.float16
    assert np.isfinite(array[:]).all() and np.abs(array[:]).max() > 0
    yaozarrs.validate_zarr_store(path)


def test_films_are_segmented_frame_by_frame(request_for, tmp_path, nuclei, folder, recipe):
    path = tmp_path / "in" / "film.ome.tif"
    path.parent.mkdir()
    film = np.stack([nuclei[:150, :200], nuclei[150:, 200:]])
    tifffile.imwrite(path, film, metadata={"axes": "TYX"})
    do(request_for(path), folder)
    labels = labels_of(folder, "film")
    assert labels.shape == film.shape
    assert not set(np.unique(labels[0])) & set(np.unique(labels[1])) - {0}
    table = pyarrow.parquet.read_table(folder / "film.parquet")
    assert set(table["frame"].to_pylist()) == {0, 1}


# ------------------------------------------------------------------------------- failures


@pytest.fixture
def bad_blocks(monkeypatch):
    """Make blocks fail; returns the set of their numbers."""
    bad, done = set(), worker._STAGES["segment"]

    def segment_or_fail(task):
        if task.key in bad:
            raise OSError(f"the disk cannot read block {task.key}")
        return done(task)

    monkeypatch.setitem(worker._STAGES, "segment", segment_or_fail)
    return bad


def test_bad_blocks_are_named_and_computed_when_they_can_be(
    request_for, image_file, folder, bad_blocks, tmp_path
):
    bad_blocks |= {2, 5}
    summary = do(request_for(image_file), folder)
    assert [(f.block, f.pixels) for f in summary.failures] == [
        (2, "y 0:128, x 256:384"),
        (5, "y 128:256, x 128:256"),
    ]
    assert "the disk cannot read block 2" in summary.failures[0].reason
    assert (labels_of(folder)[:128, 256:384] == 0).all()
    path = folder / "nuclei_labels.ome.zarr"
    said = zarr.open_group(path, mode="r").attrs["napari-pixel-embedding"]
    assert said["failed_blocks"] == [2, 5]
    bad_blocks.clear()
    again = do(request_for(image_file), folder)
    assert (again.computed, again.failures) == (2, [])
    assert not (folder / "failed.csv").exists()
    do(request_for(image_file), tmp_path / "other")
    assert (labels_of(folder) == labels_of(tmp_path / "other")).all()


def test_an_image_that_cannot_be_written_does_not_end_the_others(
    request_for, image_file, folder, nuclei, monkeypatch
):
    tifffile.imwrite(image_file.parent / "b.tif", nuclei[:200, :200])
    relabel = worker._STAGES["relabel"]

    def full_disk(task):
        if task.image == 0:
            raise OSError("no space left")
        return relabel(task)

    monkeypatch.setitem(worker._STAGES, "relabel", full_disk)
    summary = do(request_for(image_file.parent), folder)
    assert set(summary.objects) == {"nuclei"}
    assert [(f.image, f.block) for f in summary.failures] == [("b", None)]
    assert "no space left" in summary.failures[0].reason
    monkeypatch.setitem(worker._STAGES, "relabel", relabel)
    again = do(request_for(image_file.parent), folder)
    assert set(again.objects) == {"b", "nuclei"} and again.computed == 0


class DyingEngine(SerialEngine):
    """Its workers die of some tasks, the first time or always."""

    def __init__(self, keys, always):
        self.keys, self.always, self.tried = keys, always, []

    def run(self, function, items):
        for group in items:
            self.tried += [(one.stage, one.key, one.attempt) for one in group]
            dying = [one for one in group if one.stage == "segment" and one.key in self.keys]
            if any(self.always or one.attempt == 0 for one in dying):
                yield group, WorkerDied("killed")
            else:
                yield group, function(group)


@pytest.mark.parametrize("always", [False, True])
def test_a_task_that_workers_die_of_is_tried_with_small_tiles(
    request_for, image_file, folder, always
):
    engine = DyingEngine({3}, always)
    summary = do(request_for(image_file), folder, engine)
    tries = [attempt for stage, key, attempt in engine.tried if (stage, key) == ("segment", 3)]
    assert tries == [0, 1]
    assert [f.block for f in summary.failures] == ([3] if always else [])


@pytest.mark.parametrize("always", [False, True])
def test_of_several_blocks_in_a_task_only_the_deadly_one_fails(
    request_for, image_file, folder, always, monkeypatch
):
    monkeypatch.setattr(run, "_MOST_TASKS", 4)
    engine = DyingEngine({7}, always)
    summary = do(request_for(image_file), folder, engine)
    again = [key for stage, key, attempt in engine.tried if stage == "segment" and attempt == 1]
    assert again == [6, 7, 8], "one by one"
    assert [f.block for f in summary.failures] == ([7] if always else [])


def test_an_interruption_keeps_what_is_done(request_for, image_file, folder):
    def stop(found):
        if found.stage == "segment" and found.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run(prepare(request_for(image_file), folder, MEMORY), SerialEngine(), report=stop).run()
    assert read_progress(folder).state == "stopped"
    assert do(request_for(image_file), folder).computed == 12 - 4


def test_a_killed_run_goes_on(request_for, image_file, folder, tmp_path):
    """SIGKILL in the middle of the blocks, twice; then the labels are those of a run in peace."""
    request = request_for(image_file)
    folder.mkdir()
    request.save(folder)
    code = (
        "import sys\nfrom napari_pixel_embedding.workflows.batch import resume_run, ClusterChoice\n"
        "resume_run(sys.argv[1], cluster=ClusterChoice(workers=0), memory=2**31)"
    )
    computed = 0
    for wanted in (2, 6):
        child = subprocess.Popen([sys.executable, "-c", code, str(folder)])
        end = time.monotonic() + 100
        while computed < wanted and child.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
            computed = _records(folder)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    computed = _records(folder)
    assert 6 <= computed
    again = do(request, folder)
    assert again.computed == 12 - computed
    do(request, tmp_path / "peace")
    assert (labels_of(folder) == labels_of(tmp_path / "peace")).all()


def _records(folder):
    from napari_pixel_embedding.core.runs.record_log import read_index

    place = folder / "work" / "000000"
    return int(read_index(place, "segment", 12).done.sum()) if place.is_dir() else 0


# ------------------------------------------------------------------ what must not change


def other_pixel(path, run):
    pixels = tifffile.imread(path)
    pixels[150, 150] += 1
    tifffile.imwrite(path, pixels)


def other_size(path, run):
    tifffile.imwrite(path, tifffile.imread(path)[:-1])


def other_kind(path, run):
    tifffile.imwrite(path, tifffile.imread(path).astype(np.uint16))


def removed(path, run):
    path.unlink()


def touched(path, run):
    os.utime(path, (1, 1))


def plan_of(change):
    def edit(path, run):
        file = run / "work" / "plan.json"
        found = json.loads(file.read_text())
        change(found)
        file.write_text(json.dumps(found))

    return edit


MUTATED = {
    "a pixel": other_pixel,
    "the size": other_size,
    "the type": other_kind,
    "no file": removed,
    "another date": touched,
    "the model in the plan": plan_of(lambda p: p.update(model="0" * 16)),
    "torch in the plan": plan_of(lambda p: p["versions"].update(torch="1.0")),
    "an image of the plan": plan_of(lambda p: p["images"].append(p["images"][0])),
    "the path in the plan": plan_of(lambda p: p["images"][0].update(path="/elsewhere.tif")),
    "the pixels in the plan": plan_of(lambda p: p["images"][0].update(pixels="0")),
    "no plan": plan_of(lambda p: p.pop("images")),
}


@pytest.mark.parametrize("what", MUTATED)
def test_a_run_does_not_go_on_with_something_else(done, request_for, image_file, what):
    MUTATED[what](image_file, done)
    before = labels_of(done)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        do(request_for(image_file), done)
    assert len(str(error.value)) > 40
    assert (labels_of(done) == before).all()


CHANGES = {
    "block": 192,
    "halo": 64,
    "level": 1,
    "embedding": True,
    "measure": False,
    "version": "0.4",
    "beside": True,
    "recursive": True,
}
RECIPE_CHANGES = {"bandwidth": 0.7, "min_size": 55, "diameter": 31.0, "augment": 4, "tile": 512}


@pytest.mark.parametrize("name", [*CHANGES, *RECIPE_CHANGES])
def test_another_request_is_refused_by_name(done, request_for, image_file, name):
    if name in CHANGES:
        request = request_for(image_file, **{name: CHANGES[name]})
    else:
        before = request_for(image_file)
        changed = before.recipe.changed(**{name: RECIPE_CHANGES[name]})
        request = replace(before, recipe=changed)
    with pytest.raises(ValueError, match=name):
        do(request, done)


def test_a_copy_with_another_date_may_be_the_same(done, request_for, image_file):
    os.utime(image_file, (1, 1))
    assert do(request_for(image_file), done, same_images=True).computed == 0


def test_a_folder_with_other_things_is_no_place_for_a_run(request_for, image_file, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.docx").write_text("")
    with pytest.raises(ValueError, match=r"thesis\.docx"):
        prepare(request_for(image_file), tmp_path / "full", MEMORY)


def test_two_processes_do_not_work_in_one_folder(folder):
    with only_run_in(folder):
        code = (
            "import sys; from pathlib import Path\n"
            "from napari_pixel_embedding.batch.prepare import only_run_in\n"
            "with only_run_in(Path(sys.argv[1])): pass"
        )
        child = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True)
    assert b"another process runs in" in child.stderr


def test_single_bandwidths_count_for_the_recipes_own_image_only(
    request_for, image_file, folder, recipe
):
    request = request_for(image_file)
    plan = prepare(request, folder, MEMORY).plan.images[0]
    local = ((LocalBandwidth((150, 200), 0.3),),)
    own = ImageRecord(shape=plan.shape, intensities=(plan.ranges,), local_bandwidths=local)
    for record, count in ((own, 1), (replace(own, shape=(10, 10)), 0)):
        changed = replace(request, recipe=replace(recipe, image=record))
        from napari_pixel_embedding.batch.plan import cluster_recipe

        found, notes = cluster_recipe(plan, changed)
        assert len(found.local) == count and len(notes) == 1 - count


def test_the_plan_is_read_as_it_was_written(done, request_for, image_file):
    plan = read_plan(done)
    assert plan == prepare(request_for(image_file), done, MEMORY).plan
    assert plan.images[0].side == (128, 128) and plan.images[0].reach == 48


def test_volumes_are_segmented_in_blocks(tmp_path, folder):
    volume = np.asarray(load_sample("embryo-3d")[0].data)
    path = tmp_path / "in" / "embryo.ome.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, volume, metadata={"axes": "ZYX"})
    request = BatchRequest(str(path), usual_recipe("volume"), block=64, halo=32)
    summary = do(request, folder)
    labels = labels_of(folder, "embryo")
    assert labels.shape == volume.shape
    assert summary.objects["embryo"] == labels.max() > 0
    yaozarrs.validate_zarr_store(folder / "embryo_labels.ome.zarr")
    table = pyarrow.parquet.read_table(folder / "embryo.parquet")
    assert "volume" in table.column_names and table.num_rows == labels.max()
