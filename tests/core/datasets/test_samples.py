"""The bundled samples are there, complete, and what they say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_pixel_embedding.core.datasets import samples
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.samples import (
    DRAWN_SAMPLES,
    draw_sample,
    get_sample,
    list_samples,
    load_drawn_sample,
    load_sample,
    sample_paths,
    samples_folder,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_folder_holds_exactly_the_listed_samples() -> None:
    assert {pair.image.stem for pair in find_pairs(samples_folder())} == set(list_samples())


@pytest.mark.parametrize("name", list_samples())
def test_sample_is_an_image_with_a_label_image(name: str) -> None:
    image, labels = load_sample(name)
    assert image.name == name
    assert image.data.shape == labels.shape
    assert len(image.axes or "") == image.data.ndim
    assert np.ptp(image.data) > 0
    assert labels.dtype == np.uint16
    ids = np.unique(labels)
    assert (ids == np.arange(len(ids))).all()


@pytest.mark.parametrize(
    ("name", "axes", "scale", "units", "objects"),
    [
        ("nuclei-field", "YX", None, None, 119),
        ("nuclei-small", "YX", None, None, 76),
        ("nuclei-large", "YX", None, None, 26),
        ("phase-contrast", "YX", None, None, 47),
        ("embryo-3d", "ZYX", (2.18, 1.0, 1.0), None, 8),
        ("nuclei-timelapse", "TYX", (0.619, 0.619), "µm", 94),
    ],
)
def test_sample_knows_its_axes_and_pixel_size(
    name: str, axes: str, scale: tuple[float, ...] | None, units: str | None, objects: int
) -> None:
    image, labels = load_sample(name)
    assert (image.axes, image.scale, image.units) == (axes, scale, units)
    assert labels.max() == objects


def test_readme_names_every_sample_and_its_licence() -> None:
    text = (samples_folder() / "README.md").read_text(encoding="utf-8")
    for name in list_samples():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        assert row.rstrip(" |").endswith(("CC0 1.0", "MIT", "BSD-3-Clause"))


def test_only_the_time_lapse_has_labels_made_by_software() -> None:
    assert [s.name for s in samples.SAMPLES if not s.ground_truth] == ["nuclei-timelapse"]


def test_samples_are_small() -> None:
    sizes = [path.stat().st_size for name in list_samples() for path in sample_paths(name)]
    assert sum(sizes) < 3_000_000


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"found 'nuclei-fild'; choose one of \['nuclei-field'"):
        get_sample("nuclei-fild")


def test_folder_inside_the_package_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "package"
    (installed / "sample_data" / "images").mkdir(parents=True)
    monkeypatch.setattr(samples, "__file__", str(installed / "core" / "datasets" / "samples.py"))
    assert samples_folder() == installed / "sample_data"


def test_missing_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        samples, "__file__", str(tmp_path / "a" / "b" / "core" / "datasets" / "samples.py")
    )
    with pytest.raises(FileNotFoundError, match="install napari-pixel-embedding again"):
        samples_folder()


@pytest.mark.parametrize("sample", DRAWN_SAMPLES, ids=lambda sample: sample.name)
def test_drawn_sample_has_objects_of_its_size(sample: samples.DrawnSample) -> None:
    image, labels = draw_sample(sample.name)
    assert labels.shape == sample.shape
    assert image.shape == ((*sample.shape, 3) if sample.color else sample.shape)
    areas = np.bincount(labels.ravel())[1:]
    assert 2 * np.sqrt(np.median(areas) / np.pi) == pytest.approx(sample.diameter, rel=0.25)


def test_unknown_drawn_sample_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"found 'leaves'; choose one of \['leaves-drawn'"):
        draw_sample("leaves")


@pytest.mark.parametrize("sample", DRAWN_SAMPLES, ids=lambda sample: sample.name)
def test_a_drawn_sample_is_bundled_as_it_is_drawn(sample: samples.DrawnSample) -> None:
    bundled, drawn = load_drawn_sample(sample.name), draw_sample(sample.name)
    np.testing.assert_array_equal(bundled.labels, drawn.labels)
    # other versions of numpy and scipy round a grey level in 200,000 the other way
    np.testing.assert_allclose(bundled.image.astype(int), drawn.image.astype(int), rtol=0, atol=1)
    for folder in ("images", "masks"):
        path = samples_folder() / "drawn" / folder / f"{sample.name}.tif"
        assert path.stat().st_size <= 200_000


def test_unknown_drawn_file_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"found 'leaves'; choose one of \['leaves-drawn'"):
        load_drawn_sample("leaves")
