"""The commands measure and export."""

import csv
import json

import pytest

from napari_pixel_embedding import cli


@pytest.fixture
def mask(folder):
    return folder / "masks" / "n0.tif"


def test_measure_writes_a_table(run, folder, mask, tmp_path, capsys):
    image, table = folder / "images" / "n0.tif", tmp_path / "t.csv"
    done = run(
        *("measure", mask, "--image", image, "--output", table, "--spacing", "0.5,0.5"),
        *("--units", "um", "--property", "orientation", "--no-shape"),
    )
    assert done == cli.OK
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} <= {"1", "2", "3", "4"}
    assert float(rows[0]["area (µm²)"]) == int(rows[0]["pixels"]) / 4
    assert {"intensity_mean", "orientation"} <= rows[0].keys()
    assert "solidity" not in rows[0]
    assert f"{len(rows)} objects" in capsys.readouterr().err


def test_measure_takes_several_files(run, folder, tmp_path):
    masks = sorted((folder / "masks").iterdir())[:3]
    assert run("measure", *masks, "--output", tmp_path / "t.csv") == cli.OK
    text = (tmp_path / "t.csv").read_text("utf-8")
    assert all(mask.name in text for mask in masks)


def test_export_writes_a_file(run, mask, tmp_path, capsys):
    assert run("export", mask, "--output", tmp_path / "a.geojson") == cli.OK
    assert len(json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]) > 1
    assert "a.geojson: written." in capsys.readouterr().err
    zarr = tmp_path / "a.zarr"
    assert run("export", mask, "--output", zarr, "--format", "ome-zarr-0.4") == cli.OK
    assert (zarr / ".zattrs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("measure MASK --output t.csv --spacing wide", "--spacing expects numbers"),
        ("measure MASK --output t.csv --image other.tif", "other.tif"),
        ("measure MASK --output t.csv --property area_typo", "must be shape properties"),
        ("measure MASK --output MASK", "as .csv or .parquet"),
        ("export MASK --output a.svg", "ends in one of"),
        ("export MASK --output MASK", "is there already"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    refused, mask, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*(mask if word == "MASK" else word for word in arguments.split()))


def test_an_unknown_format_is_wrong_use(run, mask, capsys):
    assert run("export", mask, "--output", "a.tif", "--format", "svg") == cli.WRONG_USE
    assert "geojson" in capsys.readouterr().err


def test_measure_and_export_take_ome_zarr(run, mask, tmp_path):
    zarr, table, again = tmp_path / "a.ome.zarr", tmp_path / "t.csv", tmp_path / "a.geojson"
    assert run("export", mask, "--output", zarr) == cli.OK
    assert run("measure", zarr, "--output", table) == cli.OK
    assert run("export", zarr, "--output", again) == cli.OK
    with table.open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(json.loads(again.read_text())["features"])
