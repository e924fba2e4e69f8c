"""Folders that are drawn or imported are what training and scoring take."""

from __future__ import annotations

import csv

import imageio.v3 as iio
import numpy as np
import pytest

from napari_pixel_embedding import cli
from napari_pixel_embedding.core.datasets.pairs import find_pairs, names_where
from napari_pixel_embedding.core.datasets.synthetic import KINDS, SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.workflows.datasets import import_cvppp, synthesise_folder


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("shape", "color", "axes"),
    [((40, 50), False, "YX"), ((40, 50), True, "YXC"), ((12, 40, 50), False, "ZYX")],
)
def test_drawn_folder_holds_what_was_drawn(tmp_path, shape, color, axes):
    config = SyntheticConfig(diameter=12, color=color)
    written = list(synthesise_folder(tmp_path, "bacteria", 2, shape, seed=3, config=config))
    assert written == find_pairs(tmp_path)
    for seed, pair in enumerate(written, start=3):
        drawn = synthetic_image("bacteria", shape, seed=seed, config=config)
        image, labels = read_image(pair.image), read_labels(pair.mask)
        assert (image.axes, labels.axes) == (axes, axes.removesuffix("C"))
        np.testing.assert_array_equal(image.data, drawn.image)
        np.testing.assert_array_equal(labels.data, drawn.labels)


def test_kinds_can_be_mixed_but_nothing_is_overwritten(tmp_path):
    for kind in KINDS:
        list(synthesise_folder(tmp_path, kind, 1, (32, 32)))
    assert len(find_pairs(tmp_path)) == len(KINDS)
    before = find_pairs(tmp_path)[0].image.read_bytes()
    with pytest.raises(ValueError, match=r"no bacteria-24px-0000\.tif in .*images"):
        list(synthesise_folder(tmp_path, "bacteria", 1, (64, 64)))
    assert find_pairs(tmp_path)[0].image.read_bytes() == before


def test_a_count_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="count must be 1 or more, found 0"):
        list(synthesise_folder(tmp_path, "bacteria", 0))


def test_command_draws_a_folder_that_can_be_trained_on(tmp_path, capsys):
    folder = tmp_path / "leaves"
    assert (
        run(
            *("synthesise", "rosette", "--count", 5, "--shape", 64, 64, "--output", folder),
            *("--diameter", 14, "--noise", 0.1, "--seed", 7, "--color"),
        )
        == cli.OK
    )
    assert f"{folder}: 5 images with masks." in capsys.readouterr().err
    config = SyntheticConfig(diameter=14, noise=0.1, color=True)
    first = synthetic_image("rosette", (64, 64), seed=7, config=config)
    np.testing.assert_array_equal(read_image(find_pairs(folder)[0].image).data, first.image)
    model = tmp_path / "model.safetensors"
    code = run(
        *("train", folder, "--output", model, "--steps", 2, "--batch-size", 1, "--crop", 32),
        *("--base-width", 4, "--device", "cpu"),
    )
    assert (code, model.is_file()) == (cli.OK, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shape", "64"], "two or three sizes"),
        (["--diameter", "1"], "diameter must be from 4"),
        (["--shape", "16", "32", "32", "--color"], "two dimensions only"),
    ],
)
def test_command_says_what_it_cannot_draw(tmp_path, capsys, arguments, message):
    code = run("synthesise", "bacteria", "--output", tmp_path, *arguments)
    assert code == cli.FAILED
    assert message in capsys.readouterr().err


@pytest.fixture
def challenge(tmp_path):
    """A folder as the challenge's download is after unpacking: two subsets, ten plants each."""
    root = tmp_path / "CVPPP2017_LSC_training" / "training"
    for subset, size in (("A1", 48), ("A3", 64)):
        (root / subset).mkdir(parents=True)
        for number in range(10):
            config = SyntheticConfig(diameter=14, color=True)
            image, labels = synthetic_image("rosette", (size, size), seed=number, config=config)
            stem = root / subset / f"plant{number // 2:03}_day{number % 2}"
            iio.imwrite(f"{stem}_rgb.png", image)
            iio.imwrite(f"{stem}_label.png", labels.astype(np.uint8))
            iio.imwrite(f"{stem}_fg.png", (labels > 0).astype(np.uint8) * 255)
            iio.imwrite(f"{stem}_centers.png", np.zeros(labels.shape, np.uint8))
    return root.parent


def read_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_challenge_is_imported_whole_and_plants_stay_on_one_side(challenge, tmp_path, capsys):
    output = tmp_path / "leaves"
    code = run("import-cvppp", challenge, "--output", output, "--group", r"(.+)_day", "--seed", 2)
    assert code == cli.OK
    rows = read_table(output / "index.csv")
    assert len(rows) == 20
    assert list(rows[0]) == ["name", "type", "group", "split"]
    assert len({(row["group"], row["split"]) for row in rows}) == 10
    for split, count in (("train", 16), ("dev", 4)):
        pairs = find_pairs(output / split)
        assert {pair.image.stem for pair in pairs} == {
            row["name"] for row in rows if row["split"] == split
        }
        assert len(pairs) == count
    said = capsys.readouterr().err
    assert f"{output / 'train'}: 8 images of A1" in said
    assert f"{output / 'dev'}: 2 images of A3" in said


def test_imported_pixels_are_those_of_the_files(challenge, tmp_path):
    for done in import_cvppp(challenge / "training" / "A1", tmp_path / "out"):
        stem = challenge / "training" / "A1" / done.name.removeprefix("A1-")
        image, labels = read_image(done.files.image), read_labels(done.files.mask)
        assert (image.axes, labels.axes) == ("YXC", "YX")
        np.testing.assert_array_equal(image.data, iio.imread(f"{stem}_rgb.png"))
        np.testing.assert_array_equal(labels.data, iio.imread(f"{stem}_label.png"))


def test_imported_leaves_are_scored_as_in_the_challenge(challenge, tmp_path, capsys):
    output = tmp_path / "leaves"
    list(import_cvppp(challenge, output))
    index = output / "index.csv"
    assert len(names_where(index, {"type": "A3", "split": "dev"})) == 2
    capsys.readouterr()
    code = run(
        *("evaluate", output / "dev", "--index", index, "--where", "type=A3", "--device", "cpu")
    )
    scores = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert code == cli.OK
    assert scores["images"] == "2"
    assert 0 <= float(scores["SBD"]) <= 1
    assert float(scores["|DiC|"]) >= 0


def test_second_import_into_a_folder_is_refused(challenge, tmp_path, capsys):
    assert run("import-cvppp", challenge, "--output", tmp_path / "out") == cli.OK
    assert run("import-cvppp", challenge, "--output", tmp_path / "out") == cli.FAILED
    assert "Choose another folder" in capsys.readouterr().err
