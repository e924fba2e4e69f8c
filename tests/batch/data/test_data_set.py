"""What a path stands for: images of folders, plates and series, and nothing outside of them."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_pixel_embedding.batch.data.data_set import list_data_set
from napari_pixel_embedding.batch.data.images import open_image
from napari_pixel_embedding.core.exchange.ome_zarr import PyramidWriter, write_ome_zarr
from napari_pixel_embedding.core.label_frames import Frame

PIXELS = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PyramidWriter.of("0.5", None, None)
    writer.write_image(path, [[Frame(PIXELS, "YX", labels=False)]])


def make_plate(path, wells=("A/1", "B/2"), fields=("0", "1")):
    group = zarr.create_group(path)
    group.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": w} for w in wells]}}
    for well in wells:
        inner = zarr.create_group(path / well) if ".." not in well else None
        if inner is not None:
            inner.attrs["ome"] = {"well": {"images": [{"path": f} for f in fields]}}
        for field in fields:
            if ".." not in well + field:
                write_image(path / well / field)
    return path


def names(path, **options):
    return [one.name for one in list_data_set(path, **options)]


def test_images_of_a_folder_by_name_without_what_a_run_writes(tmp_path):
    for name in ("b.tif", "a.png", "b_labels.tif", ".hidden.tif", "notes.txt", "c.svs"):
        (tmp_path / name).write_bytes(b"")
    write_image(tmp_path / "d.ome.zarr")
    write_image(tmp_path / "d_labels.ome.zarr")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "e.tif").write_bytes(b"")
    assert names(tmp_path) == ["a", "b", "c", "d"]
    assert names(tmp_path, recursive=True) == ["a", "b", "c", "d", "more_e"]


def test_images_of_one_name_get_their_endings(tmp_path):
    for name in ("a.tif", "a.png", "b.tif"):
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == ["a_png", "a_tif", "b"]


def test_fields_of_a_plate(tmp_path):
    plate = make_plate(tmp_path / "p.ome.zarr")
    assert names(plate) == ["p_A_1_0", "p_A_1_1", "p_B_2_0", "p_B_2_1"]
    first = list_data_set(plate)[0]
    assert (open_image(first.path).data[:5, :5] == PIXELS[:5, :5]).all()
    assert names(tmp_path) == ["p_A_1_0", "p_A_1_1", "p_B_2_0", "p_B_2_1"], "in a folder too"


@pytest.mark.parametrize(
    ("wells", "fields"), [(("../secret",), ("0",)), (("A/1",), ("../../../x",))]
)
def test_metadata_that_lead_out_of_a_plate_are_refused(tmp_path, wells, fields):
    write_image(tmp_path / "secret" / "0")
    zarr.create_group(tmp_path / "secret").attrs["ome"] = {"well": {"images": [{"path": "0"}]}}
    plate = make_plate(tmp_path / "p.ome.zarr", wells, fields)
    with pytest.raises(ValueError, match="outside of it"):
        list_data_set(plate)


def test_series_of_a_converted_file(tmp_path):
    path = tmp_path / "s.zarr"
    zarr.create_group(path).attrs["ome"] = {"bioformats2raw.layout": 3}
    for name in ("0", "1", "10", "2"):
        write_image(path / name)
    assert names(path) == ["s_0", "s_1", "s_10", "s_2"]


def test_one_image(tmp_path):
    tifffile.imwrite(tmp_path / "one.ome.tif", PIXELS)
    assert names(tmp_path / "one.ome.tif") == ["one"]
    write_ome_zarr(tmp_path / "z.ome.zarr", [Frame(PIXELS, "YX")])
    assert names(tmp_path / "z.ome.zarr") == ["z"]


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no"):
        list_data_set(tmp_path / "gone")
    with pytest.raises(ValueError, match="Expected images"):
        list_data_set(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ValueError, match="Expected an image or a folder"):
        list_data_set(tmp_path / "a.txt")
