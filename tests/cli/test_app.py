"""The command line: what it writes, what it says, and how it ends."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import napari_pixel_embedding
from napari_pixel_embedding import cli
from napari_pixel_embedding.core.evaluation.evaluate import Scores
from napari_pixel_embedding.core.inference.test_time_augmentation import views
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model, save_model

COMMANDS = ["segment", "train", "finetune", "evaluate", "synthesise", "import-cvppp", "demo"]
QUICK = ["--steps", "2", "--batch-size", "1", "--crop", "32", "--device", "cpu"]


@pytest.fixture
def model_file(tmp_path):
    config = ModelConfig(name="tiny", base_width=4, depth=2, embedding_dim=4)
    return str(save_model(EmbeddingModel.untrained(config), tmp_path / "tiny"))


@pytest.fixture
def folder(tmp_path):
    """Six pairs and a table that sorts them into two kinds."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    rows = ["name,type,split"]
    for index in range(6):
        labels = np.kron(rng.integers(0, 5, (4, 4)), np.ones((8, 8), int)).astype(np.uint16)
        image = (labels * 40 + rng.integers(0, 20, labels.shape)).astype(np.uint16)
        for kind, array in (("images", image), ("masks", labels)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / kind / f"n{index}.tif", array)
        rows.append(f"n{index},{'fluo' if index < 2 else 'tissue'},dev")
    (root / "index.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """Run a command that must fail; return what it says, which must be a single line."""
    assert run(*arguments) == cli.FAILED
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("pixel-embedding: error: ")
    return lines[0]


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help_is_given(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        run(*arguments, "--help")
    assert end.value.code == cli.OK
    text = capsys.readouterr().out
    assert "pixel-embedding" in text
    for command in COMMANDS if not arguments else ["Example:"]:
        assert command in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["segmnt"],
        ["segment"],
        ["train", "folder"],
        ["train", "folder", "--output", "m", "--steps", "many"],
        ["train", "folder", "--output", "m", "--preset", "stardist"],
        ["segment", "a.tif", "--bandwidth", "wide"],
        ["finetune", "--image", "a.tif", "--output", "m"],
        ["finetune", "--output", "m"],
        ["finetune", "folder", "--image", "a", "--corrections", "b", "--output", "m"],
        ["finetune", "folder", "--output", "m", "--frozen", "all"],
    ],
)
def test_wrong_use_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == cli.WRONG_USE
    assert "usage:" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit):
        run("--version")
    assert capsys.readouterr().out.strip() == napari_pixel_embedding.__version__


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom napari_pixel_embedding.cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numba', 'skimage', 'napari'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_segment_writes_labels_with_axes_and_scale(tmp_path, model_file, capsys):
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


def test_cluster_options_change_the_labels_and_the_rest_is_the_model_s(
    tmp_path, model_file, monkeypatch, folder
):
    seen = []
    monkeypatch.setattr(
        "napari_pixel_embedding.workflows.segment.segment_files",
        lambda *a, params, **k: iter(seen.append(params) or ()),
    )
    run("segment", folder / "images", "--model", model_file)
    run("segment", folder / "images", "--model", model_file, "--min-size", "7")
    assert seen.pop(0) is None
    assert seen[0].min_size == 7
    own = load_model(model_file).config.cluster_params()
    assert (seen[0].bandwidth, seen[0].seed_threshold) == (own.bandwidth, own.seed_threshold)


def test_a_bad_image_does_not_stop_the_others_and_is_told(folder, model_file, capsys):
    (folder / "images" / "n3.tif").write_bytes(b"no image at all")
    code = run("segment", folder / "images", "--model", model_file, "--device", "cpu")
    assert code == cli.FAILED
    written = sorted(path.name for path in (folder / "images").glob("*_labels.tif"))
    assert written == [f"n{index}_labels.tif" for index in (0, 1, 2, 4, 5)]
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert "n3.tif" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "missing.tif", "--model", "MODEL"], "missing.tif"),
        (["segment", "missing.tif", "--model", "other"], "there is no model 'other'"),
        (["segment", "IMAGE", "--model", "IMAGE"], "is damaged or no model file"),
        (["segment", "IMAGE", "--model", "MODEL", "--bandwidth=-1"], "bandwidth must be"),
        (["evaluate", "missing", "--model", "MODEL"], "'images' and no 'masks'"),
        (["evaluate", "DATA", "--model", "MODEL", "--where", "a=b"], "--where needs --index"),
        (
            ["evaluate", "DATA", "--model", "MODEL", "--index", "TABLE", "--where", "fluo"],
            "--where expects COLUMN=VALUE, found 'fluo'",
        ),
        (
            ["evaluate", "DATA", "--model", "MODEL", "--index", "TABLE", "--where", "kind=x"],
            "expected the columns kind",
        ),
        (["train", "missing", "--output", "m"], "'images' and no 'masks'"),
        (["train", "DATA", "--output", "m.pth"], "found the suffix '.pth'"),
        (["train", "DATA", "--output", "m", "--steps", "0"], "steps must be from 1"),
        (["train", "DATA", "--output", "m", "--device", "abacus"], "device must be auto or one of"),
        (
            "finetune --image IMAGE --corrections NOTHING --output m --model MODEL".split(),
            "at least one corrected object",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    tmp_path, folder, model_file, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("nothing.tif", np.full((32, 32), -1, np.int32))
    files = {
        "MODEL": model_file,
        "IMAGE": folder / "images" / "n0.tif",
        "DATA": folder,
        "TABLE": folder / "index.csv",
        "NOTHING": "nothing.tif",
    }
    assert message in refused(capsys, *(files.get(a, a) for a in arguments))


def test_a_damaged_image_fails(tmp_path, model_file, capsys):
    (tmp_path / "a.tif").write_bytes(b"II*\x00 and nothing more")
    assert run("segment", tmp_path / "a.tif", "--model", model_file) == cli.FAILED
    assert f"pixel-embedding: error: {tmp_path / 'a.tif'}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [FloatingPointError("the loss is nan\nafter 3 steps")])
def test_line_breaks_in_messages_are_taken_out(folder, capsys, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("napari_pixel_embedding.core.training.train_folder.train_from_folder", fail)
    assert refused(capsys, "train", folder, "--output", "m").endswith(
        "the loss is nan after 3 steps"
    )


def test_an_interruption_ends_with_130(folder, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "napari_pixel_embedding.core.training.train_folder.train_from_folder", interrupt
    )
    assert run("train", folder, "--output", "m") == cli.INTERRUPTED
    assert "interrupted; finished files are complete" in capsys.readouterr().err


def test_train_writes_a_model(tmp_path, folder, capsys):
    output = tmp_path / "mine.safetensors"
    code = run(
        *("train", folder, "--output", output, "--base-width", 4, "--embedding-dim", 3),
        *("--coordinates", 4, "--description", "a test", "--index", folder / "index.csv"),
        *("--where", "type=tissue", "split=dev", *QUICK),
    )
    assert code == cli.OK
    config = load_model(output).config
    assert (config.name, config.description, config.base_width) == ("mine", "a test", 4)
    assert (config.embedding_dim, config.coordinate_scale) == (3, 4.0)
    assert config.provenance["training_images"] == 4
    said = capsys.readouterr().err
    assert f"{output}: trained." in said
    assert "foreground" in said and "inter" in said


def test_finetune_writes_a_child(tmp_path, folder, model_file, capsys):
    output = tmp_path / "child"
    code = run(
        *("finetune", "--image", folder / "images" / "n0.tif", "--model", model_file),
        *("--corrections", folder / "masks" / "n0.tif", "--output", output, *QUICK),
    )
    assert code == cli.OK
    child = tmp_path / "child.safetensors"
    assert load_model(child).config.provenance["parent"] == "tiny"
    assert f"{child}: tuned." in capsys.readouterr().err


def test_finetune_takes_a_folder_and_says_what_has_changed(tmp_path, folder, model_file, capsys):
    options = ("--model", model_file, "--frozen", "encoder", "--replay-data", folder)
    assert run("finetune", folder, "--output", tmp_path / "child", *options, *QUICK) == cli.OK
    provenance = load_model(tmp_path / "child.safetensors").config.provenance
    assert (provenance["images"], provenance["frozen"]) == (6, "encoder")
    said = capsys.readouterr().err
    assert re.search(r"held back \(\d+ objects\): AP@0.5 \d.\d+ → \d.\d+, splits", said)
    assert re.search(r"not to forget \(\d+ objects\): AP@0.5", said)


def test_evaluate_prints_scores_of_the_chosen_images(folder, model_file, capsys):
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


def test_evaluate_can_leave_out_the_distance_seeds(folder, model_file, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "napari_pixel_embedding.workflows.evaluate.evaluate_folder",
        lambda *_, **options: asked.append(options["distance_seeds"]) or Scores(*[0.5] * 8),
    )
    assert run("evaluate", folder, "--model", model_file, "--no-distance-seeds") == cli.OK
    assert run("evaluate", folder, "--model", model_file) == cli.OK
    assert asked == [False, True]


def test_demo_without_napari_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'napari-pixel-embedding[gui]'" in refused(capsys, "demo")


def test_demo_hands_on_its_options(tmp_path, monkeypatch):
    from napari_pixel_embedding._napari import demo

    seen = {}
    monkeypatch.setattr(demo, "run_demo", lambda **options: seen.update(options))
    assert run("demo", "--sample", "embryo-3d", "--screenshot", tmp_path / "a.png") == cli.OK
    assert seen == {"sample": "embryo-3d", "screenshot": tmp_path / "a.png"}


def test_the_command_is_installed(tmp_path):
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-m", "napari_pixel_embedding.cli", "segment", str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == cli.FAILED
    assert done.stderr.count("\n") == 1


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


def test_a_recipe_says_how_to_train_and_options_go_before_it(tmp_path, folder):
    recipe, output = tmp_path / "r.toml", tmp_path / "mine"
    recipe.write_text(RECIPE, encoding="utf-8")
    options = ("--steps", 2, "--batch-size", 1, "--embedding-dim", 5, "--device", "cpu")
    assert run("train", folder, "--recipe", recipe, "--output", output, *options) == cli.OK
    config = load_model(tmp_path / "mine.safetensors").config
    assert (config.space, config.licence, config.base_width) == ("cosine", "CC0-1.0", 4)
    assert (config.name, config.embedding_dim) == ("mine", 5)
    told = config.provenance
    assert (told["training_images"], told["steps"], told["batch_size"], told["crop"]) == (
        4,
        2,
        1,
        32,
    )


def test_a_training_can_go_on_from_a_model(tmp_path, folder, model_file):
    output = tmp_path / "child"
    code = run("train", folder, "--output", output, "--start", model_file, "--name", "b", *QUICK)
    assert code == cli.OK
    config = load_model(tmp_path / "child.safetensors").config
    assert (config.name, config.depth, config.provenance["parent"]) == ("b", 2, "tiny")


def test_a_recipe_that_cannot_be_used_is_told_in_one_line(tmp_path, folder, capsys):
    recipe = tmp_path / "r.toml"
    recipe.write_text("[training]\nstep = 3", encoding="utf-8")
    said = refused(capsys, "train", folder, "--recipe", recipe, "--output", "m")
    assert "the recipe r.toml cannot be used: there is no entry 'training.step'" in said


@pytest.mark.parametrize("command", ["segment", "evaluate"])
def test_the_method_reaches_the_clustering(command, folder, model_file, tmp_path, monkeypatch):
    asked = []

    def cluster(emap, params, method):
        asked.append(method)
        return np.ones(emap.shape, np.uint16)

    monkeypatch.setattr("napari_pixel_embedding.core.inference.segment.cluster", cluster)
    target = ["--output", tmp_path / "out"] if command == "segment" else []
    source = folder / "images" if command == "segment" else folder
    common = ("--model", model_file, "--device", "cpu")
    assert run(command, source, *target, *common, "--method", "mutex") == cli.OK
    assert run(command, source, *target, *common) == cli.OK
    assert asked == ["mutex"] * 6 + ["mean_shift"] * 6


@pytest.mark.parametrize("command", ["segment", "evaluate"])
def test_the_number_of_views_reaches_the_network(
    command, folder, model_file, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "napari_pixel_embedding.core.inference.predict.views",
        lambda augment: asked.append(augment) or views(1),
    )
    target = ["--output", tmp_path / "out"] if command == "segment" else []
    source = folder / "images" if command == "segment" else folder
    options = ("--model", model_file, "--device", "cpu", "--augment", 4)
    assert run(command, source, *target, *options) == cli.OK
    assert asked == [4] * 6
