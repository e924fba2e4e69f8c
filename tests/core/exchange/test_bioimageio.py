"""Models as BioImage.IO packages: the collection's own test passes, and ours come back."""

from __future__ import annotations

import gc
import warnings
import zipfile

import numpy as np
import pytest
import torch

from napari_pixel_embedding import load_model, model_config_for, predict_embedding
from napari_pixel_embedding.core.exchange.bioimageio import export_bioimageio
from napari_pixel_embedding.core.features.given import load_features
from napari_pixel_embedding.core.features.source import FeatureSource
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, fingerprint

core = pytest.importorskip("bioimageio.core", reason="the extra bioimageio is not installed")
pytest.importorskip("onnxscript", reason="the extra bioimageio is not installed")
SMALL = {"depth": 1, "base_width": 2, "embedding_dim": 4, "licence": "CC0-1.0"}


def untrained(preset="euclidean", **changes):
    config = model_config_for(preset, "tiny", **{**SMALL, "name": "small model", **changes})
    return EmbeddingModel.untrained(config)


def run_their_test(path):
    """Test a package as the collection does, without its log."""
    from loguru import logger

    logger.disable("bioimageio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves files open
        summary = core.test_model(str(path))
        status, told = summary.status, str(summary)
        del summary
        gc.collect()
    logger.enable("bioimageio")
    return status, told


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("euclidean", {"coordinate_scale": 5.0, "object_diameter": 12.0}),
        ("wnet", {"in_channels": 3, "stem_stride": 2}),
        ("cosine", {"axes": "ZYX", "stem_stride": 2}),
    ],
    ids=["coordinates", "wnet-stride", "cosine-volume-stride"],
)
def test_packages_pass_the_collection_s_test(tmp_path, preset, changes):
    model = untrained(preset, **changes)
    path = export_bioimageio(model, tmp_path / "package")
    assert path == tmp_path / "package.zip"
    status, told = run_their_test(path)
    assert status == "passed", told
    assert fingerprint(load_model(path)) == fingerprint(model)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A small package, and its model."""
    model = untrained(coordinate_scale=5.0, object_diameter=12.0, space="euclidean")
    folder = tmp_path_factory.mktemp("package")
    return export_bioimageio(model, folder / "small.zip", authors=["A. Person"]), model


def described(path):
    from ruyaml import YAML

    with zipfile.ZipFile(path) as archive:
        return YAML(typ="safe").load(archive.read("rdf.yaml"))


def test_a_package_says_all_that_is_known(package):
    path, model = package
    rdf = described(path)
    assert rdf["name"] == "small model"
    assert rdf["license"] == "CC0-1.0"
    assert [one["name"] for one in rdf["authors"]] == ["A. Person"]
    assert [one["doi"].rsplit(".", 1)[0] for one in rdf["cite"]] == [
        "10.48550/arXiv.1708",
        "10.48550/arXiv.2004",
        "10.48550/arXiv.2007",
    ]
    decoder = rdf["config"]["napari_pixel_embedding"]
    assert decoder["embedding"] == [0, 1, 2, 3]
    assert (decoder["foreground"], decoder["distance"]) == (4, 5)
    assert decoder["coordinate_scale"] == 5.0
    assert decoder["cluster"]["bandwidth"] == model.config.cluster_params().bandwidth
    steps = {step["id"]: step["kwargs"] for step in rdf["inputs"][0]["preprocessing"]}
    scale, clip = steps["scale_range"], steps["clip"]
    assert scale["min_percentile"] == 1.0
    assert scale["max_percentile"] == 99.8
    assert clip == {"min": -1.0, "max": 3.0}
    names = {"network.onnx", "model.safetensors", "cover.png", "card.md", "rdf.yaml"}
    with zipfile.ZipFile(path) as archive:
        assert names <= set(archive.namelist())


def test_the_network_in_it_gives_what_ours_gives(package, tmp_path):
    """On a size that it was not written with."""
    runtime = pytest.importorskip("onnxruntime")
    path, model = package
    with zipfile.ZipFile(path) as archive:
        session = runtime.InferenceSession(archive.read("network.onnx"))
    image = np.random.default_rng(0).random((2, 1, 26, 58), np.float32)
    (maps,) = session.run(None, {"image": image})
    with torch.inference_mode():
        output = model.network(torch.from_numpy(image))
    assert np.allclose(maps[:, :4], output.embedding, atol=1e-4)
    assert np.allclose(maps[:, 4], output.foreground.sigmoid(), atol=1e-5)
    assert np.allclose(maps[:, 5], output.distance.clamp(0, 1), atol=1e-5)


def test_a_package_is_loaded_as_a_model(package):
    path, model = package
    image = np.random.default_rng(0).random((40, 40))
    mine, its = predict_embedding(model, image), predict_embedding(load_model(path), image)
    assert np.array_equal(mine.embedding, its.embedding)


def test_several_licences_become_a_file(tmp_path):
    path = export_bioimageio(untrained(licence="CC0-1.0 AND MIT"), tmp_path / "two.zip")
    rdf = described(path)
    assert rdf["license"]["source"] == "LICENCE.txt"
    with zipfile.ZipFile(path) as archive:
        assert b"CC0-1.0 AND MIT" in archive.read("LICENCE.txt")


@pytest.mark.parametrize(
    ("model", "name", "options", "words"),
    [
        (lambda: untrained(licence=""), "x.zip", {}, "does not say its licence"),
        (untrained, "x.onnx", {}, "name it x.zip"),
        (untrained, "x.zip", {"image": np.zeros((1, 31, 32))}, "multiples of 2"),
        (untrained, "x.zip", {"image": np.zeros((2, 32, 32))}, "1 channels"),
        (
            lambda: load_features(FeatureSource(), (4, 8, 8), "CYX"),
            "x.zip",
            {"licence": "MIT"},
            "cannot be exported",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, model, name, options, words):
    with pytest.raises(ValueError, match=words):
        export_bioimageio(model(), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bioimageio.spec", None)
    with pytest.raises(ValueError, match=r"napari-pixel-embedding\[bioimageio\]"):
        export_bioimageio(untrained(), tmp_path / "x.zip")
