"""A recipe makes the same labels again, and its code and its command do."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from skimage.data import immunohistochemistry

from napari_pixel_embedding import (
    ClusterParams,
    LocalBandwidth,
    apply_recipe,
    apply_recipe_to_files,
    cli,
    load_model,
    recipe_of,
    save_model,
    save_segmentation_recipe,
    segment,
    segment_files,
    synthetic_image,
)
from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.recipe.apply import axes_for
from napari_pixel_embedding.core.recipe.record import pixels_key
from napari_pixel_embedding.core.recipe.scripts import as_command, as_python
from tests.core.recipe.test_recipe import some_recipe

PARAMS = ClusterParams(bandwidth=1.43, foreground_threshold=0.41, min_size=3)
LOCAL = [[LocalBandwidth((37, 74), 0.2)]]


def drawn(shape, seed=2):
    return synthetic_image("ellipses", shape, seed=seed).image


def pictures():
    """Images, and how they are segmented."""
    plane, film = drawn((96, 96)), np.stack([drawn((96, 96), seed) for seed in (4, 2, 3)])
    section = immunohistochemistry()[:96, :128]
    usual = {"params": PARAMS, "device": "cpu"}
    flat, solid = {"model": "nuclei-fluo", **usual}, {"model": "volume", **usual}
    own = {"model": "position", **usual, "params": replace(PARAMS, bandwidth=0.83)}
    return {
        "plane": (plane, "YX", flat),
        "own model": (plane, "YX", own),
        "diameter": (plane, "YX", {"diameter": 17.3, **flat}),
        "views": (plane, "YX", {"augment": 4, "tile": 48, **flat}),
        "stain": (section, "YXC", {"channel": "haematoxylin", **flat}),
        "volume": (drawn((16, 48, 48)), "ZYX", {"spacing": (3.0, 1.0, 1.0), **solid}),
        "film": (film, "TYX", flat),
        "object": (plane, "YX", {"local_bandwidths": LOCAL, **own}),
        "object in a film": (film, "TYX", {"local_bandwidths": [[], *LOCAL, []], **flat}),
    }


pytestmark = pytest.mark.filterwarnings("ignore:The (objects' diameter|scale) was measured")

CASES = pictures()


@pytest.fixture
def model_paths(position_model):
    return {"position": position_model, "nuclei-fluo": "nuclei-fluo", "volume": "volume"}


@pytest.fixture(params=CASES)
def case(request, tmp_path, model_paths):
    """A segmented file: its path, pixels and expected labels, and its label file."""
    image, axes, options = CASES[request.param]
    options = {**options, "model": model_paths[options["model"]]}
    path = tmp_path / "sample.tif"
    colors = axes.endswith("C")
    metadata = {"axes": "YXS" if colors else axes}
    tifffile.imwrite(path, image, photometric="rgb" if colors else "minisblack", metadata=metadata)
    expected = segment(image, axes=axes, **options)
    assert len(np.unique(expected)) > 4
    (done,) = segment_files(path, tmp_path / "first", axes=axes, **options)
    assert done.error is None
    np.testing.assert_array_equal(read_labels(done.labels).data, expected)
    return path, image, expected, done.labels


def test_the_recipe_of_a_label_file_makes_its_labels_again(case, tmp_path):
    path, image, expected, labels = case
    recipe = recipe_of(labels)
    np.testing.assert_array_equal(apply_recipe(recipe, image), expected)
    file = save_segmentation_recipe(recipe, tmp_path / "sample")
    np.testing.assert_array_equal(apply_recipe(file, image), expected)
    (again,) = apply_recipe_to_files(file, path, tmp_path / "again")
    assert again.labels.read_bytes() == labels.read_bytes()


def test_the_command_line_makes_them_too(case, tmp_path):
    path, _, _, labels = case
    for number, recipe in enumerate((labels, save_segmentation_recipe(recipe_of(labels), path))):
        output = tmp_path / f"again{number}"
        assert (
            cli.main(["segment", str(path), "--recipe", str(recipe), "--output", str(output)]) == 0
        )
        assert (output / labels.name).read_bytes() == labels.read_bytes()


def test_the_code_and_the_command_run_and_make_them_too(case, tmp_path):
    path, _, expected, labels = case
    names = {}
    exec(compile(as_python(recipe_of(labels), path), "copied", "exec"), names)
    np.testing.assert_array_equal(names["labels"], expected)
    command = shlex.split(as_command(recipe_of(labels), path, tmp_path / "out"))
    assert command[0] == "pixel-embedding" and cli.main(command[1:]) == 0
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / labels.name).data, expected)


def test_a_single_object_s_bandwidth_changes_something(model_paths):
    for name in ("object", "object in a film"):
        image, axes, options = CASES[name]
        options = {**options, "model": model_paths[options["model"]]}
        local = options.pop("local_bandwidths")
        plain = segment(image, axes=axes, **options)
        assert (plain != segment(image, axes=axes, local_bandwidths=local, **options)).any()


SETTINGS = {
    "diameter": ("diameter", None),
    "views": ("augment", 1),
    "stain": ("channel", None),
    "volume": ("spacing", None),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_changes_something(name, model_paths):
    image, axes, options = CASES[name]
    options = {**options, "model": model_paths[options["model"]]}
    setting, usual = SETTINGS[name]
    found = segment(image, axes=axes, **options)
    assert (found != segment(image, axes=axes, **{**options, setting: usual})).any()


def test_mutex_watershed_is_repeated(tmp_path):
    pytest.importorskip("bioimage_cpp")
    image, _, _ = CASES["plane"]
    np.save(tmp_path / "a.npy", image)
    (done,) = segment_files(tmp_path / "a.npy", params=PARAMS, method="mutex", device="cpu")
    expected = segment(image, params=PARAMS, method="mutex", device="cpu")
    np.testing.assert_array_equal(apply_recipe(recipe_of(done.labels), image), expected)
    assert (expected != segment(image, params=PARAMS, device="cpu")).any()


# ---------------------------------------------------------------------------- another image


@pytest.fixture
def made(position_model, tmp_path):
    """Recipe of an image with a single object's bandwidth."""
    np.save(tmp_path / "a.npy", CASES["object"][0])
    (done,) = segment_files(
        tmp_path / "a.npy",
        model=position_model,
        params=PARAMS,
        local_bandwidths=LOCAL,
        device="cpu",
        save_recipe=True,
    )
    return tmp_path / "a_labels.recipe.json", recipe_of(done.labels)


def test_bandwidths_of_single_objects_stay_with_their_pixels(made, position_model):
    _, recipe = made
    image = CASES["object"][0]
    other = image.copy()
    other[90, 90] ^= 1
    with pytest.warns(UserWarning, match="1 object has a bandwidth of its own: left out"):
        labels = apply_recipe(recipe, other)
    expected = segment(other, position_model, params=PARAMS, device="cpu")
    np.testing.assert_array_equal(labels, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply_recipe(recipe, image.astype(">u1"))


def test_the_recipe_of_the_other_image_holds_what_was_done(made, tmp_path):
    path, _ = made
    np.save(tmp_path / "b.npy", CASES["object"][0][::-1])
    (done,) = apply_recipe_to_files(path, tmp_path / "b.npy")
    recipe = recipe_of(done.labels)
    assert recipe.image.name == "b" and not recipe.image.local_bandwidths
    assert len(done.notes) == 1


def test_the_key_of_pixels_tells_images_apart():
    one = np.arange(12, dtype=np.uint16).reshape(3, 4)
    key = pixels_key(ImageStack(one, "YX"))
    assert key == pixels_key(ImageStack(one.astype(">u2"), "YX"))
    assert key == pixels_key(ImageStack(np.asfortranarray(one), "YX"))
    others = [one + 1, one.T, one.astype(np.uint32), one.astype(np.int16), one.reshape(4, 3)]
    assert key not in [pixels_key(ImageStack(other, "YX")) for other in others]
    assert len({pixels_key(ImageStack(one[None], axes)) for axes in ("TYX", "ZYX")}) == 2


@pytest.mark.parametrize(
    ("recipe", "ndim", "stored", "axes"),
    [
        ("TYX", 3, None, "TYX"),
        ("TYX", 3, "ZYX", "TYX"),
        ("TZYX", 4, "ZTYX", "ZTYX"),
        ("TYX", 2, "YX", "YX"),
        ("TYX", 2, None, None),
        ("YX", 3, "YXC", "YXC"),
    ],
)
def test_axes_of_another_image(recipe, ndim, stored, axes):
    assert axes_for(some_recipe(axes=recipe), ndim, stored) == axes


def test_other_planes_are_told(tmp_path):
    image = CASES["volume"][0]
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeX": 1.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", image, metadata=metadata)
    options = {"model": "volume", "params": PARAMS, "device": "cpu"}
    (done,) = segment_files(tmp_path / "a.ome.tif", spacing=(3.0, 1.0, 1.0), **options)
    (again,) = apply_recipe_to_files(
        recipe_of(done.labels), tmp_path / "a.ome.tif", tmp_path / "again"
    )
    assert again.notes == (
        "The recipe's pixel size 3 × 1 × 1 was used; the file says another one.",
    )
    np.testing.assert_array_equal(read_labels(again.labels).data, read_labels(done.labels).data)


# ------------------------------------------------------------------------------------ model


def test_another_model_is_refused_unless_it_is_allowed(made):
    path, _ = made
    image = CASES["object"][0]
    with pytest.raises(ValueError, match="not the one of the recipe") as refused:
        apply_recipe(path, image, model="nuclei-fluo")
    assert "--allow-other-model" in str(refused.value)
    with pytest.warns(UserWarning, match="not the one of the recipe"):
        labels = apply_recipe(path, image, model="nuclei-fluo", allow_other_model=True)
    expected = segment(image, params=PARAMS, local_bandwidths=LOCAL, device="cpu")
    np.testing.assert_array_equal(labels, expected)


def test_a_model_that_moved_is_found_in_the_user_s_folder(made, position_model, tmp_path):
    _, recipe = made
    image = CASES["object"][0]
    gone = recipe.to_dict()["model"] | {"source": str(tmp_path / "gone" / "mine.safetensors")}
    recipe = recipe.changed(model=type(recipe.model)(**gone))
    with pytest.raises(ValueError, match=r"was not found.*copy 'mine\.safetensors' there"):
        apply_recipe(recipe, image)
    save_model(load_model(position_model), tmp_path / "user" / "models" / "mine.safetensors")
    apply_recipe(recipe, image)


def test_no_other_file_is_read_for_the_model(made, tmp_path, monkeypatch):
    _, recipe = made
    for source in ("/etc/passwd", "/dev/zero", str(tmp_path / "a.npy"), "//server/share/x"):
        model = type(recipe.model)("x", source, recipe.model.fingerprint)
        monkeypatch.setattr("pathlib.Path.open", None)
        with pytest.raises(ValueError, match="was not found"):
            apply_recipe(recipe.changed(model=model), CASES["object"][0])


def test_a_model_that_was_never_saved_must_be_given(made, position_model):
    _, recipe = made
    model = type(recipe.model)("x", None, recipe.model.fingerprint)
    recipe = recipe.changed(model=model)
    with pytest.raises(ValueError, match="was never saved to a file"):
        apply_recipe(recipe, CASES["object"][0])
    for write in (as_python, as_command):
        with pytest.raises(ValueError, match="was never saved to a file"):
            write(recipe)
    apply_recipe(recipe, CASES["object"][0], model=load_model(position_model))


def test_a_device_that_is_not_here_is_told(made):
    _, recipe = made
    recipe = recipe.changed(device="mps" if "mps" not in _devices() else "cuda:7")
    with pytest.warns(UserWarning, match="which is not here"):
        apply_recipe(recipe, CASES["object"][0])


def _devices():
    from napari_pixel_embedding.core.model.devices import available_devices

    return available_devices()


def test_names_that_are_no_text_are_stored_all_the_same(position_model, tmp_path):
    np.save(tmp_path / "a\udcff.npy", CASES["object"][0])
    (done,) = segment_files(tmp_path / "a\udcff.npy", model=position_model, device="cpu")
    assert recipe_of(done.labels).image.name == "a?"


# --------------------------------------------------------------------------------- as text


@pytest.mark.parametrize(
    "text",
    ['"; import os; os.abort() #', "a\n__import__('os').abort()\n#", "$(reboot) `x`", "\u2028'"],
)
def test_no_text_of_a_recipe_is_run(made, text):
    import ast

    _, recipe = made
    values = recipe.to_dict()
    model = type(recipe.model)(text, text, "0" * 16)
    recipe = recipe.changed(model=model, versions={"napari-pixel-embedding": text})
    tree = ast.parse(as_python(recipe, f"{text}.tif"))
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call)} | {"read_image"}
    assert calls == {"segment", "ClusterParams", "LocalBandwidth", "read_image"}
    constants = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    assert text in constants and f"{text}.tif" in constants
    words = shlex.split(as_command(recipe, f"{text}.tif"))
    assert words[2] == f"{text}.tif" and words[4] == text and values["axes"] in words


def test_an_image_without_a_file_has_a_name_to_replace(made):
    assert 'read_image("image.tif")' in as_python(made[1])
    assert as_command(made[1], "plate.zarr").startswith("pixel-embedding segment image.tif")
