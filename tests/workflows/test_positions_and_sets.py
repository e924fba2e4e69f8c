"""Files with several positions, and OME sets of several files, one label file for each image."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding import cli
from napari_pixel_embedding.core.clustering import ClusterParams
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, save_model
from napari_pixel_embedding.core.segmentation.segment import Segmented
from napari_pixel_embedding.workflows import segment as segment_module
from napari_pixel_embedding.workflows.label_names import images_to_segment
from napari_pixel_embedding.workflows.segment import segment_files
from tests.core.io.tiff_files import GREY, ome_xml, plane, write, write_described, write_set

MODEL = EmbeddingModel.untrained(ModelConfig(base_width=4, depth=2, embedding_dim=4))
NAMES = ["a.ome.tif", "b.ome.tif", "c.ome.tif"]


def segmented(images, *arguments, **options):
    return list(segment_files(images, *arguments, model=MODEL, device="cpu", **options))


@pytest.fixture
def network(monkeypatch):
    """Take an image's pixels for its labels: what is tested here is which image goes where."""
    monkeypatch.setattr(segment_module, "segment_and_record", as_labels)


def as_labels(image, *_, axes=None, **__):
    stack = read_stack(image, MODEL.config, axes)
    return Segmented(image.astype(np.uint16), (), MODEL, ClusterParams(), stack)


def write_positions(path, count, shape=(20, 30)):
    """Write constant images of the values 1, 2, …"""
    with tifffile.TiffWriter(path, ome=True) as file:
        for number in range(1, count + 1):
            array = np.full(shape, number, np.uint8)
            file.write(array, photometric="minisblack", metadata={"axes": "YX"})
    return path


def values(folder):
    """Return the value of each label file in a folder."""
    return {path.name: read_labels(path).data.max() for path in folder.glob("*_labels.tif")}


def test_each_position_has_its_own_label_file(tmp_path, network):
    results = segmented(write_positions(tmp_path / "a.tif", 12))
    assert [result.position for result in results] == list(range(1, 13))
    assert values(tmp_path) == {f"a_position{n:02}_labels.tif": n for n in range(1, 13)}
    assert all(result.notes == () for result in results)


def test_label_files_of_positions_never_collide_with_those_of_others(tmp_path, network):
    for number, name in enumerate(("a_position1", "a_position2"), 7):
        np.save(tmp_path / f"{name}.npy", np.full((20, 30), number, np.uint8))
    write_positions(tmp_path / "a.tif", 2)
    write_positions(tmp_path / "a.tiff", 3)
    for _ in range(2):  # a second run takes no label file for an image
        segmented(tmp_path, overwrite=True)
        assert values(tmp_path) == {
            "a_position1_labels.tif": 7,
            "a_position2_labels.tif": 8,
            "a_tif_position1_labels.tif": 1,
            "a_tif_position2_labels.tif": 2,
            "a_tiff_position1_labels.tif": 1,
            "a_tiff_position2_labels.tif": 2,
            "a_position3_labels.tif": 3,
        }


def test_label_files_of_positions_of_two_files_of_one_name_go_to_one_folder(tmp_path, network):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write_positions(tmp_path / folder / "a.tif", 2)
    results = segmented([tmp_path / "x", tmp_path / "y"], tmp_path / "out")
    assert not any(result.skipped for result in results)
    assert len(values(tmp_path / "out")) == 4


def test_positions_whose_labels_are_there_are_skipped_one_by_one(tmp_path, network):
    path = write_positions(tmp_path / "a.tif", 3)
    corrected = tmp_path / "a_position2_labels.tif"
    corrected.write_bytes(b"two days of work")
    results = segmented(path)
    assert [result.skipped for result in results] == [False, True, False]
    assert corrected.read_bytes() == b"two days of work"
    assert [result.skipped for result in segmented(path)] == [True, True, True]


def test_a_bad_position_does_not_stop_the_others(tmp_path, monkeypatch):
    def no_twos(image, *_, **options):
        if image.max() == 2:
            raise RuntimeError("no twos")
        return as_labels(image, **options)

    monkeypatch.setattr(segment_module, "segment_and_record", no_twos)
    results = segmented(write_positions(tmp_path / "a.tif", 3))
    assert [result.error is None for result in results] == [True, False, True]
    assert (results[1].position, "no twos" in results[1].error) == (2, True)


def test_a_position_cut_short_does_not_stop_the_others(tmp_path, network):
    path = write_positions(tmp_path / "a.tif", 3)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[1].tags["StripOffsets"].overwrite(10**6)
    results = segmented(path)
    assert [result.error is None for result in results] == [True, False, True]
    assert "beyond the file's end" in results[1].error


def test_places_along_an_axis_are_images_too(tmp_path, network):
    stack = np.arange(1, 7, dtype=np.uint8).reshape(3, 2, 1, 1) * np.ones((20, 30), np.uint8)
    write(tmp_path / "a.tif", stack, metadata={"axes": "TRYX"})
    segmented(tmp_path / "a.tif")
    assert values(tmp_path) == {"a_position1_labels.tif": 5, "a_position2_labels.tif": 6}


def test_a_set_of_several_files_is_segmented_once(tmp_path, network):
    write_set(tmp_path, NAMES)
    write(tmp_path / "d.tif", GREY)
    assert [path.name for path in images_to_segment(tmp_path)] == ["a.ome.tif", "d.tif"]
    whole, other = segmented(tmp_path)
    assert read_labels(whole.labels).data.shape == (3, *GREY.shape)
    assert whole.notes == (
        "Read together with the other files of its OME set: b.ome.tif, c.ome.tif.",
    )
    assert other.image.name == "d.tif"
    assert len(list(tmp_path.glob("*_labels.tif"))) == 2


def test_members_of_a_set_that_are_missing_are_named(tmp_path, network):
    write_set(tmp_path, NAMES, ["a.ome.tif", "c.ome.tif"])
    (result,) = segmented(tmp_path)
    assert read_labels(result.labels).data.shape == (2, *GREY.shape)
    assert any("missing: b.ome.tif." in note for note in result.notes)


@pytest.mark.parametrize("secret", ["../secret.tif", "../../../../../../etc/passwd"])
def test_a_file_outside_the_folder_is_not_opened(tmp_path, network, secret):
    folder = tmp_path / "data"
    folder.mkdir()
    write(tmp_path / "secret.tif", np.full(GREY.shape, 200, np.uint8))
    xml = ome_xml(plane(0, "a.ome.tif", "0") + plane(1, secret, "1"), 2)
    xml = xml.replace("uint16", "uint8")
    write_described(folder / "a.ome.tif", np.full(GREY.shape, 3, np.uint8), xml)
    (result,) = segmented(folder)
    assert set(np.unique(read_labels(result.labels).data)) == {3}
    assert any(f"not opened: {secret}." in note for note in result.notes)


def test_the_command_counts_positions_and_names_the_bad_one(tmp_path, network, capsys):
    path = write_positions(tmp_path / "a.tif", 4)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[1].tags["StripOffsets"].overwrite(10**6)
    (tmp_path / "a_position3_labels.tif").touch()
    save_model(MODEL, tmp_path / "m.safetensors")
    arguments = ["segment", str(path), "--model", str(tmp_path / "m.safetensors")]
    assert cli.main(arguments) == cli.FAILED
    said = capsys.readouterr().err
    assert f"error: {path} position 2: {path} could not be read" in said
    assert "2 segmented, 1 skipped, 1 failed." in said
