"""Every column against scikit-image or against a number worked out by hand."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage import measure

from napari_pixel_embedding import (
    ClusterParams,
    EmbeddingMap,
    build_cluster_index,
    measure_objects,
)

SAME = {
    "label": "label",
    "pixels": "num_pixels",
    "equivalent_diameter": "equivalent_diameter_area",
    "extent": "extent",
    "major_axis": "axis_major_length",
    "intensity_mean": "intensity_mean",
    "intensity_min": "intensity_min",
    "intensity_max": "intensity_max",
    "intensity_std": "intensity_std",
}
FLAT = {
    "area": "area",
    "minor_axis": "axis_minor_length",
    "eccentricity": "eccentricity",
    "perimeter": "perimeter",
    "centroid_y": "centroid-0",
    "centroid_x": "centroid-1",
    "bbox_y_min": "bbox-0",
    "bbox_x_min": "bbox-1",
    "bbox_y_max": "bbox-2",
    "bbox_x_max": "bbox-3",
}
SOLID = {
    "volume": "area",
    "centroid_z": "centroid-0",
    "centroid_x": "centroid-2",
    "bbox_z_min": "bbox-0",
    "bbox_x_max": "bbox-5",
}


def blobs(shape, seed=0):
    """Objects of all sizes with holes; some have several pieces, some are single pixels."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.2)
    labels = measure.label(smooth > np.quantile(smooth, 0.6)).astype(np.int64)
    labels[labels % 7 == 3] = 70_000
    labels[(labels == 0) & (rng.random(shape) > 0.995)] = 2**33
    return labels, rng.normal(1000, 10, shape)


def reference(labels, image, spacing, names):
    properties = {name.split("-")[0] for name in names}
    return measure.regionprops_table(labels, image, properties=sorted(properties), spacing=spacing)


@pytest.mark.parametrize(
    ("shape", "spacing", "names"),
    [((90, 80), (0.5, 0.5), FLAT), ((12, 40, 30), (2.0, 0.5, 0.7), SOLID)],
)
def test_columns_agree_with_scikit_image(shape, spacing, names):
    labels, image = blobs(shape)
    ranks = np.unique(labels, return_inverse=True)[1].reshape(shape)  # it allocates by id
    found = measure_objects(
        labels, image, axes="ZYX"[-len(shape) :], spacing=spacing, units="micron"
    )
    names = names | SAME
    expected = reference(ranks, image, spacing, names.values())
    for name, theirs in names.items():
        if name != "label":
            assert found[name] == pytest.approx(expected[theirs], rel=1e-9, abs=1e-9), name
    assert found["label"].tolist() == np.unique(labels)[1:].tolist()


def corners(mask):
    pixels = np.argwhere(mask)
    steps = np.stack(np.meshgrid(*[[0, 1]] * mask.ndim, indexing="ij"), -1).reshape(-1, mask.ndim)
    return (pixels[:, None] + steps).reshape(-1, mask.ndim)


@pytest.mark.parametrize("shape", [(60, 50), (8, 20, 20)])
def test_solidity_is_the_share_of_the_convex_hull(shape):
    labels, _ = blobs(shape)
    found = measure_objects(labels, axes="ZYX"[-len(shape) :], spacing=(3.0,) * len(shape))
    hulls = [ConvexHull(corners(labels == k)).volume for k in found["label"]]
    assert found["solidity"] == pytest.approx(found["pixels"] / hulls)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize(("shape", "axes"), [((61, 50), "YX"), ((2, 9, 20, 21), "TZYX")])
@pytest.mark.parametrize("pixels", [1, 130, 1111])
def test_the_table_does_not_depend_on_the_slabs(shape, axes, pixels, dtype):
    """To the last digit, also for sums of fractions."""
    labels, image = blobs(shape)
    image = (image * 7.77).astype(dtype)
    corrected = np.where(labels % 2 == 0, labels, -1)
    whole = measure_objects(labels, image, axes=axes, corrected=corrected)
    parts = measure_objects(
        labels, {"intensity": image}, axes=axes, corrected=corrected, slab_pixels=pixels
    )
    assert list(whole.columns) == list(parts.columns)
    for name, column in whole.columns.items():
        assert np.array_equal(column, parts[name]), name
    assert (whole["corrected"] == (whole["label"] % 2 == 0)).all()


def test_a_stored_array_is_measured_like_one_in_memory(tmp_path):
    zarr = pytest.importorskip("zarr")
    labels, image = blobs((70, 60))
    stored = zarr.create_array(tmp_path / "a", shape=labels.shape, chunks=(16, 16), dtype="i8")
    stored[:] = labels
    mapped = np.memmap(tmp_path / "b", np.float64, "w+", shape=image.shape)
    mapped[:] = image
    whole = measure_objects(labels, image)
    parts = measure_objects(stored, mapped, slab_pixels=1500)
    for name, column in whole.columns.items():
        assert np.array_equal(column, parts[name]), name


def test_deviations_survive_a_large_offset():
    image = 1e9 + np.array([[0.0, 1.0, 2.0, 3.0]])
    found = measure_objects(np.ones((1, 4), int), image)
    assert found["intensity_std"] == pytest.approx(np.std([0, 1, 2, 3]), rel=1e-12)


def test_units_stand_in_the_headings():
    labels = np.array([[1, 1, 0]])
    assert measure_objects(labels).headings()["area"] == "area (px²)"
    found = measure_objects(labels, spacing=(500, 500), units="nanometer")
    assert found.headings()["perimeter"] == "perimeter (nm)"
    assert found["area"].tolist() == [500_000]
    assert measure_objects(labels, spacing=(2, 2)).headings()["area"] == "area"
    stack = measure_objects(labels[None], axes="ZYX", spacing=(1, 1, 1), units="um")
    assert stack.headings()["volume"] == "volume (µm³)"
    assert stack.headings()["bbox_x_min"] == "bbox_x_min"


def test_a_perimeter_needs_square_pixels():
    assert np.isnan(measure_objects(np.ones((3, 3), int), spacing=(1, 2))["perimeter"]).all()


def test_single_pixels_have_a_shape():
    found = measure_objects(np.array([[0, 5, 0], [0, 0, 0]]))
    row = {name: column[0] for name, column in found.columns.items()}
    assert (row["major_axis"], row["eccentricity"], row["perimeter"]) == (0, 0, 0)
    assert (row["solidity"], row["extent"], row["touches_border"]) == (1, 1, True)


def test_the_border_is_that_of_all_axes():
    labels = np.zeros((5, 5, 5), int)
    labels[2, 2, 2], labels[0, 2, 2], labels[2, 4, 2] = 1, 2, 3
    assert measure_objects(labels, axes="ZYX")["touches_border"].tolist() == [False, True, True]


def test_no_objects_give_an_empty_table_with_all_columns():
    full = measure_objects(np.ones((3, 3), int), np.ones((3, 3)))
    empty = measure_objects(np.zeros((3, 3), int), np.ones((3, 3)))
    assert list(empty.columns) == list(full.columns)
    assert len(empty) == 0


def test_frames_are_measured_apart():
    labels = np.zeros((3, 4, 4), np.uint16)
    labels[0, :2], labels[2, 1:3], labels[2, 0, 0] = 7, 7, 9
    found = measure_objects(labels, axes="TYX")
    assert found["frame"].tolist() == [0, 2, 2]
    assert found["label"].tolist() == [7, 7, 9]
    assert found["pixels"].tolist() == [8, 8, 1]
    assert found.features(frame=2)["index"].tolist() == [7, 9]
    assert len(found.features()["area"]) == 3


@pytest.fixture
def emap():
    """Two rows of two pieces: the upper ones are alike."""
    embedding = np.zeros((2, 8, 12), np.float32)
    embedding[0, :, 6:], embedding[1, 4:] = 1.5, 6
    embedding[0, 4:, 6:] = 9
    foreground = np.full((8, 12), 0.9, np.float32)
    foreground[3] = 0.0
    return EmbeddingMap(embedding, foreground)


def test_what_only_the_embedding_knows(emap):
    params = ClusterParams(bandwidth=1.0, min_size=1)
    index = build_cluster_index(emap)
    labels = index.cut(params)
    given = measure_objects(labels, embedding=emap, index=index, params=params)
    built = measure_objects(labels, embedding=emap, params=params)
    heights = index.merge_heights(params)
    assert len(given) > 1
    assert given["label"].tolist() == heights.ids.tolist()
    assert given["merge_bandwidth"].tolist() == heights.merge.tolist()
    assert given["split_bandwidth"].tolist() == heights.split.tolist()
    assert ((given["uncertainty"] >= 0) & (given["uncertainty"] <= 1)).all()
    assert given["foreground"] == pytest.approx(0.9)
    for k, row in enumerate(given["label"]):
        mean = emap.embedding[:, labels == row].mean(axis=1)
        assert [given[f"embedding_{c}"][k] for c in (0, 1)] == pytest.approx(mean)
    assert all(np.array_equal(given[name], built[name]) for name in given.columns)


def test_painted_objects_have_no_bandwidths(emap):
    params = ClusterParams(bandwidth=1.0, min_size=1)
    labels = build_cluster_index(emap).cut(params)
    labels[0, 0] = 60_000
    found = measure_objects(labels, embedding=emap, params=params)
    assert np.isnan(found["merge_bandwidth"][-1])
    assert np.isfinite(found["uncertainty"][-1])


def test_corrected_objects_are_those_with_a_fixed_pixel():
    labels = np.array([[1, 1, 2, 2, 3]])
    fixed = np.array([[-1, 1, -1, 0, 2]])
    assert measure_objects(labels, corrected=fixed)["corrected"].tolist() == [True, False, False]
    mask = measure_objects(labels, corrected=fixed >= 0)
    assert mask["corrected"].tolist() == [True, True, True]


def test_further_properties_are_those_of_scikit_image():
    labels, _ = blobs((40, 40))
    labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    found = measure_objects(labels, spacing=(2, 2), properties=("orientation", "euler_number"))
    expected = measure.regionprops_table(labels, properties=("orientation", "euler_number"))
    for name, column in expected.items():
        assert found[name] == pytest.approx(column), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing": (1,)}, "spacing must have a positive size for each of the axes YX"),
        ({"spacing": (1, -1)}, "spacing must have a positive size"),
        ({"spacing": (1, 1), "units": "second"}, "units must be a length"),
        ({"images": np.zeros((3, 3))}, "the image 'intensity' must have the shape"),
        ({"corrected": np.zeros((3, 3))}, "corrected must have the shape"),
        ({"params": ClusterParams()}, "need embedding"),
        ({"properties": ("orientaton",)}, "Did you mean 'orientation'"),
        ({"properties": ("intensity_mean",)}, "must be shape properties"),
        (
            {"embedding": EmbeddingMap(np.zeros((2, 3, 3)), np.zeros((3, 3)))},
            "pixels of the labels",
        ),
        ({"embedding": []}, "one item for each of 1 frames"),
        ({"axes": "TYX"}, "axes must be"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        measure_objects(np.ones((2, 2), int), **changes)


def test_a_property_that_does_not_exist_in_volumes_is_refused():
    with pytest.raises(ValueError, match="do not all exist for 3 axes"):
        measure_objects(np.ones((2, 2, 2), int), axes="ZYX", properties=("orientation",))
