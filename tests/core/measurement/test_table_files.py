import csv
import sys

import numpy as np
import pytest

from napari_pixel_embedding import Measurements, measure_objects, save_measurements

TABLE = Measurements(
    {
        "label": np.array([3, 2**40]),
        "area": np.array([0.1 + 0.2, 1e-300]),
        "merge_bandwidth": np.array([np.inf, np.nan]),
        "corrected": np.array([True, False]),
    },
    {"area": "µm²"},
)


def test_csv_keeps_every_digit_and_says_the_units(tmp_path):
    save_measurements(tmp_path / "a.csv", TABLE)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["label", "area (µm²)", "merge_bandwidth", "corrected"]
    assert [int(row[0]) for row in rows] == [3, 2**40]
    assert [float(row[1]) for row in rows] == TABLE["area"].tolist()
    assert [row[2] for row in rows] == ["inf", "nan"]
    assert [row[3] for row in rows] == ["True", "False"]


def test_csv_is_read_by_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = measure_objects(np.arange(20_500).reshape(100, 205))
    save_measurements(tmp_path / "a.csv", table)
    read = pandas.read_csv(tmp_path / "a.csv")
    for name, heading in table.headings().items():
        assert read[heading].to_numpy() == pytest.approx(table[name], rel=1e-14), name


def test_parquet_keeps_types_and_units(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    save_measurements(tmp_path / "a.parquet", TABLE)
    read = parquet.read_table(tmp_path / "a.parquet")
    for name, column in TABLE.columns.items():
        found = read[name].to_numpy()
        assert found.dtype == column.dtype
        assert np.array_equal(found, column, equal_nan=name == "merge_bandwidth")
    assert read.schema.field("area").metadata[b"unit"].decode() == "µm²"


def test_without_objects_the_headings_are_written(tmp_path):
    save_measurements(tmp_path / "a.csv", measure_objects(np.zeros((2, 2), int)))
    assert (tmp_path / "a.csv").read_text("utf-8").startswith("label,pixels,area (px²)")


def test_another_ending_and_a_missing_library_are_said(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"\.csv or \.parquet, found the name 'a\.xlsx'"):
        save_measurements(tmp_path / "a.xlsx", TABLE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"napari-pixel-embedding\[tables\]"):
        save_measurements(tmp_path / "a.parquet", TABLE)
    assert list(tmp_path.iterdir()) == []
