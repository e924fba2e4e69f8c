"""Sample images: bundled real ones and synthetic ones.

Each bundled sample is a small real image and a label image (0 is background). The origin, licence
and citation of each are in `sample_data/README.md`, which is bundled too. Synthetic ("drawn")
samples are bundled as files as well, because drawing them takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic import Kind, SyntheticImage
    from napari_pixel_embedding.core.io.images import ImageData


@dataclass(frozen=True)
class Sample:
    """One bundled sample.

    Parameters
    ----------
    name : str
        Name of the sample and stem of its two files.
    title : str
        Title in menus.
    ground_truth : bool
        False where the labels were made by software: for display, not for evaluation.
    """

    name: str
    title: str
    ground_truth: bool = True


SAMPLES = (
    Sample("nuclei-field", "Nuclei, touching (2-D)"),
    Sample("nuclei-small", "Nuclei, small (2-D)"),
    Sample("nuclei-large", "Nuclei, large (2-D)"),
    Sample("phase-contrast", "Cells in phase contrast (2-D)"),
    Sample("embryo-3d", "Mouse embryo nuclei (3-D)"),
    Sample("nuclei-timelapse", "Nuclei in a scratch assay (2-D + time)", ground_truth=False),
)


@dataclass(frozen=True)
class DrawnSample:
    """A sample that is drawn by :func:`~.synthetic.synthetic_image`.

    Parameters
    ----------
    name, title : str
        As in :class:`Sample`.
    kind, shape, diameter, color
        As for :func:`~.synthetic.synthetic_image` and its configuration.
    """

    name: str
    title: str
    kind: Kind
    shape: tuple[int, ...]
    diameter: float
    color: bool = False


DRAWN_SAMPLES = (
    DrawnSample("leaves-drawn", "Leaf rosettes, drawn (2-D)", "rosette", (320, 320), 56.0, True),
    DrawnSample("bacteria-drawn", "Bacteria, drawn (2-D)", "bacteria", (480, 480), 22.0),
)


def list_samples() -> list[str]:
    """Return the names of the bundled samples.

    Examples
    --------
    >>> "nuclei-field" in list_samples()
    True
    """
    return [sample.name for sample in SAMPLES]


def get_sample(name: str) -> Sample:
    """Return the bundled sample called `name`.

    Raises
    ------
    ValueError
        No sample has this name.
    """
    for sample in SAMPLES:
        if sample.name == name:
            return sample
    raise ValueError(
        f"expected the name of a bundled sample, found {name!r}; choose one of {list_samples()}"
    )


def samples_folder() -> Path:
    """Return the folder with `images/` and `masks/`, in the installed package or in a checkout.

    Raises
    ------
    FileNotFoundError
        Neither has it; the installation is incomplete.
    """
    package = Path(__file__).parents[2]
    for folder in (package / "sample_data", package.parents[1] / "sample_data"):
        if (folder / "images").is_dir():
            return folder
    raise FileNotFoundError(
        f"expected the folder sample_data in {package} or at the top of a checkout, found neither; "
        "install napari-pixel-embedding again"
    )


def sample_paths(name: str) -> tuple[Path, Path]:
    """Return the paths of a sample's image and label image.

    Raises
    ------
    ValueError
        No sample has this name.
    FileNotFoundError
        The installation has no sample folder.

    Examples
    --------
    >>> image, mask = sample_paths("embryo-3d")
    >>> image.name, mask.parent.name
    ('embryo-3d.tif', 'masks')
    """
    file, folder = f"{get_sample(name).name}.tif", samples_folder()
    return folder / "images" / file, folder / "masks" / file


def load_sample(name: str) -> tuple[ImageData, NDArray[np.integer]]:
    """Load a bundled sample.

    Parameters
    ----------
    name : str
        One of `list_samples()`.

    Returns
    -------
    image : ImageData
        The image with its axes (`YX`, `ZYX` or `TYX`) and, where known, its pixel size.
    labels : ndarray of uint16
        Label image of the same shape, 0 is background.

    Raises
    ------
    ValueError
        No sample has this name.
    FileNotFoundError
        The installation has no sample folder.

    Examples
    --------
    >>> image, labels = load_sample("nuclei-field")
    >>> image.axes, image.data.shape, int(labels.max())
    ('YX', (520, 696), 119)
    """
    from napari_pixel_embedding.core.io.images import read_image, read_labels

    image_path, mask_path = sample_paths(name)
    return read_image(image_path), read_labels(mask_path).data


def load_drawn_sample(name: str) -> SyntheticImage:
    """Load one of the `DRAWN_SAMPLES` from its files, as :func:`draw_sample` draws it.

    Raises
    ------
    ValueError
        No drawn sample has this name.
    FileNotFoundError
        The installation has no sample folder.

    Examples
    --------
    >>> image, labels = load_drawn_sample("bacteria-drawn")
    >>> image.shape, labels.shape
    ((480, 480), (480, 480))
    """
    from napari_pixel_embedding.core.datasets.synthetic import SyntheticImage
    from napari_pixel_embedding.core.io.images import read_image, read_labels

    folder, file = samples_folder() / "drawn", f"{_drawn(name).name}.tif"
    image, labels = read_image(folder / "images" / file), read_labels(folder / "masks" / file)
    return SyntheticImage(image.data, labels.data)


def draw_sample(name: str) -> SyntheticImage:
    """Draw one of the `DRAWN_SAMPLES`, always the same image.

    Raises
    ------
    ValueError
        No drawn sample has this name.

    Examples
    --------
    >>> image, labels = draw_sample("leaves-drawn")
    >>> image.shape, labels.shape
    ((320, 320, 3), (320, 320))
    """
    from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image

    sample = _drawn(name)
    config = SyntheticConfig(diameter=sample.diameter, color=sample.color)
    return synthetic_image(sample.kind, sample.shape, seed=1, config=config)


def _drawn(name: str) -> DrawnSample:
    for sample in DRAWN_SAMPLES:
        if sample.name == name:
            return sample
    names = [sample.name for sample in DRAWN_SAMPLES]
    raise ValueError(f"expected the name of a drawn sample, found {name!r}; choose one of {names}")
