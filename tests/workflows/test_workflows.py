"""Whole tasks on files, with networks so small that they learn in a second."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from imageio.v3 import imwrite

from napari_pixel_embedding.core.clustering import ClusterParams
from napari_pixel_embedding.core.datasets.annotated import split_pairs
from napari_pixel_embedding.core.datasets.pairs import names_where
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model
from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.train_folder import train_from_folder
from napari_pixel_embedding.workflows import segment as segment_module
from napari_pixel_embedding.workflows.evaluate import evaluate_folder
from napari_pixel_embedding.workflows.fine_tune import fine_tune_files
from napari_pixel_embedding.workflows.label_names import images_to_segment
from napari_pixel_embedding.workflows.segment import segment_files

TINY = {"base_width": 4, "depth": 2, "embedding_dim": 4}
QUICK = TrainConfig(steps=2, batch_size=1, crop=32, validate_every=1)
PARAMS = ClusterParams(foreground_threshold=0.3, min_size=3)
MODEL = EmbeddingModel.untrained(ModelConfig(name="tiny", **TINY))
COLOR = EmbeddingModel.untrained(ModelConfig(in_channels=3, **TINY))
VOLUME = EmbeddingModel.untrained(ModelConfig(axes="ZYX", **TINY))


def picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def blocks(*shape):
    """Label image with four objects a plane."""
    labels = np.zeros(shape, np.uint16)
    rows, columns = shape[-2] // 2, shape[-1] // 2
    for number, (row, column) in enumerate(np.ndindex(2, 2), start=1):
        start = row * rows + 2, column * columns + 2
        labels[..., start[0] : start[0] + 8, start[1] : start[1] + 8] = number
    return labels


def dataset(folder, count=2, shape=(32, 32), **metadata):
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        labels = blocks(*shape)
        image = (labels > 0) * 150 + picture(*shape, seed=index) // 4
        for kind, array in (("images", image.astype(np.uint8)), ("masks", labels)):
            tifffile.imwrite(folder / kind / f"cell{index}.tif", array, **metadata)
    return folder


def segmented(images, *arguments, model=MODEL, **options):
    return list(
        segment_files(images, *arguments, model=model, params=PARAMS, device="cpu", **options)
    )


def test_labels_lie_beside_their_images(tmp_path):
    for name, shape in (("a.png", (20, 30)), ("b.tif", (24, 25))):
        imwrite(tmp_path / name, picture(*shape))
    first, second = segmented(tmp_path)
    assert [first.labels, second.labels] == [
        tmp_path / "a_labels.tif",
        tmp_path / "b_labels.tif",
    ]
    for result, shape in ((first, (20, 30)), (second, (24, 25))):
        labels = read_labels(result.labels).data
        assert labels.shape == shape
        assert result.error is None
        assert result.objects == np.unique(labels[labels > 0]).size
        assert result.seconds > 0


def test_labels_go_to_a_folder_that_is_made(tmp_path):
    imwrite(tmp_path / "a.png", picture(20, 30))
    (result,) = segmented([tmp_path / "a.png"], tmp_path / "new" / "folder")
    assert result.labels == tmp_path / "new" / "folder" / "a_labels.tif"
    assert result.labels.exists()


def test_a_second_run_does_not_segment_the_labels_of_the_first(tmp_path):
    imwrite(tmp_path / "a.png", picture(20, 30))
    imwrite(tmp_path / "my_labels.tif", picture(20, 30))  # nobody's result: there is no "my"
    for _ in range(2):
        assert [result.image.name for result in segmented(tmp_path)] == ["a.png", "my_labels.tif"]
    assert list(images_to_segment(tmp_path / "a_labels.tif")) == [tmp_path / "a_labels.tif"]


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (("a.png", "a.tif"), ["a_labels.tif", "a_tif_labels.tif"]),
        (
            ("one/a.tif", "two/a.tif", "two/a.tiff"),
            ["a_labels.tif", "a_tif_labels.tif", "a_tiff_labels.tif"],
        ),
        (
            ("x/one/a.tif", "y/one/a.tif", "z/one/a.tif"),
            ["a_labels.tif", "a_tif_labels.tif", "one_a_tif_labels.tif"],
        ),
    ],
)
def test_images_of_one_name_get_label_files_of_different_names(tmp_path, names, written):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        tifffile.imwrite(tmp_path / name, picture(20, 30)) if "tif" in name else imwrite(
            tmp_path / name, picture(20, 30)
        )
    results = segmented([tmp_path / name for name in names], tmp_path / "out")
    assert [result.error for result in results] == [None] * len(names)
    assert [result.labels.name for result in results] == written
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(written)


def test_results_of_one_name_are_no_images_in_a_second_run(tmp_path):
    for name in ("a.png", "a.tif"):
        imwrite(tmp_path / name, picture(20, 30))
    for _ in range(2):
        assert [result.image.name for result in segmented(tmp_path)] == ["a.png", "a.tif"]


def test_a_label_file_that_is_there_is_left_unless_it_is_to_be_replaced(tmp_path):
    imwrite(tmp_path / "a.png", picture(20, 30))
    corrected = tmp_path / "a_labels.tif"
    corrected.write_bytes(b"two days of work")
    (result,) = segmented(tmp_path / "a.png")
    assert (result.skipped, result.labels, result.error) == (True, corrected, None)
    assert corrected.read_bytes() == b"two days of work"
    (result,) = segmented(tmp_path / "a.png", overwrite=True)
    assert not result.skipped
    assert read_labels(corrected).data.shape == (20, 30)


def test_subfolders_are_taken_when_asked_for(tmp_path):
    for name in ("a.png", "deep/er/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        imwrite(tmp_path / name, picture(20, 30))
    assert [path.name for path in images_to_segment(tmp_path)] == ["a.png"]
    results = segmented(tmp_path, recursive=True)
    assert [result.labels.relative_to(tmp_path).as_posix() for result in results] == [
        "a_labels.tif",
        "deep/er/b_labels.tif",
    ]


def test_an_output_that_is_no_folder_is_refused_before_any_work(tmp_path, monkeypatch):
    imwrite(tmp_path / "a.png", picture(20, 30))
    monkeypatch.setattr("napari_pixel_embedding.workflows.segment.segment_and_record", None)
    with pytest.raises(ValueError, match=r"expected a folder to write to, found .*a\.png"):
        segmented(tmp_path / "a.png", tmp_path / "a.png")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "Not enough memory"),
        (RuntimeError("CUDA error"), "RuntimeError: CUDA error"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_no_error_of_one_image_stops_the_others(tmp_path, monkeypatch, error, said):
    for name in "ab":
        imwrite(tmp_path / f"{name}.png", picture(20, 30))
    real, errors = segment_module.segment_and_record, [error]

    def first_fails(*arguments, **options):
        if errors:
            raise errors.pop()
        return real(*arguments, **options)

    monkeypatch.setattr(segment_module, "segment_and_record", first_fails)
    bad, good = segmented(tmp_path)
    assert said in bad.error and bad.labels is None
    assert good.error is None


@pytest.mark.parametrize("bad", ["text", "color", "complex"])
def test_a_bad_image_does_not_stop_the_others(tmp_path, bad):
    imwrite(tmp_path / "a.png", picture(20, 30))
    imwrite(tmp_path / "c.png", picture(20, 30))
    if bad == "text":
        (tmp_path / "b.tif").write_text("no image")
    elif bad == "color":
        tifffile.imwrite(tmp_path / "b.tif", picture(7, 20, 30), metadata={"axes": "CYX"})
    else:
        np.save(tmp_path / "b.npy", picture(20, 30) * 1j)
    one, two, three = segmented(tmp_path)
    assert one.error is None and three.error is None
    assert two.labels is None and two.error
    assert not (tmp_path / "b_labels.tif").exists()


@pytest.mark.parametrize(
    ("model", "axes", "shape", "saved"),
    [
        (MODEL, "TYX", (3, 20, 30), "TYX"),
        (MODEL, "ZYX", (3, 20, 30), "ZYX"),  # plane by plane
        (VOLUME, "ZYX", (6, 20, 30), "ZYX"),
        (VOLUME, "TZYX", (2, 6, 20, 30), "TZYX"),
        (VOLUME, "ZTYX", (6, 2, 20, 30), "ZTYX"),
        (MODEL, "TZYX", (2, 3, 20, 30), "TZYX"),
        (MODEL, "ZTYX", (3, 2, 20, 30), "ZTYX"),
        (COLOR, "CYX", (3, 20, 30), "YX"),
        (COLOR, "CTYX", (3, 2, 20, 30), "TYX"),
    ],
)
def test_axes_and_pixel_size_are_kept(tmp_path, model, axes, shape, saved):
    metadata = {
        "axes": axes,
        **{f"PhysicalSize{a}": s for a, s in zip("ZYX", (2.0, 0.5, 0.25), strict=True)},
        **{f"PhysicalSize{a}Unit": "µm" for a in "ZYX"},
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", picture(*shape), metadata=metadata)
    (result,) = segmented(tmp_path / "a.ome.tif", model=model)
    assert result.error is None
    labels = read_labels(result.labels)
    assert labels.axes == saved
    assert labels.data.shape == tuple(
        n for n, letter in zip(shape, axes, strict=True) if letter != "C"
    )
    assert labels.scale == ((2.0, 0.5, 0.25) if "Z" in saved else (0.5, 0.25))
    assert labels.units == "µm"


def test_objects_are_counted_in_every_frame(tmp_path):
    image = picture(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image)
    tifffile.imwrite(tmp_path / "b.ome.tif", np.stack([image] * 3), metadata={"axes": "TYX"})
    one, stack = segmented(tmp_path)
    assert stack.objects == 3 * one.objects > 0


@pytest.mark.parametrize("axes", ["TYX", "tyx"])
def test_axes_given_by_the_user_win(tmp_path, axes):
    np.save(tmp_path / "a.npy", picture(3, 20, 30))
    tifffile.imwrite(
        tmp_path / "b.ome.tif",
        picture(3, 20, 30),
        metadata={"axes": "ZYX", "PhysicalSizeZ": 3, "PhysicalSizeY": 2, "PhysicalSizeX": 1},
    )
    unknown, stack = segmented(tmp_path, axes=axes)
    assert [read_labels(r.labels).axes for r in (unknown, stack)] == ["TYX", "TYX"]
    assert read_labels(stack.labels).scale == (2, 1)
    (refused,) = segmented(tmp_path / "a.npy", overwrite=True)
    assert "for example TYX" in refused.error


def test_the_channel_asked_for_is_segmented(tmp_path):
    image = picture(3, 20, 30)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "b.tif", image[1])
    (refused,) = segmented(tmp_path / "a.ome.tif")
    assert "Choose one channel, 0 to 2" in refused.error
    (channel,) = segmented(tmp_path / "a.ome.tif", channel=1)
    (alone,) = segmented(tmp_path / "b.tif")
    assert (read_labels(channel.labels).data == read_labels(alone.labels).data).all()
    with pytest.raises(ValueError, match="a number from 0, or of a colour picture"):
        segmented(tmp_path, channel="nuclei")


def test_labels_of_turned_axes_are_stored_with_rows_last(tmp_path):
    image = picture(3, 20, 30)
    np.save(tmp_path / "a.npy", image.T)
    np.save(tmp_path / "b.npy", image)
    (turned,) = segmented(tmp_path / "a.npy", axes="XYT")
    (straight,) = segmented(tmp_path / "b.npy", axes="TYX")
    found, expected = read_labels(turned.labels), read_labels(straight.labels)
    assert found.axes == expected.axes == "TYX"
    assert (found.data == expected.data).all()
    assert turned.objects == straight.objects


def test_a_folder_is_scored(tmp_path):
    scores = evaluate_folder(dataset(tmp_path / "d"), model=MODEL, params=PARAMS, device="cpu")
    assert scores.images == 2
    assert 0 <= scores.ap50 < 0.9


def test_only_the_names_asked_for_are_scored(tmp_path):
    folder = dataset(tmp_path / "d", 3)
    scores = evaluate_folder(folder, model=MODEL, names=["cell1", "other"], device="cpu")
    assert scores.images == 1
    with pytest.raises(ValueError, match="none of the 1 names asked for is among the 3 pairs"):
        evaluate_folder(folder, model=MODEL, names=["other"], device="cpu")


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_stacks_are_scored_and_learnt_from_with_the_axes_of_their_files(tmp_path, axes):
    folder = dataset(tmp_path / "d", shape=(6, 32, 32), ome=True, metadata={"axes": axes})
    assert evaluate_folder(folder, model=MODEL, device="cpu").images == 2
    run = train_from_folder(folder, tmp_path / "m", config=QUICK, device="cpu", **TINY)
    trained = list(run)[-1].model
    assert trained.config.axes == {"TYX": "YX", "ZYX": "ZYX"}[axes]


def test_a_model_knows_how_far_apart_the_planes_are_that_it_learns_from(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    folder = dataset(tmp_path / "d", shape=(6, 32, 32), ome=True, metadata=metadata)
    run = train_from_folder(folder, tmp_path / "m", config=QUICK, device="cpu", **TINY)
    assert list(run)[-1].model.config.pixel_size == (2.0, 0.5, 0.5)
    run = train_from_folder(
        folder, tmp_path / "n", config=QUICK, device="cpu", pixel_size=(1.0, 1.0, 1.0), **TINY
    )
    assert list(run)[-1].model.config.pixel_size == (1.0, 1.0, 1.0)


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_names_are_found_in_a_table(tmp_path):
    rows = [
        {"name": "a", "type": "fluo", "split": "dev"},
        {"name": "b", "type": "tissue", "split": "dev"},
        {"name": "ç", "type": "fluo", "split": "train"},
    ]
    path = table(tmp_path / "index.csv", rows)
    assert names_where(path, {"type": "fluo"}) == ["a", "ç"]
    assert names_where(path, {"type": "fluo", "split": "dev"}) == ["a"]
    assert names_where(path, {"type": "none"}) == []
    assert names_where(path, {}) == ["a", "b", "ç"]
    with pytest.raises(
        ValueError, match=r"expected the columns kind in .* found name, split, type"
    ):
        names_where(path, {"kind": "fluo"})


def test_an_empty_table_has_no_columns(tmp_path):
    path = tmp_path / "index.csv"
    path.touch()
    with pytest.raises(ValueError, match=r"expected the columns name in .* found none"):
        names_where(path, {})


@pytest.mark.parametrize(("count", "held_back"), [(1, 0), (4, 0), (5, 1), (10, 1), (11, 2)])
def test_every_tenth_pair_is_held_back(count, held_back):
    pairs = [(f"image{i}", f"mask{i}") for i in range(count)]
    split = split_pairs(pairs)
    assert len(split.validation) == held_back
    assert sorted(split.train + split.validation) == sorted(pairs)


def test_a_model_is_trained_saved_and_tells_how(tmp_path):
    folder = dataset(tmp_path / "d", 5)
    output = tmp_path / "models" / "m.safetensors"
    run = train_from_folder(
        folder, output, config=QUICK, device="cpu", name="mine", licence="CC0-1.0", **TINY
    )
    states = list(run)
    assert [state.step for state in states] == [1, 2]
    assert all(0 <= state.validation_ap <= 1 for state in states)
    config = load_model(output).config
    assert (config.name, config.licence, config.space) == ("mine", "CC0-1.0", "euclidean")
    assert config.object_diameter == 9.0  # discs as large as squares of 8 × 8
    expected = {
        "preset": "euclidean",
        "training_images": 4,
        "steps": 2,
        "batch_size": 1,
        "crop": 32,
    }
    assert config.provenance == expected
    assert [path.name for path in output.parent.iterdir()] == ["m.safetensors"]


def test_an_interrupted_training_goes_on(tmp_path):
    folder, output = dataset(tmp_path / "d"), tmp_path / "m.safetensors"
    options = {"config": replace(QUICK, steps=4, validate_every=2), "device": "cpu", **TINY}
    run = train_from_folder(folder, output, **options)
    for _ in range(3):
        next(run)
    run.close()
    assert load_model(output).config.provenance["steps"] == 4
    assert (tmp_path / "m.training").exists()
    assert [state.step for state in train_from_folder(folder, output, **options)] == [3, 4]
    assert not (tmp_path / "m.training").exists()


def test_an_interruption_after_the_last_step_loses_no_model(tmp_path):
    folder, output = dataset(tmp_path / "d"), tmp_path / "m.safetensors"
    run = train_from_folder(folder, output, config=QUICK, device="cpu", **TINY)
    next(run), next(run)
    run.close()
    output.unlink()
    (state,) = train_from_folder(folder, output, config=QUICK, device="cpu", **TINY)
    assert state.step == 2
    assert output.exists()


def test_another_folder_can_validate(tmp_path):
    train, dev = dataset(tmp_path / "train"), dataset(tmp_path / "dev", 3)
    run = train_from_folder(
        train, tmp_path / "m", validation=dev, config=QUICK, device="cpu", **TINY
    )
    state = list(run)[-1]
    assert state.model.config.provenance["training_images"] == 2
    assert state.validation_ap is not None


def test_the_model_fits_the_images(tmp_path):
    folder = dataset(tmp_path / "d", shape=(32, 32))
    for path in (folder / "images").iterdir():
        path.unlink()
    for index in range(2):
        imwrite(folder / "images" / f"cell{index}.png", picture(32, 32, 3))
    run = train_from_folder(
        folder, tmp_path / "m", preset="wnet", config=QUICK, device="cpu", **TINY
    )
    config = list(run)[-1].model.config
    assert (config.architecture, config.axes, config.in_channels) == ("wnet", "YX", 3)


def test_an_impossible_name_is_refused_before_the_training(tmp_path):
    for run in (
        train_from_folder(tmp_path / "missing", tmp_path / "m.pt"),
        fine_tune_files([], [], tmp_path / "m.pt", model=MODEL),
    ):
        with pytest.raises(ValueError, match=r"found the suffix '.pt'"):
            next(run)


def test_a_model_is_tuned_on_files(tmp_path):
    folder = dataset(tmp_path / "d", 1)
    corrections = blocks(32, 32).astype(np.int32)
    corrections[corrections == 0] = -1
    tifffile.imwrite(tmp_path / "corrections.tif", corrections)
    run = fine_tune_files(
        [folder / "images" / "cell0.tif"],
        [tmp_path / "corrections.tif"],
        tmp_path / "tuned",
        model=MODEL,
        config=FineTuneConfig(steps=2, batch_size=1, crop=32),
        device="cpu",
    )
    assert [state.step for state in run] == [0, 1, 2]
    provenance = load_model(tmp_path / "tuned.safetensors").config.provenance
    assert (provenance["parent"], provenance["corrected_objects"]) == ("tiny", 4)
    assert provenance["image_names"] == ["cell0.tif"]


def test_a_folder_of_what_is_not_to_be_forgotten(tmp_path):
    folder = dataset(tmp_path / "d", 3)
    run = fine_tune_files(
        [folder / "images" / "cell0.tif"],
        [folder / "masks" / "cell0.tif"],
        tmp_path / "tuned",
        model=MODEL,
        config=FineTuneConfig(steps=1, batch_size=1, crop=32),
        replay=folder,
        device="cpu",
    )
    last = list(run)[-1]
    assert last.model.config.provenance["replayed_images"] == 2
    assert last.report.replay.before.objects > 0


def test_a_stack_is_tuned_on_with_the_axes_of_its_file(tmp_path):
    folder = dataset(tmp_path / "d", 1, (3, 32, 32), ome=True, metadata={"axes": "TYX"})
    run = fine_tune_files(
        [folder / "images" / "cell0.tif"],
        [folder / "masks" / "cell0.tif"],
        tmp_path / "tuned",
        model=MODEL,
        config=FineTuneConfig(steps=1, batch_size=1, crop=32),
        device="cpu",
    )
    assert list(run)[-1].model.config.provenance["images"] == 3


def test_what_was_passed_over_and_an_image_of_noise_are_said(tmp_path):
    noise = np.random.default_rng(0).poisson(10, (64, 64)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "noise.tif", noise, resolution=(0, 0), imagej=True)
    (result,) = segment_files(tmp_path, model="nuclei-fluo", device="cpu")
    assert (result.objects, result.error) == (0, None)
    assert any("almost no signal" in note for note in result.notes)


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (0, "The image has only one value (0): there is nothing to segment."),
        (7.5, "The image has only one value (7.5): there is nothing to segment."),
        (np.nan, "The image has no finite value: there is nothing to segment."),
    ],
)
def test_an_image_without_contents_is_said_to_be_so(tmp_path, fill, said):
    np.save(tmp_path / "a.npy", np.full((20, 30), fill, np.float32))
    (result,) = segmented(tmp_path)
    assert (result.error, result.notes) == (None, (said,))


def test_cancelling_ends_the_whole_batch(tmp_path):
    for name in "ab":
        imwrite(tmp_path / f"{name}.png", picture(20, 30))

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        segmented(tmp_path, progress=stop)
    assert not list(tmp_path.glob("*_labels.tif"))
