"""The commands that use, train and score models: each once on files, the rest by its call."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding import LocalBandwidth, cli
from napari_pixel_embedding.core.diagnostics import diagnostics
from napari_pixel_embedding.core.evaluation.evaluate import Scores
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.model_file import load_model
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.workflows.segment import SegmentedFile
from tests.core.features.scenes import drawn_features, same_objects

SEGMENT = "workflows.segment.segment_files"
EVALUATE = "workflows.evaluate.evaluate_folder"
TRAIN = "core.training.train_folder.train_from_folder"
FINE_TUNE = "workflows.fine_tune.fine_tune_files"
QUICK = ["--steps", "2", "--batch-size", "1", "--crop", "32", "--device", "cpu"]


def test_segment_writes_labels_with_axes_and_scale(run, tmp_path, model_file, capsys):
    image = np.random.default_rng(0).integers(0, 255, (2, 20, 30), np.uint8)
    metadata = {"axes": "TYX", "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
    tifffile.imwrite(tmp_path / "film.ome.tif", image, metadata=metadata)
    output = tmp_path / "labels"
    code = run(
        *("segment", tmp_path / "film.ome.tif", "--output", output, "--model", model_file),
        *("--device", "cpu", "--foreground-threshold", 0.3, "--min-size", 2),
    )
    assert code == cli.OK
    (file,) = output.iterdir()
    labels = read_labels(file)
    assert (labels.axes, labels.scale, labels.data.shape) == ("TYX", (0.5, 0.25), (2, 20, 30))
    said = capsys.readouterr().err
    assert f"{file}: {sum(frame.max() for frame in labels.data)} objects in" in said


def test_segment_hands_on_its_options(run, fake, folder, model_file):
    calls = fake(SEGMENT)
    options = (
        "--output out --axes YX --channel DAB --diameter 12 --augment 4 --method mutex --device cpu"
    )
    options += " --tile 256 --spacing 2,0.5,0.5 --local-bandwidth 1:3,4=0.8"
    options += " --overwrite --recursive --save-recipe"
    assert run("segment", folder / "images", "--model", model_file, *options.split()) == cli.OK
    assert calls[0].pop("model").config.name == "tiny"
    assert calls[0] == {
        "images": [folder / "images"],
        "output": Path("out"),
        "params": None,
        "method": "mutex",
        "axes": "YX",
        "channel": "DAB",
        "diameter": 12.0,
        "augment": 4,
        "device": "cpu",
        "tile": 256,
        "spacing": (2.0, 0.5, 0.5),
        "local_bandwidths": ((), (LocalBandwidth((3, 4), 0.8),)),
        "source": model_file,
        "overwrite": True,
        "recursive": True,
        "save_recipe": True,
    }


def test_segment_takes_what_is_usual_where_nothing_is_said(run, fake, folder):
    calls = fake(SEGMENT)
    assert run("segment", folder / "images") == cli.OK
    assert calls[0].pop("model").config.name == "nuclei-fluo"
    assert calls[0] == {
        "images": [folder / "images"],
        "output": None,
        "params": None,
        "method": "mean_shift",
        "axes": None,
        "channel": None,
        "diameter": None,
        "augment": 1,
        "device": "auto",
        "tile": None,
        "spacing": None,
        "local_bandwidths": (),
        "source": "nuclei-fluo",
        "overwrite": False,
        "recursive": False,
        "save_recipe": False,
    }


@pytest.mark.parametrize(
    ("command", "path", "workflow", "result"),
    [("segment", "images", SEGMENT, ()), ("evaluate", "", EVALUATE, Scores(*[0.5] * 8))],
)
def test_cluster_options_change_the_model_s_own_parameters(
    run, fake, folder, model_file, command, path, workflow, result
):
    calls = fake(workflow, result)
    assert run(command, folder / path, "--model", model_file, "--min-size", 7) == cli.OK
    own = load_model(model_file).config.cluster_params()
    assert own.min_size != 7
    assert calls[0]["params"].min_size == 7
    assert calls[0]["params"].bandwidth == own.bandwidth
    assert calls[0]["params"].seed_threshold == own.seed_threshold


def test_a_bad_image_is_named_and_the_others_are_reported(run, fake, folder, model_file, capsys):
    bad, good = folder / "images" / "n0.tif", folder / "images" / "n1.tif"
    there = SegmentedFile(good, good, skipped=True)
    noted = SegmentedFile(good, good, 3, 0.5, notes=("A note.",))
    results = [SegmentedFile(bad, None, error="no\nimage"), there, noted]
    fake(SEGMENT, results)
    assert run("segment", folder / "images", "--model", model_file) == cli.FAILED
    said = capsys.readouterr().err
    assert f"pixel-embedding: error: {bad}: no image\n" in said
    assert f"{good}: 3 objects in 0.5 s\n" in said
    assert "  A note.\n" in said
    assert f"{good}: skipped, {good} is there (--overwrite).\n" in said
    assert "1 segmented, 1 skipped, 1 failed.\n" in said


def test_train_writes_a_model(run, tmp_path, folder, capsys):
    output = tmp_path / "mine.safetensors"
    code = run(
        *("train", folder, "--output", output, "--base-width", 4, "--embedding-dim", 3),
        *(
            "--coordinates",
            4,
            "--pull-window",
            24,
            "--description",
            "a test",
            "--index",
            folder / "index.csv",
        ),
        *("--where", "type=tissue", "split=dev", *QUICK),
    )
    assert code == cli.OK
    config = load_model(output).config
    assert (config.name, config.description, config.base_width) == ("mine", "a test", 4)
    assert (config.embedding_dim, config.coordinate_scale) == (3, 4.0)
    assert config.pull_window == 24
    assert config.provenance["training_images"] == 4
    said = capsys.readouterr().err
    assert f"{output}: trained." in said
    assert "foreground" in said and "inter" in said


def test_train_hands_on_its_options(run, fake, folder):
    calls = fake(TRAIN)
    options = (
        "--output out/mine --preset wnet --size tiny --start generic --coordinates 5 "
        "--embedding-dim 6 --base-width 7 --name n --description d --licence CC0-1.0 "
        "--validation dev --device cpu --learning-rate 0.01 --steps 5"
    )
    assert run("train", folder, *options.split()) == cli.OK
    assert calls == [
        {
            "folder": folder,
            "output": Path("out/mine"),
            "preset": "wnet",
            "size": "tiny",
            "start": "generic",
            "config": TrainConfig(steps=5, learning_rate=0.01),
            "validation": Path("dev"),
            "names": None,
            "hold_back": 10,
            "split_masks": None,
            "device": "cpu",
            "model_options": {
                "coordinate_scale": 5.0,
                "embedding_dim": 6,
                "base_width": 7,
                "name": "n",
                "description": "d",
                "licence": "CC0-1.0",
            },
        }
    ]


RECIPE = """
licence = "CC0-1.0"
preset = "cosine"

[model]
base_width = 4
embedding_dim = 3

[training]
steps = 9
crop = 32

[data]
index = "index.csv"
where = { type = "tissue" }
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_a_recipe_says_how_to_train(run, fake, folder, recipe):
    calls = fake(TRAIN)
    assert run("train", folder, "--recipe", recipe, "--output", "mine.safetensors") == cli.OK
    assert (calls[0]["preset"], calls[0]["size"], calls[0]["start"]) == ("cosine", "base", None)
    assert calls[0]["config"] == TrainConfig(steps=9, crop=32)
    assert calls[0]["names"] == ["n2", "n3", "n4", "n5"]
    assert calls[0]["model_options"] == {
        "name": "mine",
        "description": "",
        "licence": "CC0-1.0",
        "base_width": 4,
        "embedding_dim": 3,
    }


def test_options_go_before_a_recipe(run, fake, folder, recipe):
    calls = fake(TRAIN)
    options = ["--steps", 2, "--embedding-dim", 5, "--preset", "euclidean"]
    chosen = ["--index", folder / "index.csv", "--where", "type=fluo"]
    code = run("train", folder, "--recipe", recipe, "--output", "mine", *options, *chosen)
    assert code == cli.OK
    assert calls[0]["preset"] == "euclidean"
    assert calls[0]["config"] == TrainConfig(steps=2, crop=32)
    assert calls[0]["names"] == ["n0", "n1"]
    assert calls[0]["model_options"]["embedding_dim"] == 5
    assert calls[0]["model_options"]["base_width"] == 4


def test_a_recipe_s_own_name_is_kept(run, fake, folder, recipe):
    calls = fake(TRAIN)
    recipe.write_text('name = "nuclei"', encoding="utf-8")
    assert run("train", folder, "--recipe", recipe, "--output", "mine") == cli.OK
    assert calls[0]["model_options"]["name"] == "nuclei"


def test_finetune_writes_a_child_and_says_what_has_changed(
    run, tmp_path, folder, model_file, capsys
):
    options = ("--model", model_file, "--frozen", "encoder", "--replay-data", folder)
    assert run("finetune", folder, "--output", tmp_path / "child", *options, *QUICK) == cli.OK
    child = tmp_path / "child.safetensors"
    provenance = load_model(child).config.provenance
    assert (provenance["parent"], provenance["images"], provenance["frozen"]) == (
        "tiny",
        6,
        "encoder",
    )
    said = capsys.readouterr().err
    assert re.search(r"held back \(\d+ objects\): AP@0.5 \d.\d+ → \d.\d+, splits", said)
    assert re.search(r"replay \(\d+ objects\): AP@0.5", said)
    assert f"{child}: tuned." in said


def test_finetune_hands_on_its_options(run, fake):
    calls = fake(FINE_TUNE)
    options = (
        "--image a.tif --corrections b.tif --output mine --replay-data old --axes YX --channel 1 "
        "--model generic --diameter 60 --device cpu --replay 0.2 --frozen backbone"
    )
    assert run("finetune", *options.split()) == cli.OK
    assert calls == [
        {
            "images": [Path("a.tif")],
            "corrections": [Path("b.tif")],
            "output": Path("mine"),
            "model": "generic",
            "config": FineTuneConfig(replay=0.2, frozen="backbone"),
            "axes": "YX",
            "channel": "1",
            "diameter": 60.0,
            "device": "cpu",
            "replay": Path("old"),
            "split_masks": None,
        }
    ]


def test_finetune_takes_the_pairs_of_a_folder(run, fake, folder):
    calls = fake(FINE_TUNE)
    assert run("finetune", folder, "--output", "mine") == cli.OK
    names = [f"n{index}.tif" for index in range(6)]
    assert calls[0]["images"] == [folder / "images" / name for name in names]
    assert calls[0]["corrections"] == [folder / "masks" / name for name in names]
    assert calls[0]["model"] == "nuclei-fluo"
    assert calls[0]["config"] == FineTuneConfig()
    assert calls[0]["replay"] is None


def test_evaluate_prints_scores_of_the_chosen_images(run, folder, model_file, capsys):
    code = run(
        *("evaluate", folder, "--model", model_file, "--device", "cpu"),
        *("--index", folder / "index.csv", "--where", "type=fluo"),
    )
    assert code == cli.OK
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(printed) == [
        "images",
        "AP@0.5",
        "AP@0.75",
        "AP@0.5:0.95",
        "SBD",
        "|DiC|",
        "PQ",
        "seconds an image",
    ]
    assert printed["images"] == "2"
    assert 0 <= float(printed["AP@0.5:0.95"]) <= float(printed["AP@0.5"]) <= 1


def test_evaluate_hands_on_its_options(run, fake, folder, model_file):
    calls = fake(EVALUATE, Scores(*[0.5] * 8))
    options = "--channel red --diameter 12 --augment 8 --method mutex --device cpu"
    options += " --no-distance-seeds"
    assert run("evaluate", folder, "--model", model_file, *options.split()) == cli.OK
    assert run("evaluate", folder, "--model", model_file) == cli.OK
    for call in calls:
        assert (call["folder"], call["names"], call["params"]) == (folder, None, None)
        assert call["model"].config.name == "tiny"
    names = ("channel", "diameter", "augment", "method", "device", "distance_seeds")
    assert [tuple(call[name] for name in names) for call in calls] == [
        ("red", 12.0, 8, "mutex", "cpu", False),
        (None, None, 1, "mean_shift", "auto", True),
    ]


def test_demo_without_napari_says_what_to_install(refused, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'napari-pixel-embedding[gui]'" in refused("demo")


@pytest.mark.parametrize("code", [None, 3])
def test_demo_hands_on_its_options_and_its_code(run, fake, tmp_path, code):
    calls = fake("_napari.demo.run_demo", code)
    assert run("demo", "--sample", "embryo-3d", "--screenshot", tmp_path / "a.png") == (code or 0)
    assert calls == [{"sample": "embryo-3d", "screenshot": tmp_path / "a.png"}]


def test_info_prints_the_report_to_be_piped_on(run, capsys):
    assert run("info") == cli.OK
    printed, known = capsys.readouterr().out.splitlines(), diagnostics().splitlines()
    assert len(printed) == len(known)
    for line, other in zip(printed, known, strict=True):
        assert line == other or line.startswith("Memory")  # what is free changes


@pytest.fixture
def binary(folder):
    """The folder with masks in which one id has four pieces in each image."""
    mask = np.kron(np.ones((2, 2), int), np.pad(np.ones((10, 10), int), 3))
    for path in (folder / "masks").iterdir():
        tifffile.imwrite(path, mask.astype(np.uint8) * 255)
    return folder


def learning(command, folder, model_file, output):
    quick = ("--steps", "2", "--batch-size", "1", "--crop", "32", "--device", "cpu")
    network = ("--size", "tiny", "--base-width", "4", "--embedding-dim", "4")
    return {
        "train": ("train", folder, "--output", output, *network, *quick),
        "finetune": ("finetune", folder, "--output", output, "--model", model_file, *quick),
        "evaluate": ("evaluate", folder, "--model", model_file, "--device", "cpu"),
    }[command]


@pytest.mark.parametrize("command", ["train", "finetune", "evaluate"])
def test_binary_masks_are_asked_about_before_any_work(
    refused, binary, model_file, tmp_path, command
):
    said = refused(*learning(command, binary, model_file, tmp_path / "o"))
    first = "n1.tif" if command == "train" else "n0.tif"  # n0 is held back
    assert f"{first} has one id in 4 separate pieces (6 of 6 files are like this)" in said
    assert "Give --split-masks to make every piece an object, or --keep-masks" in said
    assert not list(tmp_path.glob("o*"))


@pytest.mark.parametrize(
    ("option", "objects", "diameter"), [("--split-masks", 4, 11.3), ("--keep-masks", 1, 22.6)]
)
def test_masks_are_split_or_kept_as_asked(
    run, binary, model_file, tmp_path, option, objects, diameter
):
    arguments = learning("finetune", binary, model_file, tmp_path / "o")
    assert run(*arguments, option) == cli.OK
    known = load_model(tmp_path / "o.safetensors").config.provenance
    assert known["corrected_objects"] + known["held_back_objects"] == 6 * objects
    arguments = learning("train", binary, model_file, tmp_path / "p")
    assert run(*arguments, option) == cli.OK
    assert load_model(tmp_path / "p.safetensors").config.object_diameter == diameter


@pytest.mark.parametrize("command", ["train", "finetune", "evaluate"])
def test_masks_of_another_shape_are_all_named_before_any_work(
    refused, folder, model_file, tmp_path, command
):
    for name in ("n1", "n4"):
        tifffile.imwrite(folder / "masks" / f"{name}.tif", np.ones((32, 30), np.uint8))
    said = refused(*learning(command, folder, model_file, tmp_path / "o"))
    assert "pairs cannot be used: n1.tif: its mask has other pixels, (32, 30)" in said
    assert "n4.tif: its mask has other pixels" in said
    assert not list(tmp_path.glob("o*"))


@pytest.mark.parametrize("command", ["train", "finetune", "evaluate"])
def test_values_that_are_no_ids_are_named_before_any_work(
    refused, folder, model_file, tmp_path, command
):
    tifffile.imwrite(folder / "masks" / "n3.tif", np.full((32, 32), np.nan, np.float32))
    said = refused(*learning(command, folder, model_file, tmp_path / "o"))
    assert "n3.tif: masks/n3.tif must be a label image of whole numbers, found nan" in said


def test_a_set_without_objects_has_a_dash_for_a_score(run, folder, model_file, capsys):
    for path in (folder / "masks").iterdir():
        tifffile.imwrite(path, np.zeros((32, 32), np.uint8))
    assert run(*learning("evaluate", folder, model_file, None)) == cli.OK
    printed = capsys.readouterr()
    scores = dict(line.rsplit(maxsplit=1) for line in printed.out.splitlines())
    assert [scores[name] for name in ("AP@0.5", "AP@0.5:0.95", "SBD", "PQ")] == ["–"] * 4
    assert "None of the images has an annotated object, so there is no AP." in printed.err


@pytest.mark.parametrize("held", ["none", "empty"])
def test_training_says_what_it_does_without_anything_to_validate_on(
    run, folder, model_file, tmp_path, capsys, held
):
    if held == "none":
        for kind in ("images", "masks"):
            for name in ("n4", "n5"):
                (folder / kind / f"{name}.tif").unlink()
    else:
        tifffile.imwrite(folder / "masks" / "n0.tif", np.zeros((32, 32), np.uint8))
    assert run(*learning("train", folder, model_file, tmp_path / "o")) == cli.OK
    why = {
        "none": "There are no images to validate on",
        "empty": "None of the validation images has an object (1 looked at)",
    }[held]
    printed = capsys.readouterr().err
    assert printed.count(f"{why}, so there is no AP: the model of the last step is kept.") == 1
    assert "AP 1" not in printed


@pytest.mark.parametrize(
    "options",
    [
        ("--features", "--compare", "cosine", "--objects", "length"),
        ("--model", "features:cosine:length"),
    ],
)
def test_segment_takes_channels_as_features(run, tmp_path, options):
    labels, features = drawn_features(dim=12)
    np.save(tmp_path / "features.npy", features)
    assert run("segment", tmp_path / "features.npy", "--axes", "CYX", *options) == cli.OK
    assert same_objects(read_labels(tmp_path / "features_labels.tif").data, labels)


def test_segment_refuses_features_that_are_no_choice(run, tmp_path, capsys):
    np.save(tmp_path / "features.npy", np.zeros((3, 8, 8)))
    code = run("segment", tmp_path / "features.npy", "--features", "--objects", "somewhere")
    assert code == cli.FAILED
    assert "found 'somewhere'" in capsys.readouterr().err


def test_models_export_hands_on_its_options(run, fake, tmp_path, model_file):
    calls = fake("core.exchange.bioimageio.export_bioimageio")
    output = tmp_path / "out.zip"
    options = ("--author", "A", "B", "--licence", "MIT")
    assert run("models", "export", model_file, "--output", output, *options) == cli.OK
    (call,) = calls
    assert call["model"].config.name == "tiny"
    assert (call["path"], call["authors"], call["licence"]) == (output, ["A", "B"], "MIT")


def test_models_export_replaces_nothing_unasked(run, tmp_path, model_file, capsys):
    (tmp_path / "out.zip").write_bytes(b"mine")
    assert run("models", "export", model_file, "--output", tmp_path / "out") == cli.FAILED
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "out.zip").read_bytes() == b"mine"


def test_segment_takes_a_network_with_its_declaration(run, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    from tests.core.model.foreign import DECLARATION, drawn_image, network

    labels, image = drawn_image()
    np.save(tmp_path / "image.npy", image)
    (tmp_path / "other.toml").write_text(DECLARATION, encoding="utf-8")
    path = network(tmp_path / "net.onnx")
    command = ("segment", tmp_path / "image.npy", "--model", path)
    assert run(*command) == cli.FAILED
    assert run(*command, "--declaration", tmp_path / "other.toml") == cli.OK
    assert same_objects(read_labels(tmp_path / "image_labels.tif").data, labels)
