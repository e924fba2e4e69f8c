"""Networks of other programs: run as ours are, and refused where they reach beyond their file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from onnx import TensorProto, helper  # noqa: E402

from napari_pixel_embedding import (  # noqa: E402
    estimate_diameter,
    load_model,
    predict_embedding,
    segment,
    train_from_folder,
)
from napari_pixel_embedding.core.exchange.bioimageio import export_bioimageio  # noqa: E402
from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune  # noqa: E402
from napari_pixel_embedding.core.model import onnx_network  # noqa: E402
from napari_pixel_embedding.core.model.config import ModelFileError  # noqa: E402
from napari_pixel_embedding.core.model.library import (  # noqa: E402
    add_user_model,
    list_user_models,
    remove_user_model,
)
from napari_pixel_embedding.core.model.model_file import (  # noqa: E402
    EmbeddingModel,
    fingerprint,
    same_model,
    save_model,
)
from tests.core.features.scenes import same_objects  # noqa: E402
from tests.core.model.foreign import DECLARATION, declared, drawn_image, network  # noqa: E402


@pytest.fixture
def path(tmp_path):
    return declared(network(tmp_path / "net.onnx"))


def test_drawn_objects_are_found_exactly(path):
    labels, image = drawn_image()
    assert same_objects(segment(image, str(path)), labels)


def test_tiles_make_no_difference(path):
    _, image = drawn_image((70, 100))
    model = load_model(path)
    whole = predict_embedding(model, image)
    tiled = predict_embedding(model, image, tile_shape=(24, 32))
    assert np.allclose(whole.embedding, tiled.embedding, atol=1e-5)
    assert np.allclose(whole.foreground, tiled.foreground, atol=1e-5)
    assert whole.shape == (70, 100)


def test_there_is_no_distance_unless_it_is_declared(path):
    _, image = drawn_image()
    assert predict_embedding(load_model(path), image).distance is None
    text = DECLARATION.replace("foreground = 1\n", "distance = 1\n")
    emap = predict_embedding(load_model(declared(path, text)), image)
    assert emap.distance is not None
    assert (emap.foreground == 1).all()


def test_channels_are_counted_through_all_outputs(tmp_path, path):
    labels, image = drawn_image()
    apart = declared(network(tmp_path / "apart.onnx", apart=True))
    assert same_objects(segment(image, str(apart)), labels)


def test_frames_and_volumes(tmp_path, path):
    labels, image = drawn_image()
    film = segment(np.stack([image, image]), str(path), axes="TYX")
    assert same_objects(film[1], labels)
    deep = network(tmp_path / "deep.onnx", shape=("n", 1, "z", "y", "x"))
    declared(deep, DECLARATION.replace('"YX"', '"ZYX"'))
    labels, image = drawn_image((8, 64, 96))
    assert same_objects(segment(image, str(deep)), labels)


def test_a_probability_stays_one(path):
    text = DECLARATION.replace('"logit"', '"probability"').replace("embedding = [0]", "")
    text = text.replace("foreground = 1", "embedding = [1]\nforeground = 0")
    image = np.linspace(0.01, 0.09, 64, dtype=np.float32).reshape(8, 8)
    emap = predict_embedding(load_model(declared(path, text)), image)
    assert np.allclose(emap.foreground, 10 * image, atol=1e-5)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ('normalisation = "none"', lambda image: image),
        ('normalisation = "mean-std"', lambda image: (image - image.mean()) / image.std()),
        ('normalisation = "none"\nmean = [0.5]\nstd = [2.0]', lambda image: (image - 0.5) / 2),
    ],
    ids=["none", "mean-std", "fixed"],
)
def test_intensities_are_scaled_as_declared(path, entries, expected):
    image = np.random.default_rng(0).normal(100, 9, (32, 32)).astype(np.float32)
    text = DECLARATION.replace('normalisation = "none"', entries)
    emap = predict_embedding(load_model(declared(path, text)), image)
    assert np.allclose(emap.embedding[0], 10 * expected(image), rtol=1e-4, atol=1e-3)


def test_an_output_of_lower_resolution_is_enlarged(tmp_path):
    half = helper.make_node("AveragePool", ["maps"], ["small"], kernel_shape=[4, 4], strides=[4, 4])
    path = network(tmp_path / "half.onnx", nodes=[half])
    model = onnx.load(str(path))
    model.graph.output[0].name = "small"
    onnx.save_model(model, str(path))
    emap = predict_embedding(load_model(declared(path)), np.full((32, 40), 0.3, np.float32))
    assert np.allclose(emap.embedding, 3.0, atol=1e-5)


def test_models_are_told_apart(tmp_path, path):
    other = declared(network(tmp_path / "net2.onnx", apart=True), DECLARATION + 'name = "net"')
    one, again, two = load_model(path), load_model(path), load_model(other)
    assert same_model(one, again)
    assert not same_model(one, two)
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) != fingerprint(
        EmbeddingModel(one.network, replace(one.config, foreground_is="probability"))
    )


def test_it_cannot_be_saved_tuned_or_exported(path, tmp_path):
    model = load_model(path)
    for attempt in (
        lambda: save_model(model, tmp_path / "x.safetensors"),
        lambda: export_bioimageio(model, tmp_path / "x.zip", licence="MIT"),
        lambda: next(fine_tune(model, np.zeros((8, 8)), np.ones((8, 8), int))),
    ):
        with pytest.raises(ValueError, match="a network of another program"):
            attempt()


def test_no_size_is_measured_and_no_training_goes_on_from_it(path, tmp_path):
    model = load_model(declared(path, DECLARATION + "object_diameter = 20\n"))
    with pytest.raises(ValueError, match="no distance to the border"):
        estimate_diameter(model, drawn_image()[1])
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
        np.save(tmp_path / "data" / name / "a.npy", drawn_image()[0].astype(np.uint8))
    with pytest.raises(ValueError, match="a network of another program"):
        next(iter(train_from_folder(tmp_path / "data", tmp_path / "new", start=model)))


def test_it_goes_into_the_user_s_folder_with_its_declaration(tmp_path, monkeypatch, path):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))
    kept = add_user_model(path)
    assert list_user_models() == [kept]
    assert same_model(load_model(kept), load_model(path))
    remove_user_model(kept)
    assert list(kept.parent.iterdir()) == []


# ------------------------------------------------------------------------------------- refused


def with_external_data(path):
    model = onnx.load(str(path))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return path


def with_hidden_external_data(path):
    """Weights in another file, within the branch of a condition."""
    model = onnx.load(str(path))
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["out"], value=tensor)],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )
    truth = helper.make_node(
        "Constant", [], ["true"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])
    )
    choice = helper.make_node("If", ["true"], ["found"], then_branch=branch, else_branch=branch)
    model.graph.node.extend([truth, choice])
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("change", [with_external_data, with_hidden_external_data])
def test_weights_in_other_files_are_not_read(path, change):
    with pytest.raises(ModelFileError, match="keeps weights in another file"):
        load_model(change(path))


@pytest.mark.parametrize("domain", ["custom.ops", "com.microsoft"])
def test_operators_of_libraries_are_refused(tmp_path, domain):
    strange = helper.make_node("EPContext", ["image"], ["x"], domain=domain)
    path = declared(network(tmp_path / "net.onnx", nodes=[strange], domains=[domain]))
    with pytest.raises(ModelFileError, match=rf"uses the operator {domain}.EPContext"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"no network", b"\x08\x07\x12"])
def test_what_is_no_network_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"damaged|cannot be run"):
        load_model(path)


def test_a_file_that_is_too_large_is_not_read(path, monkeypatch):
    monkeypatch.setattr(onnx_network, "MAX_NETWORK_BYTES", 10)
    with pytest.raises(ModelFileError, match="at most 10 bytes, found more"):
        load_model(path)


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        ({"kind": TensorProto.DOUBLE}, ("", ""), "one image of type float32"),
        ({}, ('"YX"', '"ZYX"'), "4 axes, and its declaration says axes ZYX"),
        ({"shape": ("n", 3, "y", "x")}, ("", ""), "takes 3 channels"),
        ({"shape": (1, 1, 64, 64)}, ("", ""), "one size only"),
        ({"shape": (4, 1, "y", "x")}, ("", ""), "one size only"),
        ({}, ("embedding = [0]", "embedding = [7]"), "gives 2 channels, .* channel 7"),
    ],
)
def test_a_network_that_does_not_fit_its_declaration_is_refused(tmp_path, options, changes, words):
    path = network(tmp_path / "net.onnx", **options)
    if options.get("kind") == TensorProto.DOUBLE:
        model = onnx.load(str(path))
        for tensor in model.graph.initializer:
            value = onnx.numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        onnx.save_model(model, str(path))
    declared(path, DECLARATION.replace(*changes) if changes[0] else DECLARATION)
    with pytest.raises(ModelFileError, match=words):
        load_model(path)


def test_a_network_of_one_size_works_where_it_is_declared(tmp_path):
    path = network(tmp_path / "net.onnx", shape=(1, 1, 32, 32))
    text = DECLARATION.replace("size_multiple = 8", "size_multiple = 32\nfixed_size = true")
    declared(path, text)
    labels, image = drawn_image()
    assert same_objects(segment(image, str(path)), labels)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.ts", "net.py", "net.ckpt"])
def test_files_that_run_programs_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x" * 100)
    with pytest.raises(ModelFileError, match=r"run any program|is a program"):
        load_model(tmp_path / name)


def test_a_missing_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ModelFileError, match=r"napari-pixel-embedding\[onnx\]"):
        load_model(path)
