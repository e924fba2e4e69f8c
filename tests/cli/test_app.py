"""The command line as a whole: help, wrong use, what goes wrong, and how it ends."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import napari_pixel_embedding
from napari_pixel_embedding import cli

COMMANDS = [
    *("segment", "measure", "export", "train", "finetune", "evaluate"),
    *("synthesise", "import-cvppp", "demo", "info"),
]
TRAIN = "core.training.train_folder.train_from_folder"


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help_is_given(run, capsys, arguments):
    assert run(*arguments, "--help") == cli.OK
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: {' '.join(['pixel-embedding', *arguments])} ")
    for command in COMMANDS if not arguments else ["Example:"]:
        assert command in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Missing command"),
        ("segmnt", "Did you mean 'segment'"),
        ("segment", "images"),
        ("segment a.tif --bandwidth wide", "--bandwidth"),
        ("segment a.tif --augment 3", "--augment"),
        ("segment a.tif --method watershed", "mutex"),
        ("train folder", "--output"),
        ("train folder --output m --steps many", "--steps"),
        ("train folder --output m --preset stardist", "wnet"),
        ("finetune --image a.tif --output m", "expected a folder, or else --image"),
        ("finetune --output m", "expected a folder, or else --image"),
        ("finetune folder --image a --corrections b --output m", "expected a folder, or else"),
        ("finetune folder --corrections b --output m", "expected a folder, or else"),
        ("finetune folder --output m --frozen all", "encoder"),
        ("synthesise stars --output m", "bacteria"),
    ],
)
def test_wrong_use_ends_with_2(run, capsys, arguments, message):
    assert run(*arguments.split()) == cli.WRONG_USE
    said = capsys.readouterr().err
    assert said.startswith("Usage: pixel-embedding ")
    assert message in said


def test_version(run, capsys):
    assert run("--version") == cli.OK
    assert capsys.readouterr().out.strip() == napari_pixel_embedding.__version__


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom napari_pixel_embedding.cli import main\n"
        "main(['--help']), main(['train', '--help'])\n"
        "print(sorted({'torch', 'numba', 'skimage', 'napari', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("segment missing.tif --model MODEL", "missing.tif"),
        ("segment missing.tif --model other", "there is no model 'other'"),
        ("segment IMAGE --model IMAGE", "is damaged or no model file"),
        ("segment IMAGE --model MODEL --bandwidth -1", "bandwidth must be"),
        ("evaluate missing --model MODEL", "'images' and no 'masks'"),
        ("evaluate DATA --model MODEL --where a=b", "--where needs --index"),
        ("evaluate DATA --model MODEL --index TABLE --where kind=x", "expected the columns kind"),
        ("train missing --output m", "'images' and no 'masks'"),
        ("train DATA --output m.pth", "found the suffix '.pth'"),
        ("train DATA --output m --steps 0", "steps must be from 1"),
        ("train DATA --output m --device abacus", "device must be auto or one of"),
        ("train DATA --output m --recipe RECIPE", "there is no entry 'training.step'"),
        (
            "finetune --image IMAGE --corrections NOTHING --output m --model MODEL",
            "at least one corrected object",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    tmp_path, folder, model_file, refused, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("nothing.tif", np.full((32, 32), -1, np.int32))
    (tmp_path / "r.toml").write_text("[training]\nstep = 3", encoding="utf-8")
    files = {
        "MODEL": model_file,
        "IMAGE": folder / "images" / "n0.tif",
        "DATA": folder,
        "TABLE": folder / "index.csv",
        "NOTHING": "nothing.tif",
        "RECIPE": "r.toml",
    }
    assert message in refused(*(files.get(word, word) for word in arguments.split()))


def test_line_breaks_in_messages_are_taken_out(folder, refused, monkeypatch):
    def fail(*_, **__):
        raise FloatingPointError("the loss is nan\nafter 3 steps")

    monkeypatch.setattr(f"napari_pixel_embedding.{TRAIN}", fail)
    assert refused("train", folder, "--output", "m").endswith("the loss is nan after 3 steps")


def test_an_interruption_ends_with_130(run, folder, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"napari_pixel_embedding.{TRAIN}", interrupt)
    assert run("train", folder, "--output", "m") == cli.INTERRUPTED
    said = capsys.readouterr().err
    assert said == "pixel-embedding: interrupted; finished files are complete.\n"


def test_a_mistake_in_the_code_is_not_taken_for_one_of_the_user(run, folder, monkeypatch):
    def fail(*_, **__):
        raise TypeError("a bug")

    monkeypatch.setattr(f"napari_pixel_embedding.{TRAIN}", fail)
    with pytest.raises(TypeError, match="a bug"):
        run("train", folder, "--output", "m")


def test_the_module_runs_and_ends_with_the_code_of_the_command(tmp_path):
    command = [sys.executable, "-m", "napari_pixel_embedding.cli", "synthesise", "ellipses"]
    done = subprocess.run(
        [*command, "--diameter", "1", "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        check=False,
    )
    assert done.returncode == cli.FAILED
    assert done.stderr.startswith("pixel-embedding: error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "--image a.tif b.tif --corrections c.tif d.tif --output m",
        "--image a.tif --image b.tif --output m --corrections c.tif --corrections d.tif",
        "--corrections c.tif --image a.tif b.tif --corrections d.tif --output m",
    ],
)
def test_an_option_takes_all_values_that_follow_and_may_be_repeated(run, fake, arguments):
    calls = fake("workflows.fine_tune.fine_tune_files")
    assert run("finetune", *arguments.split()) == cli.OK
    names = [[path.name for path in calls[0][key]] for key in ("images", "corrections")]
    assert names == [["a.tif", "b.tif"], ["c.tif", "d.tif"]]


def test_an_option_for_one_value_leaves_the_rest_to_the_arguments(run, fake, model_file):
    calls = fake("workflows.segment.segment_files")
    fake("workflows.label_names.images_to_segment")
    assert run("segment", "--model", model_file, "a.tif", "b.tif") == cli.OK
    assert [path.name for path in calls[0]["images"]] == ["a.tif", "b.tif"]
