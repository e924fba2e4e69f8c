"""From an image of any kind to its embedding map and its labels."""

import importlib

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference import passes as passes_module
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.predict import (
    predict_embedding,
    predict_foreground,
    predict_frames,
)
from napari_pixel_embedding.core.inference.tiles import runner as runner_module
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.core.segmentation.segment import segment

FLAT = {}
COLOR = {"in_channels": 3}
VOLUME = {"axes": "ZYX", "base_width": 2}


def noise(*shape, dtype=np.float32, seed=0):
    return (np.random.default_rng(seed).random(shape) * 200).astype(dtype)


def predict(model, image, **options):
    return predict_embedding(model, image, device="cpu", **options)


@pytest.mark.parametrize(
    ("model", "axes", "shape"),
    [
        (FLAT, "YX", (30, 41)),
        (FLAT, None, (30, 41)),
        (FLAT, "YXC", (30, 41, 3)),
        (FLAT, None, (30, 41, 4)),
        (COLOR, "YXC", (30, 41, 3)),
        (COLOR, "CYX", (3, 30, 41)),
        (COLOR, None, (3, 30, 41)),
        (COLOR, None, (30, 41)),
        (VOLUME, "ZYX", (5, 30, 41)),
        (VOLUME, None, (5, 30, 41)),
        ({**VOLUME, "in_channels": 2}, "ZCYX", (5, 2, 30, 41)),
    ],
)
def test_every_pixel_is_embedded(tiny_model, model, axes, shape):
    model = tiny_model(**model)
    emap = predict(model, noise(*shape), axes=axes)
    pixels = (30, 41) if model.config.axes == "YX" else (5, 30, 41)
    assert emap.shape == pixels
    assert emap.embedding.shape == (4, *pixels)
    assert emap.embedding.dtype in (np.float16, np.float32)
    assert emap.foreground.shape == emap.distance.shape == pixels
    for part in (emap.foreground, emap.distance):
        assert part.min() >= 0 and part.max() <= 1
    assert np.isfinite(emap.embedding).all()
    assert emap.frame is None


@pytest.mark.parametrize(
    ("model", "axes", "shape"), [(FLAT, "TYX", (3, 16, 20)), (VOLUME, "TZYX", (2, 4, 16, 20))]
)
def test_frames_are_those_of_the_stack(tiny_model, model, axes, shape):
    model, image = tiny_model(**model), noise(*shape)
    maps = list(predict_frames(model, image, axes=axes, device="cpu"))
    assert [emap.frame for emap in maps] == list(range(shape[0]))
    for index, emap in enumerate(maps):
        assert_array_equal(emap.embedding, predict(model, image[index]).embedding)
        one = predict(model, image, axes=axes, frame=index)
        assert_array_equal(emap.foreground, one.foreground)


def test_an_image_without_time_is_one_frame(tiny_model):
    (emap,) = predict_frames(tiny_model(), noise(16, 20), device="cpu")
    assert emap.frame is None


def test_a_stack_needs_a_frame_that_it_has(tiny_model):
    image = noise(3, 16, 16)
    with pytest.raises(ValueError, match=r"3 frames along T: say which with frame=0 … 2"):
        predict(tiny_model(), image, axes="TYX")
    for frame in (3, -1):
        with pytest.raises(ValueError, match=f"frame must be from 0 to 2, found {frame}"):
            predict(tiny_model(), image, axes="TYX", frame=frame)


@pytest.mark.parametrize(
    ("model", "image", "options", "message"),
    [
        (FLAT, noise(5, 16, 16), {}, "Give its axes"),
        (FLAT, noise(5, 16, 16), {"axes": "ZYX"}, "5 frames along Z: say which"),
        (VOLUME, noise(16, 16), {"axes": "YX"}, "choose a 2-D model"),
        (COLOR, noise(2, 16, 16), {"axes": "CYX"}, "takes 3 channels, found 2"),
        (FLAT, noise(16, 16), {"diameter": 9.0}, "leave the diameter out"),
        ({"object_diameter": 9.0}, noise(16, 16), {"diameter": -1.0}, "must be from 2 to 4000"),
        (FLAT, noise(16, 16) * 1j, {}, "complex"),
        (FLAT, noise(0, 16), {}, "at least one pixel"),
        (FLAT, noise(16, 16), {"device": "abacus"}, "device must be auto or one of"),
        (FLAT, noise(16, 16), {"tile_shape": (64,)}, "must name the 2 spatial axes"),
    ],
)
def test_what_does_not_fit_is_refused(tiny_model, model, image, options, message):
    with pytest.raises(ValueError, match=message):
        predict_embedding(tiny_model(**model), image, **{"device": "cpu", **options})


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (3, 5), (33, 31)])
def test_odd_sizes(tiny_model, shape):
    emap = predict(tiny_model(), noise(*shape))
    assert emap.shape == shape
    assert np.isfinite(emap.embedding).all()


@pytest.mark.parametrize("value", [0, 5, np.nan, np.inf])
def test_an_image_without_contrast(tiny_model, value):
    emap = predict(tiny_model(), np.full((20, 20), value, np.float32))
    assert np.isfinite(emap.embedding).all()
    assert np.isfinite(emap.foreground).all()


def test_pixels_that_are_not_finite_do_not_spread(tiny_model):
    image = noise(20, 90)
    spoilt = image.copy()
    spoilt[3, 4], spoilt[10, 2] = np.nan, np.inf
    emap, clean = predict(tiny_model(), spoilt), predict(tiny_model(), image)
    assert np.isfinite(emap.embedding).all()
    assert_allclose(emap.foreground[:, 60:], clean.foreground[:, 60:], atol=0.02)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "float64", ">f4"])
def test_types_and_memory_layouts(tiny_model, dtype):
    image = (noise(24, 31) > 100).astype(dtype)
    expected = predict(tiny_model(), image.astype(np.float32)).embedding
    for same in (image, np.asfortranarray(image), image[::-1][::-1], image.tolist()):
        assert_allclose(predict(tiny_model(), same).embedding, expected, atol=1e-6)


def test_images_are_only_read(tiny_model):
    image = noise(24, 31)
    image.flags.writeable = False
    predict(tiny_model(), image)


def test_lazy_arrays_are_read(tiny_model):
    dask_array = importlib.import_module("dask.array")
    image = noise(24, 31)
    lazy = dask_array.from_array(image, chunks=10)
    assert_array_equal(
        predict(tiny_model(), lazy).embedding, predict(tiny_model(), image).embedding
    )


@pytest.mark.parametrize(("architecture", "stem"), [("unet", 1), ("wnet", 1), ("unet", 2)])
def test_tiles_give_what_the_whole_image_gives(tiny_model, full_precision, architecture, stem):
    model, image = tiny_model(architecture=architecture, stem_stride=stem), noise(200, 150)
    whole = predict(model, image)
    # The U-Net of depth 2 sees 24 pixels, the W-Net, and the one with a stem, twice as many; a
    # tile counts from half its halo on.
    halo = 48 if (architecture, stem) == ("unet", 1) else 96
    side = 2 * halo + 32
    tiled = predict(model, image, tile_shape=(side, side), halo=(halo, halo))
    assert_allclose(tiled.embedding, whole.embedding, atol=1e-4)
    assert_allclose(tiled.foreground, whole.foreground, atol=1e-4)
    assert_allclose(tiled.distance, whole.distance, atol=1e-4)


def test_seams_vanish_as_the_halo_grows(tiny_model, full_precision):
    model, image = tiny_model(), noise(200, 150)
    whole = predict(model, image).embedding
    seams = [
        np.abs(predict(model, image, tile_shape=(64 + 2 * h,) * 2, halo=(h, h)).embedding - whole)
        for h in (0, 16, 48)
    ]
    none, some, enough = (seam.mean() for seam in seams)
    assert none > 5 * some > 0
    assert enough < 1e-3 * none


def test_tiles_of_a_volume(tiny_model, full_precision):
    model, image = tiny_model(**{**VOLUME, "depth": 1}), noise(24, 40, 28)
    whole = predict(model, image)
    tiled = predict(model, image, tile_shape=(24, 36, 28), halo=(16, 16, 16))
    assert_allclose(tiled.embedding, whole.embedding, atol=1e-4)


def test_position_over_scale_is_added_to_the_first_components(tiny_model, full_precision):
    image = noise(20, 30)
    with_position = predict(tiny_model(coordinate_scale=4.0), image).embedding
    without = predict(tiny_model(), image).embedding
    added = with_position - without
    rows, columns = np.indices(image.shape) / 4
    assert_allclose(added, [rows, columns, rows * 0, rows * 0], atol=1e-4)


def test_position_does_not_start_anew_in_each_tile(tiny_model, full_precision):
    image = noise(150, 40)
    model = tiny_model(coordinate_scale=4.0)
    whole = predict(model, image).embedding
    tiled = predict(model, image, tile_shape=(128, 64), halo=(48, 48)).embedding
    assert_allclose(tiled, whole, atol=1e-3)


def test_cosine_vectors_have_length_1(tiny_model):
    emap = predict(tiny_model(space="cosine"), noise(20, 30))
    assert emap.space == "cosine"
    assert_allclose(np.linalg.norm(emap.embedding, axis=0), 1, atol=1e-3)


def test_the_map_carries_the_model_s_margins_and_the_image_s_spacing(tiny_model):
    model = tiny_model(delta_var=0.25, delta_dist=2.0)
    emap = predict(model, noise(20, 30), spacing=(0.5, 0.25))
    assert (emap.delta_var, emap.delta_dist, emap.spacing) == (0.25, 2.0, (0.5, 0.25))


def test_the_model_is_not_changed(tiny_model):
    model = tiny_model()
    model.network.train()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    predict(model, noise(20, 30))
    assert model.network.training
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_progress_rises_from_0_to_1(tiny_model):
    told = []
    predict(tiny_model(), noise(100, 100), tile_shape=(64, 64), halo=(8, 8), progress=told.append)
    assert told == [0, 0.25, 0.5, 0.75, 1]


def test_progress_of_frames_is_one_rise(tiny_model):
    told = []
    list(predict_frames(tiny_model(), noise(2, 16, 16), axes="TYX", progress=told.append))
    assert told == [0, 0.5, 0.5, 1]


@pytest.mark.parametrize("call", [predict_embedding, segment], ids=lambda call: call.__name__)
def test_cancelling_ends_the_work_between_two_tiles(tiny_model, monkeypatch, call):
    run = []
    real = runner_module._Runner._outputs
    monkeypatch.setattr(passes_module, "_TILE", {2: (64, 64)})
    monkeypatch.setattr(runner_module._Runner, "_outputs", lambda *a: run.append(a) or real(*a))

    def stop(fraction):
        if fraction > 0.2:
            raise Cancelled

    arguments = (tiny_model(), noise(200, 200))
    with pytest.raises(Cancelled):
        call(*(arguments if call is predict_embedding else arguments[::-1]), progress=stop)
    assert 0 < len(run) < 25


def test_foreground_alone(tiny_model):
    model, image = tiny_model(), noise(20, 30)
    frame = normalise(image[None], model.config.percentiles)
    assert_array_equal(predict_foreground(model, frame, "cpu"), predict(model, image).foreground)


def test_configuration_s_percentiles_are_used(tiny_model):
    image = noise(20, 30) / 100 + np.linspace(0, 5000, 20, dtype=np.float32)[:, None]
    config = {"percentiles": (20.0, 60.0)}
    assert ModelConfig().percentiles != config["percentiles"]
    other = predict(tiny_model(**config), image).embedding
    assert not np.allclose(other, predict(tiny_model(), image).embedding, atol=1e-3)
