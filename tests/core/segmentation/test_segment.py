"""A look at a field of an image is what the whole image would give there."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage.data import immunohistochemistry

from napari_pixel_embedding import estimate_diameter, evaluate, load_model, prepare_samples
from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference import axes as axes_module
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import predict_embedding, predict_frames
from napari_pixel_embedding.core.model.model_file import save_model
from napari_pixel_embedding.core.segmentation.segment import (
    segment,
    segment_and_record,
    segment_region,
)

pytestmark = pytest.mark.filterwarnings("ignore:There is almost no signal")  # most are noise


@pytest.fixture(scope="module")
def model():
    return load_model("nuclei-fluo")


def region_of(model, image, field, params=None, spacing=None):
    stack = read_stack(image, model.config, spacing=spacing)
    return segment_region(model, stack, field, PredictOptions(), params)


def test_a_field_is_segmented_like_the_whole(model):
    image = load_sample("nuclei-field")[0].data
    field = np.s_[100:300, 200:460]
    whole = segment(image, model)[field]
    part = region_of(model, image, field)
    assert part.shape == (200, 260)
    assert average_precision(whole, part, 0.8) > 0.95


def test_planes_that_lie_apart_are_looked_at_as_a_run_sees_them():
    volume = load_model("volume")
    image = np.random.default_rng(0).random((6, 40, 40))
    params = volume.config.cluster_params()
    params = replace(params, foreground_threshold=0.1, min_size=0)
    options = {"spacing": (3.0, 1.0, 1.0), "params": params}
    field = np.s_[0:6, 0:40, 0:40]
    assert_array_equal(
        region_of(volume, image, field, **options), segment(image, volume, **options)
    )


def test_intensities_and_parameters_count(model):
    image = load_sample("nuclei-small")[0].data
    stack = np.stack([np.zeros_like(image), image])
    field = np.s_[0:100, 0:100]
    assert region_of(model, stack[0], field).max() == 0
    some = region_of(model, stack[1], field)
    assert some.max() > 5
    strict = model.config.cluster_params().__class__(bandwidth=2.0, min_size=10_000)
    assert region_of(model, stack[1], field, params=strict).max() == 0


FLAT = {}


COLOR = {"in_channels": 3}


VOLUME = {"axes": "ZYX", "base_width": 2}


def noise(*shape, dtype=np.float32, seed=0):
    return (np.random.default_rng(seed).random(shape) * 200).astype(dtype)


def predict(model, image, **options):
    return predict_embedding(model, image, device="cpu", **options)


PARAMS = ClusterParams(foreground_threshold=0.3, min_size=3)


def test_segment_is_network_index_and_cut(tiny_model):
    model, image = tiny_model(), noise(40, 50)
    labels = segment(image, model, params=PARAMS, device="cpu")
    expected = build_cluster_index(predict(model, image)).cut(PARAMS)
    assert labels.dtype.kind == "u"
    assert_array_equal(labels, expected)
    assert labels.max() > 0


@pytest.mark.parametrize(
    ("model", "axes", "shape", "expected"),
    [
        (FLAT, "YXC", (20, 30, 3), (20, 30)),
        (COLOR, "CYX", (3, 20, 30), (20, 30)),
        (FLAT, "TYX", (2, 20, 30), (2, 20, 30)),
        (FLAT, "TYXC", (2, 20, 30, 3), (2, 20, 30)),
        (VOLUME, "ZYX", (4, 20, 30), (4, 20, 30)),
        (VOLUME, "TZYX", (2, 4, 20, 30), (2, 4, 20, 30)),
    ],
)
def test_labels_have_the_image_s_pixels(tiny_model, model, axes, shape, expected):
    labels = segment(noise(*shape), tiny_model(**model), axes=axes, params=PARAMS, device="cpu")
    assert labels.shape == expected


def test_frames_are_segmented_one_by_one(tiny_model):
    model, image = tiny_model(), noise(2, 40, 50)
    image[1] = noise(40, 50, seed=9)
    labels = segment(image, model, axes="TYX", params=PARAMS, device="cpu")
    for frame, found in zip(image, labels, strict=True):
        assert_array_equal(found, segment(frame, model, params=PARAMS, device="cpu"))


def test_the_model_s_own_parameters_are_the_default(tiny_model):
    model = tiny_model(cluster={"min_size": 10_000})
    assert segment(noise(40, 50), model, device="cpu").max() == 0


@pytest.mark.parametrize(
    ("fill", "said"),
    [(0, r"only one value \(0\)"), (3.5, r"only one value \(3\.5\)"), (np.nan, "no finite value")],
)
def test_an_image_without_contents_warns(tiny_model, fill, said):
    with pytest.warns(UserWarning, match=f"The image has {said}: there is nothing to segment"):
        segment(np.full((20, 30), fill, np.float32), tiny_model(), params=PARAMS, device="cpu")


def test_an_image_of_noise_in_which_nothing_is_found_warns(tiny_model):
    model = tiny_model(cluster={"min_size": 10_000})
    image = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    with pytest.warns(UserWarning, match="There is almost no signal"):
        segment(image, model, device="cpu")


@pytest.mark.parametrize("shape", [(1, 1), (5, 3)])
@pytest.mark.filterwarnings("ignore:The image has only one value")
def test_the_smallest_images_can_be_segmented(tiny_model, shape):
    assert segment(noise(*shape), tiny_model(), params=PARAMS, device="cpu").shape == shape


def test_segment_takes_a_path(tmp_path, tiny_model):
    model, image = tiny_model(), noise(20, 30)
    path = save_model(model, tmp_path / "m")
    assert_array_equal(segment(image, str(path), device="cpu"), segment(image, model, device="cpu"))


STACK = noise(3, 20, 30)
CALLS = {
    "segment": lambda model: segment(STACK, model, axes="TYX", device="cpu"),
    "predict_frames": lambda model: list(predict_frames(model, STACK, axes="TYX", device="cpu")),
    "predict_embedding": lambda model: predict(model, STACK, axes="TYX", frame=1),
    "estimate_diameter": lambda model: estimate_diameter(model, STACK, axes="TYX", device="cpu"),
    "evaluate": lambda model: evaluate(
        model, [STACK], [np.zeros(STACK.shape, int)], axes="TYX", device="cpu"
    ),
    "prepare_samples": lambda model: prepare_samples(
        [STACK], [np.zeros(STACK.shape, int)], model.config, "TYX"
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_axes_of_a_time_series_are_settled_once(tiny_model, monkeypatch, call):
    settled = []
    real = axes_module.resolve_axes
    monkeypatch.setattr(axes_module, "resolve_axes", lambda *a: settled.append(a) or real(*a))
    try:
        CALLS[call](tiny_model(object_diameter=20))
    except ValueError as error:  # noise has no objects to be measured
        assert "found none" in str(error)
    assert len(settled) == 1


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX", "YXZT", "CTZYX", "TZYXC"])
def test_a_plane_model_takes_time_and_planes_one_by_one(tiny_model, axes):
    sizes = {"T": 2, "Z": 3, "C": 1, "Y": 16, "X": 24}
    image = noise(*(sizes[a] for a in axes))
    params = ClusterParams(bandwidth=1.0, foreground_threshold=0.3, min_size=2)
    labels = segment(image, tiny_model(), axes=axes, params=params)
    without = axes.replace("C", "")
    assert labels.shape == tuple(sizes[a] for a in without)
    planes = np.einsum(f"{axes.lower()}->tzyx", image)
    stack = planes.reshape(6, 16, 24)
    expected = segment(stack, tiny_model(), axes="TYX", params=params).reshape(planes.shape)
    assert expected.max() > 0
    assert_array_equal(np.einsum(f"{without.lower()}->tzyx", labels), expected)


@pytest.mark.parametrize("axes", ["ZTYX", "ZYXT", "CZTYX"])
def test_labels_of_volumes_have_the_image_s_order(tiny_model, axes):
    sizes = {"T": 2, "Z": 6, "C": 1, "Y": 16, "X": 24}
    image = noise(*(sizes[a] for a in axes))
    params = ClusterParams(bandwidth=1.0, foreground_threshold=0.3, min_size=2)
    labels = segment(image, tiny_model(**VOLUME), axes=axes, params=params)
    without = axes.replace("C", "")
    stack = np.einsum(f"{axes.lower()}->tzyx", image)
    expected = segment(stack, tiny_model(**VOLUME), axes="TZYX", params=params)
    assert expected.max() > 0
    assert_array_equal(np.einsum(f"{without.lower()}->tzyx", labels), expected)


@pytest.mark.parametrize("shape", [(1, 16, 24), (1, 1, 16, 24)])
def test_axes_of_length_one_stay(tiny_model, shape):
    assert segment(noise(*shape), tiny_model()).shape == shape


def test_one_channel_is_read_wherever_a_model_runs(tiny_model):
    model, image = tiny_model(), noise(3, 16, 24)
    options = {"axes": "CYX", "channel": 2}
    params = ClusterParams(bandwidth=1.0, foreground_threshold=0.3, min_size=2)
    labels = segment(image, model, params=params, **options)
    assert_array_equal(labels, segment(image[2], model, params=params))
    emap = predict_embedding(model, image, **options)
    assert_array_equal(emap.foreground, predict_embedding(model, image[2]).foreground)
    (frame,) = predict_frames(model, image, **options)
    assert_array_equal(frame.foreground, emap.foreground)
    assert evaluate(model, [image], [labels], params=params, **options).ap50 == 1


def test_nuclei_of_a_stained_section_are_found(model):
    labels = segment(immunohistochemistry(), model, channel="hematoxylin")
    assert 400 < np.unique(labels).size < 490


def test_a_model_of_any_size_measures_the_scale_where_no_diameter_is_named():
    image, labels = load_sample("phase-contrast")
    model = load_model("generic")
    made = segment_and_record(image.data, model, device="cpu")
    assert made.measured
    assert 0.7 < made.diameter / _diameter_of(labels) < 1.4
    assert any("The scale was measured" in note for note in made.notes)
    assert average_precision(labels, made.labels) > 0.3
    large, known = load_sample("nuclei-large")
    as_it_is = segment_and_record(large.data, model, device="cpu")
    assert any("seen as it is" in note for note in as_it_is.notes)
    assert average_precision(known, as_it_is.labels) > 0.8
    own = segment_and_record(image.data, model, device="cpu", may_measure=False)
    assert (own.measured, own.diameter) == (False, None)
    named = segment_and_record(image.data, model, device="cpu", diameter=made.diameter)
    assert not named.measured
    assert not any("measured" in note for note in named.notes)
    np.testing.assert_array_equal(named.labels, made.labels)


def test_scores_are_of_the_size_that_a_run_takes():
    image, labels = load_sample("nuclei-large")
    model = load_model("generic")
    found = segment_and_record(image.data, model, device="cpu").labels
    expected = average_precision(labels, found, 0.5)
    assert evaluate(model, [image.data], [labels], device="cpu").ap50 == pytest.approx(expected)


def test_other_models_keep_their_own_size():
    image, _ = load_sample("nuclei-large")
    made = segment_and_record(image.data[:128, :128], load_model("nuclei-fluo"), device="cpu")
    assert (made.measured, made.diameter) == (False, None)


def test_an_empty_image_has_no_size_to_measure():
    made = segment_and_record(np.zeros((64, 64)), load_model("generic"), device="cpu")
    assert (made.measured, made.diameter) == (False, None)
    assert not made.labels.any()


def _diameter_of(labels):
    return equivalent_diameter(np.bincount(labels.ravel())[1:])
