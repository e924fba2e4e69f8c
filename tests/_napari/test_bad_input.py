"""Whatever a layer holds: a clear message or a result, and the window lives on."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

FOREIGN = {
    "text.safetensors": b"hello",
    "empty.safetensors": b"",
    "pickle.safetensors": b"\x80\x04\x95rest",
    "foreign.safetensors": (2).to_bytes(8, "little") + b"{}",
}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(100, 20, (32, 48))


def add(viewer, data, **options):
    return viewer.add_image(data, name="image", **options)


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.uint16, np.int32, np.float64, np.float16, ">u2"]
)
def test_every_dtype(viewer, segment_panel, run, noise, dtype):
    add(viewer, (noise > 100) if dtype is bool else noise.astype(dtype))
    assert run(segment_panel).error is None


def nan(image):
    image[3, 4], image[5, 6] = np.nan, np.inf
    return image


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: image[::2, ::-1], id="not contiguous"),
        pytest.param(lambda image: np.asfortranarray(image), id="fortran order"),
        pytest.param(lambda image: np.full_like(image, 7), id="constant"),
        pytest.param(lambda image: image[:1, :1], id="1 x 1"),
        pytest.param(lambda image: image[:1], id="1 x N"),
        pytest.param(nan, id="NaN and Inf"),
        pytest.param(lambda image: np.full_like(image, np.nan), id="only NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_odd_arrays(viewer, segment_panel, run, noise, change):
    image = change(noise)
    add(viewer, image, contrast_limits=(0, 200))
    session = run(segment_panel)
    assert session.error is None
    assert session.labels.shape == image.shape


@pytest.mark.parametrize("backing", ["dask", "zarr"])
def test_lazy_layers(viewer, segment_panel, run, noise, backing):
    library = importlib.import_module("dask.array" if backing == "dask" else "zarr")
    lazy = library.from_array(noise, chunks=16) if backing == "dask" else library.array(noise)
    add(viewer, lazy, contrast_limits=(0, 200))
    assert run(segment_panel).error is None


def test_multiscale_takes_the_finest_level_and_says_so(viewer, segment_panel, run, noise):
    add(viewer, [noise, noise[::2, ::2]])
    assert "finest level" in segment_panel.images.hint.text()
    session = run(segment_panel)
    assert session.error is None
    assert session.labels.shape == noise.shape


def test_colour_images_become_grey(viewer, segment_panel, run, noise):
    add(viewer, np.stack([noise.astype(np.uint8)] * 3, axis=-1), rgb=True)
    session = run(segment_panel)
    assert (session.error, session.axes) == (None, "YXC")
    assert session.labels.shape == noise.shape


def test_wrong_channel_count_is_said(viewer, segment_panel, run, noise, qtbot):
    add(viewer, np.stack([noise] * 5))
    choice = segment_panel.images.axes_choice
    choice.setCurrentIndex(choice.findData("CYX"))
    segment_panel.run()  # a script may call what the button would not
    qtbot.waitUntil(lambda: bool(segment_panel.session.error), timeout=60_000)
    assert "takes 1 channel, found 5" in segment_panel.session.error
    assert "takes 1 channel, found 5" in segment_panel.footer.status.text()
    choice.setCurrentIndex(0)  # and frame by frame it works
    assert run(segment_panel).error is None


def test_a_volume_for_a_plane_model_goes_plane_by_plane(viewer, segment_panel, run, noise):
    add(viewer, np.stack([noise] * 5))
    choice = segment_panel.images.axes_choice
    choice.setCurrentIndex(choice.findData("ZYX"))
    session = run(segment_panel)
    assert (session.error, len(session.embedding_maps)) == (None, 5)


def test_channels_between_other_axes(viewer, segment_panel, run, noise):
    stack = np.stack([np.stack([noise, noise])] * 3)
    add(viewer, stack, axis_labels=("t", "c", "y", "x"))
    assert "takes 1 channel, and “image” has 2" in segment_panel.run_button.toolTip()
    segment_panel.channels.setCurrentIndex(segment_panel.channels.findData(1))
    assert run(segment_panel).error is None


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_and_corrupt_model_files(viewer, segment_panel, run, noise, tmp_path, name):
    add(viewer, noise)
    session = run(segment_panel)
    labels = session.labels
    path = tmp_path / name
    path.write_bytes(FOREIGN[name])
    segment_panel.models.add_file(str(path))
    assert name in segment_panel.marks.error
    assert not segment_panel.run_button.isEnabled()
    assert session.labels is labels
    segment_panel.form.widget("bandwidth").value = 2.5
    assert run(segment_panel).error is None


def test_no_image_layer(viewer, segment_panel):
    assert not segment_panel.run_button.isEnabled()
    assert "Open an image" in segment_panel.run_button.toolTip()
    assert "Open an image" in segment_panel.images.hint.text()
    segment_panel.run()  # a script may call what the button would not
    assert "found none" in segment_panel.footer.status.text()


def test_a_labels_layer_is_no_image(viewer, segment_panel, noise):
    viewer.add_labels(np.zeros((4, 4), int), name="mine")
    assert segment_panel.images.layer is None
    layer = add(viewer, noise)
    viewer.layers.selection.active = viewer.layers["mine"]
    assert segment_panel.images.layer is layer
    assert "“mine” is a labels layer" in segment_panel.images.hint.text()


def test_the_image_follows_the_active_layer(viewer, segment_panel, noise):
    first, second = add(viewer, noise), add(viewer, noise)
    assert segment_panel.images.layer is second
    viewer.layers.selection.active = first
    assert segment_panel.images.layer is first
    first.name = "renamed"
    assert segment_panel.images.layers.currentText() == "renamed"
    viewer.layers.remove(first)
    assert segment_panel.images.layer is second


def test_buttons_in_the_wrong_order(segment_panel, correct_panel, embedding_panel):
    controller, session = segment_panel.controller, segment_panel.session
    for call, words in (
        (controller.fine_tuning.use_model, "No tuned model"),
        (controller.run, "Nothing to segment"),
        (lambda: controller.fine_tuning.start(None), "Run a model first"),
        (lambda: controller.corrections.save("x.tif"), "No corrections"),
        (lambda: controller.corrections.load("x.tif"), "press Run"),
        (lambda: controller.fine_tuning.save_model("x.safetensors"), "No model to save"),
        (lambda: controller.clustering.set_params(bandwidth=1), "Run first"),
    ):
        call()
        assert words in session.error
    for call in (
        controller.cancel,
        controller.fine_tuning.stop,
        controller.fine_tuning.discard_model,
        controller.colors.refit,
        correct_panel.paint_new,
    ):
        call()


def test_labels_given_another_shape_by_a_script(viewer, segment_panel, run, noise, qtbot):
    add(viewer, noise)
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    layer.data = np.ones((5, 5), np.uint16)
    before = session.labels
    segment_panel.form.widget("bandwidth").value = 2.5
    qtbot.waitUntil(lambda: session.labels is not before, timeout=20_000)
    qtbot.waitUntil(lambda: np.array_equal(layer.data, session.labels), timeout=20_000)
    assert session.corrections is None


def test_labels_replaced_by_a_script_are_an_edit(viewer, segment_panel, run, noise, qtbot):
    add(viewer, noise)
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    edited = layer.data.copy()
    edited[3:9, 3:9] = 500
    layer.data = edited
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=20_000)
    assert (session.labels[3:9, 3:9] == 500).all()
