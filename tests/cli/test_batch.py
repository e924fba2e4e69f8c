"""The commands of runs over data sets."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_pixel_embedding.cli import main
from napari_pixel_embedding.cli.batch import status_line
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.runs.folder import RunProgress


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))


@pytest.fixture
def image(tmp_path):
    pixels = np.asarray(load_sample("nuclei-field")[0].data)[:200, :260]
    tifffile.imwrite(tmp_path / "image.tif", pixels)
    return tmp_path / "image.tif"


def run(image, output, *more):
    model = ("--model", "nuclei-fast", "--block", "128", "--workers", "0")
    return main(["batch", "run", str(image), "--output", str(output), *model, *more])


def test_a_plan_says_blocks_memory_and_time(image, capsys):
    assert main(["batch", "plan", str(image), "--model", "nuclei-fast", "--block", "128"]) == 0
    text = capsys.readouterr().out
    assert "1 image, 6 blocks" in text
    assert "200 × 260 (YX), in blocks of 128 × 128" in text
    assert "Memory: up to" in text and "s a megapixel, measured on this machine" in text


def test_a_run_its_status_and_going_on(image, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(image, output) == 0
    assert "objects in 1 image" in capsys.readouterr().err
    assert main(["batch", "status", str(output)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("done") and "image_labels.ome.zarr" in text
    assert main(["batch", "resume", str(output), "--workers", "0"]) == 0
    assert zarr.open_array(output / "image_labels.ome.zarr/0", mode="r")[:].max() > 10


def test_workers_do_the_same(image, tmp_path):
    assert run(image, tmp_path / "here") == 0
    assert run(image, tmp_path / "there", "--workers", "2") == 0
    here, there = (
        zarr.open_array(tmp_path / name / "image_labels.ome.zarr/0", mode="r")[:]
        for name in ("here", "there")
    )
    assert (here == there).all()


def test_failed_images_show_in_summary_and_exit_code(image, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    image.rename(tmp_path / "in" / "good.tif")
    (tmp_path / "in" / "bad.tif").write_bytes(b"nothing")
    assert run(tmp_path / "in", tmp_path / "out", "--no-measure") == 1
    assert "Failed: bad" in capsys.readouterr().err
    assert main(["batch", "status", str(tmp_path / "out")]) == 1
    assert "1 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--bandwidth", "1"], "No such option"),
        (["--block", "100"], "block must be"),
        (["--scheduler", "tcp://10.0.0.1:8786"], "does not speak TLS"),
        (["--level", "3"], "level must be"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(image, tmp_path, capsys, more, said):
    assert run(image, tmp_path / "out", *more) != 0
    assert said in capsys.readouterr().err


def test_a_run_needs_a_recipe_or_a_model(image, tmp_path, capsys):
    assert main(["batch", "run", str(image), "--output", str(tmp_path / "out")]) == 1
    assert "give a recipe" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "resume"])
def test_a_folder_without_a_run_is_named(tmp_path, capsys, command):
    assert main(["batch", command, str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_how_far_a_run_is_in_one_line():
    found = RunProgress(image="a", stage="segment", done=3, count=1200, seconds_left=95, failed=2)
    assert status_line(found) == ("running, a: segment 3 of 1,200, 2 min left, 2 failed")
