import numpy as np
import pytest
import yaozarrs
import zarr
from ome_zarr_models.v04.image import ImageAttrs
from ome_zarr_models.v04.image_label import ImageLabelAttrs
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel

from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.label_frames import Frame, label_frames
from tests.core.exchange.readers import hard_labels

VERSIONS = ["0.5", "0.4"]


def opened(path, version):
    """The group, after both validators have accepted it."""
    yaozarrs.validate_zarr_store(str(path))
    group = zarr.open_group(path, mode="r")
    if version == "0.5":
        (ImageLabel if "image-label" in group.attrs["ome"] else Image).from_zarr(group)
        return group, group.attrs["ome"]
    (ImageLabelAttrs if "image-label" in group.attrs else ImageAttrs).model_validate(
        dict(group.attrs)
    )
    return group, dict(group.attrs)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("shape", "axes", "stored"),
    [
        ((600, 530), "YX", "yx"),
        ((3, 40, 30), "ZYX", "zyx"),
        ((2, 40, 30), "TYX", "tyx"),
        ((2, 3, 40, 30), "TZYX", "tzyx"),
        ((3, 2, 40, 30), "ZTYX", "tzyx"),
    ],
)
def test_no_pixel_differs_after_ome_zarr(tmp_path, shape, axes, stored, version):
    labels = hard_labels(shape)
    spacing = (2.0, 0.5, 0.25)[-len(axes.replace("T", "")) :]
    write_ome_zarr(tmp_path / "a.zarr", label_frames(labels, axes), spacing, "µm", version=version)
    group, metadata = opened(tmp_path / "a.zarr", version)
    (multiscale,) = metadata["multiscales"]
    expected = labels.swapaxes(0, 1) if axes == "ZTYX" else labels
    assert np.array_equal(group["0"][:], expected)
    assert "".join(axis["name"] for axis in multiscale["axes"]) == stored
    assert {axis.get("unit") for axis in multiscale["axes"]} - {None} == {"micrometer"}
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale[-len(spacing) :] == list(spacing)
    for k, dataset in enumerate(multiscale["datasets"]):
        coarse = expected[..., :: 2**k, :: 2**k]
        assert np.array_equal(group[dataset["path"]][:], coarse)
        assert dataset["coordinateTransformations"][0]["scale"][-1] == 0.25 * 2**k
    assert len(multiscale["datasets"]) == (3 if shape[-1] > 256 else 1)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("top", "dtype"), [(65_535, "u2"), (65_536, "u4"), (2**32, "u8"), (2**53 + 1, "u8")]
)
def test_ids_are_stored_exactly(tmp_path, top, dtype, version):
    write_ome_zarr(tmp_path / "a.zarr", label_frames(np.array([[0, top]])), version=version)
    stored = opened(tmp_path / "a.zarr", version)[0]["0"]
    assert stored.dtype == dtype
    assert stored[:].tolist() == [[0, top]]


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_lie_beside_their_image(tmp_path, version):
    labels, rng = hard_labels((2, 30, 20)), np.random.default_rng(0)
    images = {name: rng.integers(0, 255, labels.shape).astype(np.uint8) for name in "ab"}
    channels = {n: [Frame(a, "TYX", t, labels=False) for t in (0, 1)] for n, a in images.items()}
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, label_frames(labels, "TYX"), channels=channels, version=version)
    group, metadata = opened(path, version)
    opened(path / "labels" / "objects", version)
    assert [axis["name"] for axis in metadata["multiscales"][0]["axes"]] == list("tcyx")
    assert np.array_equal(group["0"][:], np.stack(list(images.values()), axis=1))
    assert np.array_equal(group["labels/objects/0"][:], labels)


def test_another_folder_is_not_replaced(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="an OME-Zarr folder to replace"):
        write_ome_zarr(tmp_path / "a.zarr", label_frames([[1]]))
    assert (tmp_path / "a.zarr" / "thesis.txt").exists()


def test_an_error_leaves_the_earlier_one(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", label_frames([[5]]))
    with pytest.raises(ValueError, match="found the id -1"):
        write_ome_zarr(tmp_path / "a.zarr", label_frames([[-1]]))
    assert zarr.open_group(tmp_path / "a.zarr", mode="r")["0"][:].tolist() == [[5]]
    write_ome_zarr(tmp_path / "a.zarr", label_frames([[6]]))
    assert zarr.open_group(tmp_path / "a.zarr", mode="r")["0"][:].tolist() == [[6]]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
