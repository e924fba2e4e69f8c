"""What a folder of pairs holds, and what in it cannot be learnt from."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.core.datasets.inspection import inspect_dataset
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.progress import Cancelled


def write(folder, name, image, mask, **metadata):
    for kind, array in (("images", image), ("masks", mask)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        if array is not None:
            tifffile.imwrite(folder / kind / f"{name}.tif", array, **metadata)


def squares(*shape):
    """Label image with two squares, of 4 and of 16 pixels, in every plane."""
    mask = np.zeros(shape, np.uint16)
    mask[..., 1:3, 1:3], mask[..., 5:9, 5:9] = 3, 9
    return mask


@pytest.fixture
def folder(tmp_path):
    """Six good pairs of 12 × 14 pixels."""
    for n in range(6):
        write(tmp_path / "d", f"a{n}", np.full((12, 14), n, np.uint8), squares(12, 14))
    return tmp_path / "d"


def names(pairs):
    return [pair.image.stem for pair in pairs]


def test_pairs_are_split_and_their_objects_are_counted(folder):
    plan = inspect_dataset(folder)
    assert names(plan.split.validation) == ["a0"]
    assert names(plan.split.train) == ["a1", "a2", "a3", "a4", "a5"]
    assert (plan.bad, plan.axes, plan.channels) == ((), "YX", 1)
    assert plan.objects == 10
    assert plan.median_diameter == pytest.approx(2 * np.sqrt(10 / np.pi))


def test_another_folder_can_validate_and_names_can_choose(folder, tmp_path):
    write(tmp_path / "dev", "a1", np.zeros((9, 10), np.uint8), squares(9, 10))
    write(tmp_path / "dev", "z", np.zeros((9, 10), np.uint8), squares(9, 10))
    plan = inspect_dataset(folder, tmp_path / "dev")
    assert (len(plan.split.train), names(plan.split.validation)) == (6, ["a1", "z"])
    plan = inspect_dataset(folder, tmp_path / "dev", names=["a1", "a2"])
    assert (names(plan.split.train), names(plan.split.validation)) == (["a1", "a2"], ["a1"])
    assert inspect_dataset(folder, hold_back=0).split.validation == []
    assert names(inspect_dataset(folder, hold_back=2).split.validation) == ["a0", "a2", "a4"]


def test_what_cannot_be_learnt_from_is_left_out_and_named(folder):
    write(folder, "b_alone", np.zeros((12, 14), np.uint8), None)
    write(folder, "c_alone", None, squares(12, 14))
    write(folder, "d_size", np.zeros((12, 14), np.uint8), squares(14, 12))
    write(folder, "e_stack", np.zeros((2, 5, 12, 14), np.uint8), squares(12, 14))
    write(folder, "f_mask", np.zeros((12, 14), np.uint8), np.full((12, 14), 0.5, np.float32))
    write(folder, "g_broken", None, squares(12, 14))
    (folder / "images" / "g_broken.tif").write_bytes(b"no image")
    plan = inspect_dataset(folder, hold_back=0)
    assert names(plan.split.train) == [f"a{n}" for n in range(6)]
    why = {bad.name: bad.why for bad in plan.bad}
    assert sorted(why) == [f"{n}.tif" for n in sorted(why_expected)]
    for name, text in why_expected.items():
        assert text in why[f"{name}.tif"]


why_expected = {
    "b_alone": "there is no mask of this name",
    "c_alone": "there is no image of this name",
    "d_size": "its mask has other pixels, (14, 12), than the image, (12, 14)",
    "e_stack": "cannot be told from its shape",
    "f_mask": "must be a label image of whole numbers",
    "g_broken": "could not be read as TIF",
}


def test_images_have_to_fit_the_model_that_goes_on_learning(folder):
    with pytest.raises(ValueError, match=r"found none; a0\.tif: .*takes 2 channels, found 5"):
        for path in (folder / "images").iterdir():
            tifffile.imwrite(path, np.zeros((5, 12, 14), np.uint8), metadata={"axes": "CYX"})
        inspect_dataset(folder, start=ModelConfig(in_channels=2))


def test_grey_images_fit_a_model_of_one_channel(folder):
    assert len(inspect_dataset(folder, start=ModelConfig()).split.train) == 5


def test_most_images_decide_about_the_channels(folder):
    for n in range(7):
        write(folder, f"rgb{n}", np.zeros((12, 14, 3), np.uint8), squares(12, 14))
    write(folder, "z", np.zeros((5, 12, 14), np.uint8), squares(12, 14))
    plan = inspect_dataset(folder, hold_back=0)
    assert (plan.channels, len(plan.split.train)) == (3, 13)  # grey fits a model of colours
    assert [bad.name for bad in plan.bad] == ["z.tif"]


def test_volumes_have_balls_and_frames_are_counted_one_by_one(tmp_path):
    cube = np.zeros((6, 12, 12), np.uint16)
    cube[1:5, 2:6, 3:7] = 1
    write(tmp_path / "zyx", "v", np.zeros(cube.shape, np.uint8), cube, metadata={"axes": "ZYX"})
    plan = inspect_dataset(tmp_path / "zyx")
    assert (plan.axes, plan.objects) == ("ZYX", 1)
    assert plan.median_diameter == pytest.approx(2 * (64 * 3 / (4 * np.pi)) ** (1 / 3))
    film, ome = squares(3, 12, 12), {"ome": True, "metadata": {"axes": "TYX"}}
    write(tmp_path / "tyx", "f", np.zeros(film.shape, np.uint8), film, **ome)
    plan = inspect_dataset(tmp_path / "tyx")
    assert (plan.axes, plan.objects) == ("YX", 6)


def test_images_without_objects_are_no_hindrance(folder):
    write(folder, "a9", np.zeros((12, 14), np.uint8), np.zeros((12, 14), np.uint16))
    assert len(inspect_dataset(folder, hold_back=0).split.train) == 7
    empty = inspect_dataset(folder, names=["a9"])
    assert (empty.objects, empty.median_diameter) == (0, None)


def test_a_wrong_folder_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="'images' and no 'masks'"):
        inspect_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="none of the 1 names asked for"):
        inspect_dataset(folder, names=["zz"])


def test_looking_can_be_followed_and_stopped(folder):
    seen = []
    inspect_dataset(folder, progress=seen.append)
    assert seen == pytest.approx([n / 6 for n in range(1, 7)])

    def stop(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        inspect_dataset(folder, progress=stop)


def test_binary_masks_are_asked_about_and_counted_when_split(folder):
    for n in range(6):
        write(
            folder, f"a{n}", np.full((12, 14), n, np.uint8), (squares(12, 14) > 0) * np.uint8(255)
        )
    plan = inspect_dataset(folder)
    assert plan.unseparated == (
        "a0.tif has one id in 2 separate pieces (6 of 6 files are like this): a binary mask?"
    )
    split, kept = (inspect_dataset(folder, split_masks=how) for how in (True, False))
    assert (split.unseparated, split.objects, split.validation_objects) == ("", 10, 2)
    assert split.median_diameter == pytest.approx(2 * np.sqrt(10 / np.pi))
    assert (kept.unseparated, kept.objects, kept.validation_objects) == ("", 5, 1)


def test_a_validation_set_without_objects_is_counted(folder):
    write(folder, "a0", np.zeros((12, 14), np.uint8), np.zeros((12, 14), np.uint16))
    assert inspect_dataset(folder).validation_objects == 0
