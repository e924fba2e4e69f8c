"""The commands that draw and import folders: each once on files, the rest by its call."""

import imageio.v3 as iio
import numpy as np
import pytest

from napari_pixel_embedding import cli
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.io.images import read_image


def test_synthesise_draws_a_folder_of_pairs(run, tmp_path, capsys):
    folder = tmp_path / "leaves"
    code = run(
        *("synthesise", "rosette", "--count", 2, "--shape", 64, 64, "--output", folder),
        *("--diameter", 14, "--noise", 0.1, "--seed", 7, "--color"),
    )
    assert code == cli.OK
    assert f"{folder}: 2 images with masks." in capsys.readouterr().err
    config = SyntheticConfig(diameter=14, noise=0.1, color=True)
    first = synthetic_image("rosette", (64, 64), seed=7, config=config)
    pairs = find_pairs(folder)
    assert len(pairs) == 2
    np.testing.assert_array_equal(read_image(pairs[0].image).data, first.image)


def test_synthesise_takes_what_is_usual_where_nothing_is_said(run, fake, tmp_path):
    calls = fake("workflows.datasets.synthesise_folder")
    assert run("synthesise", "bacteria", "--output", tmp_path) == cli.OK
    assert calls == [
        {
            "output": tmp_path,
            "kind": "bacteria",
            "count": 10,
            "shape": [256, 256],
            "seed": 0,
            "config": SyntheticConfig(),
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--shape 64", "two or three sizes"),
        ("--diameter 1", "diameter must be from 4"),
        ("--shape 16 32 32 --color", "two dimensions only"),
    ],
)
def test_synthesise_says_what_it_cannot_draw(run, capsys, tmp_path, arguments, message):
    code = run("synthesise", "bacteria", "--output", tmp_path, *arguments.split())
    assert code == cli.FAILED
    assert message in capsys.readouterr().err


@pytest.fixture
def challenge(tmp_path):
    """A subset of the challenge's download: two plants on two days each."""
    subset = tmp_path / "training" / "A1"
    subset.mkdir(parents=True)
    for number in range(4):
        stem = subset / f"plant{number // 2}_day{number % 2}"
        iio.imwrite(f"{stem}_rgb.png", np.zeros((8, 8, 3), np.uint8))
        iio.imwrite(f"{stem}_label.png", np.eye(8, dtype=np.uint8))
    return tmp_path / "training"


def test_import_cvppp_splits_and_counts(run, challenge, tmp_path, capsys):
    output = tmp_path / "leaves"
    options = ("--group", "(.+)_day", "--dev-share", 0.5, "--seed", 2)
    assert run("import-cvppp", challenge, "--output", output, *options) == cli.OK
    for split in ("train", "dev"):
        pairs = find_pairs(output / split)
        assert len(pairs) == 2
        assert len({pair.image.stem.split("_")[0] for pair in pairs}) == 1
    said = capsys.readouterr().err
    assert f"{output / 'train'}: 2 images of A1\n" in said
    assert f"{output / 'dev'}: 2 images of A1\n" in said


def test_import_cvppp_hands_on_its_options(run, fake, challenge, tmp_path):
    calls = fake("workflows.datasets.import_cvppp")
    options = "--group A(.) --dev-share 0.25 --seed 3"
    assert run("import-cvppp", challenge, "--output", tmp_path, *options.split()) == cli.OK
    assert run("import-cvppp", challenge, "--output", tmp_path) == cli.OK
    names = ("source", "output", "group", "dev_share", "seed")
    assert [tuple(call[name] for name in names) for call in calls] == [
        (challenge, tmp_path, "A(.)", 0.25, 3),
        (challenge, tmp_path, None, 0.2, 0),
    ]
