"""Bacteria, rosettes and nuclei in volumes that are drawn to train models on."""

import numpy as np
import pytest
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic import bacteria as bacteria_module
from napari_pixel_embedding.core.datasets.synthetic.bacteria import WIDTHS, bacteria_image
from napari_pixel_embedding.core.datasets.synthetic.colony import grow_colony
from napari_pixel_embedding.core.datasets.synthetic.nuclei3d import nuclei_volume
from napari_pixel_embedding.core.datasets.synthetic.optics import OPTICS, look_at
from napari_pixel_embedding.core.datasets.synthetic.rasterise import Drawing
from napari_pixel_embedding.core.datasets.synthetic.rosettes import SETTINGS, rosette_image

DRAWN = {
    "bacteria": lambda seed: bacteria_image((96, 128), seed),
    "rosette": lambda seed: rosette_image((96, 128), seed),
    "nuclei": lambda seed: nuclei_volume((24, 40, 48), seed),
}


@pytest.fixture(params=DRAWN)
def draw(request):
    return DRAWN[request.param]


def test_labels_are_connected_and_numbered_without_gaps(draw):
    for seed in range(12):
        image, labels = draw(seed)
        assert image.shape[: labels.ndim] == labels.shape
        assert set(np.unique(labels)) | {0} == set(range(int(labels.max()) + 1))
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            assert ndimage.label(labels[box] == number)[1] == 1


def test_a_seed_draws_the_same_image_and_another_seed_another(draw):
    first, again, other = draw(5), draw(5), draw(6)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.labels, other.labels)


def test_most_images_have_objects_that_touch(draw):
    def touch(labels):
        near = ndimage.maximum_filter(labels, 3)
        return bool(((near != labels) & (near > 0) & (labels > 0)).any())

    assert np.mean([touch(draw(seed).labels) for seed in range(20)]) > 0.6


def test_cells_of_a_colony_do_not_overlap_and_lie_close():
    width, length = 8.0, 32.0
    cells = grow_colony(60, width, length, np.random.default_rng(0))
    assert len(cells) >= 60
    assert cells[:, 3].min() >= 0.9 * width
    assert cells[:, 3].max() <= 1.4 * length
    points = np.concatenate([_middle_line(cell, width) for cell in cells])
    owner = np.repeat(np.arange(len(cells)), 9)
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
    apart[owner[:, None] == owner[None]] = np.inf
    nearest = np.array([apart[owner == n].min() for n in range(len(cells))])
    assert np.quantile(nearest, 0.05) > 0.75 * width  # pushed apart
    assert np.median(nearest) < 1.15 * width  # side by side


def _middle_line(cell, width):
    y, x, turn, length = cell
    along = np.linspace(-0.5, 0.5, 9)[:, None] * max(length - width, 0)
    return np.array([y, x]) + along * np.array([np.sin(turn), np.cos(turn)])


def test_widths_are_those_asked_for():
    for width in (5.0, 12.0):
        found = []
        for seed in range(12):
            labels = bacteria_image((160, 160), seed, width).labels
            inside = ndimage.distance_transform_edt(np.pad(labels > 0, 1))
            found.append(2 * np.quantile(inside[inside > 0], 0.97))
        assert 0.6 * width < np.median(found) < 2.2 * width
    assert WIDTHS[0] < WIDTHS[1]


def test_every_arrangement_is_drawn(monkeypatch):
    for number in range(len(bacteria_module._ARRANGEMENTS)):
        shares = np.eye(len(bacteria_module._ARRANGEMENTS))[number]
        monkeypatch.setattr(bacteria_module, "_SHARES", shares)
        assert max(bacteria_image((128, 128), seed).labels.max() for seed in range(4)) > 2


@pytest.mark.parametrize("optics", OPTICS)
def test_cells_differ_from_the_background_as_the_microscope_shows_them(optics):
    y, x = np.mgrid[:64, :64]
    radius = np.minimum(np.abs(y - 32) / 6, 1).astype(np.float32)
    labels = ((radius < 1) & (x > 8) & (x < 56)).astype(np.int32)
    drawing = Drawing(labels, np.where(labels > 0, radius, 1).astype(np.float32))
    differences = []
    for seed in range(8):
        image = look_at(drawing, 12.0, optics, np.random.default_rng(seed)).astype(float)
        far = ndimage.distance_transform_edt(labels == 0) > 12
        differences.append(abs(image[labels > 0].mean() - image[far].mean()) / np.ptp(image))
    assert np.median(differences) > {"bright field": 0.02}.get(optics, 0.12)


def test_the_other_place_draws_other_plants():
    glasshouse, field = SETTINGS["glasshouse"], SETTINGS["field"]
    assert not set(glasshouse.soils) & set(field.soils)
    assert glasshouse.leaves != field.leaves
    first, other = (rosette_image((96, 96), 3, place).image for place in SETTINGS)
    assert not np.array_equal(first, other)


def test_younger_leaves_lie_over_older_ones():
    labels = rosette_image((160, 160), 4).labels
    centre = ndimage.center_of_mass(labels > 0)
    near = [np.hypot(*(np.argwhere(labels == n).mean(0) - centre)) for n in (1, labels.max())]
    assert near[0] > near[1]


def test_stacks_of_planes_far_apart_are_as_large_as_asked_for():
    for seed in range(10):
        assert nuclei_volume((17, 30, 33), seed).image.shape == (17, 30, 33)
