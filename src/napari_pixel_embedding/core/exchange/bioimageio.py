"""Models as BioImage.IO packages: a zip file that other programs of that collection take.

The package holds the network as ONNX for them, and the model file itself for this program; what the
output's channels mean stands under ``config``. See https://bioimage.io and the specification 0.5.
"""

from __future__ import annotations

import contextlib
import gc
import re
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.embedding.colors import embedding_to_rgb
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.leftovers import PREFIX
from napari_pixel_embedding.core.model.card import card_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

WEIGHTS = "model.safetensors"
"""Name of the model file in a package."""
CONFIG_KEY = "napari_pixel_embedding"
"""Entry of ``config`` that says what the output's channels mean."""
DEVELOPERS = "napari-pixel-embedding developers"
_SMALLEST = {2: 192, 3: 48}
"""Side of the test image in pixels at least."""
_EPS = 1e-6
_CITED = (
    (
        "De Brabandere, Neven and Van Gool, Semantic instance segmentation with a discriminative "
        "loss function, CVPR workshops 2017",
        "10.48550/arXiv.1708.02551",
    ),
    (
        "Chen, Strauch and Merhof, Instance segmentation of biomedical images with an object-aware "
        "embedding learned with local constraints, MICCAI 2019",
        "10.48550/arXiv.2004.09821",
    ),
    (
        "Wu, Chen and Merhof, Improving pixel embedding learning through intermediate distance "
        "regression supervision for instance segmentation, ECCV workshops 2020",
        "10.48550/arXiv.2007.06660",
    ),
)


def export_bioimageio(
    model: EmbeddingModel,
    path: str | os.PathLike[str],
    *,
    authors: Sequence[str] = (DEVELOPERS,),
    licence: str | None = None,
    image: NDArray[Any] | None = None,
) -> Path:
    """Write a model as a BioImage.IO package that ``bioimageio.core.test_model`` passes.

    Preprocessing is declared as percentile scaling of each channel, cut to −1 … 3. A run in this
    program also leaves out padding and sentinels and looks at noise, which the specification
    cannot express.

    Parameters
    ----------
    model : EmbeddingModel
        Any model of this program.
    path : path
        The ``.zip`` file to write; the suffix is added when it has none.
    authors : sequence of str
        Names of those who made the model.
    licence : str, optional
        SPDX name; by default the model's own.
    image : array, shape (C, [Z,] Y, X), optional
        Test image, sides multiples of the network's stride; drawn discs by default.

    Returns
    -------
    Path
        Where the package was written.

    Raises
    ------
    ValueError
        When the model has no network of ours or no licence, the image does not fit, or the
        packages of the extra ``bioimageio`` are missing.

    Examples
    --------
    >>> from napari_pixel_embedding import export_bioimageio, load_model
    >>> export_bioimageio(load_model("nuclei-fluo"), "nuclei-fluo.zip")  # doctest: +SKIP
    PosixPath('nuclei-fluo.zip')
    """
    spec = needed("bioimageio.spec", "BioImage.IO packages", "bioimageio")
    config, target = model.config, _zip_path(path)
    licence = licence or config.licence
    if config.untrainable:
        raise ValueError(f"{model.name} cannot be exported. {config.untrainable}")
    if not licence:
        raise ValueError(
            f"the model {model.name!r} does not say its licence, without which nobody may use it: "
            "give one, such as CC-BY-4.0."
        )
    image = _check_image(config, _drawn_image(config) if image is None else image)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _quiet():
        folder = Path(name)
        _write_files(model, image, folder)
        spec.save_bioimageio_package(
            _describe(config, folder, authors, licence), output_path=folder / "package.zip"
        )
        content = (folder / "package.zip").read_bytes()
    with open_atomically(target) as file:
        file.write(content)
    return target


def _zip_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in ("", ".zip"):
        raise ValueError(
            f"a package is written as .zip, found the suffix {path.suffix!r}: "
            f"name it {path.stem}.zip."
        )
    return path.with_suffix(".zip")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's log, and close the files that it leaves open.

    The log goes to stderr by default. Files that are open cannot be deleted on Windows.
    """
    logger = needed("loguru", "BioImage.IO packages", "bioimageio").logger
    logger.disable("bioimageio")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
            gc.collect()
    finally:
        logger.enable("bioimageio")


# -------------------------------------------------------------------------------------- files


def _write_files(model: EmbeddingModel, image: NDArray[np.float32], folder: Path) -> None:
    """Write weights, test tensors, cover and card."""
    import torch

    from napari_pixel_embedding.core.exchange.onnx_export import joined_outputs, write_onnx
    from napari_pixel_embedding.core.model.model_file import save_model

    write_onnx(model, folder / "network.onnx")
    save_model(model, folder / WEIGHTS)
    seen = _preprocessed(model.config, image)
    with torch.inference_mode():
        maps = joined_outputs(model)(torch.from_numpy(seen)[None]).numpy()
    np.save(folder / "test_input.npy", image[None])
    np.save(folder / "test_output.npy", maps)
    _write_cover(model.config, seen, maps[0], folder / "cover.png")
    (folder / "card.md").write_text(card_text(model.config), encoding="utf-8")


def _preprocessed(config: ModelConfig, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale an image (C, [Z,] Y, X) as the package's preprocessing does."""
    axes = tuple(range(1, image.ndim))
    low, high = np.percentile(image, config.percentiles, axis=axes, keepdims=True)
    scaled: NDArray[np.float32] = ((image - low) / (high - low + _EPS)).astype(np.float32)
    return scaled.clip(-1, 3)


def _write_cover(
    config: ModelConfig, seen: NDArray[np.float32], maps: NDArray[np.float32], path: Path
) -> None:
    """Write a picture of twice its height in width: the image, and its embedding in colours."""
    import imageio.v3 as iio

    emap = EmbeddingMap(maps[:-2], maps[-2], space=config.space, delta_var=config.delta_var)
    colors = embedding_to_rgb(emap)
    grey = np.repeat(seen[:1].clip(0, 1)[..., None], 3, axis=-1)[0]
    if config.ndim == 3:
        colors, grey = colors[len(colors) // 2], grey[len(grey) // 2]
    side = min(grey.shape[:2])
    both = np.concatenate([grey[:side, :side] * 255, colors[:side, :side]], axis=1)
    iio.imwrite(path, both.astype(np.uint8), plugin="pillow")


def _drawn_image(config: ModelConfig) -> NDArray[np.float32]:
    """Draw discs (balls) of the model's object diameter, blurred and with noise."""
    from scipy import ndimage

    rng, stride = np.random.default_rng(0), config.stride
    side = -(-max(_SMALLEST[config.ndim], 2 * stride) // stride) * stride
    shape, radius = (side,) * config.ndim, (config.object_diameter or 20) / 2
    spots = np.ones(shape, bool)
    for place in rng.uniform(0, side, (max(int(side / radius / 2) ** config.ndim // 3, 3), 3)):
        spots[tuple(place[: config.ndim].astype(int))] = False
    discs = (ndimage.distance_transform_edt(spots) < radius).astype(np.float32)
    drawn = 300 + 2000 * ndimage.gaussian_filter(discs, 1.0)
    channels = [rng.poisson(drawn) for _ in range(config.in_channels)]
    return np.stack(channels).astype(np.float32)


def _check_image(config: ModelConfig, image: NDArray[Any]) -> NDArray[np.float32]:
    sides = image.shape[1:]
    fits = image.ndim == config.ndim + 1 and len(image) == config.in_channels
    if not fits or any(n % config.stride or n < 2 * config.stride for n in sides):
        raise ValueError(
            f"the test image must have {config.in_channels} channels along its first axis, then "
            f"{config.axes} with sides of at least {2 * config.stride} pixels in multiples of "
            f"{config.stride}, found the shape {image.shape}."
        )
    return np.ascontiguousarray(image, np.float32)


# -------------------------------------------------------------------------------- description


def _describe(
    config: ModelConfig,
    folder: Path,
    authors: Sequence[str],
    licence: str,
) -> Any:
    v0_5 = needed("bioimageio.spec.model.v0_5", "BioImage.IO packages", "bioimageio")

    def file(name: str) -> Any:
        return v0_5.FileDescr(source=folder / name)

    weights = v0_5.OnnxWeightsDescr(source=folder / "network.onnx", opset_version=18)
    return v0_5.ModelDescr(
        name=_plain_name(config.name),
        description=(config.description.strip() or f"Pixel embeddings: {config.name}")[:512],
        authors=[v0_5.Author(name=name) for name in authors],
        cite=[v0_5.CiteEntry(text=text, doi=v0_5.Doi(doi)) for text, doi in _CITED],
        license=_licence(v0_5, licence, folder),
        tags=["instance-segmentation", "pixel-embedding", f"{config.ndim}d", "unet"],
        documentation=file("card.md"),
        covers=[file("cover.png")],
        attachments=[file(WEIGHTS)],
        inputs=[_input(v0_5, config, file("test_input.npy"))],
        outputs=[_output(v0_5, config, file("test_output.npy"))],
        weights=v0_5.WeightsDescr(onnx=weights),
        config=v0_5.Config(**{CONFIG_KEY: _decoder(config)}),
    )


def _plain_name(name: str) -> str:
    """Return a name of the letters that the specification allows."""
    plain = re.sub(r"[^A-Za-z0-9_+\- ()]", "-", name)[:64]
    return plain if len(plain) >= 5 else f"model {plain}"


def _licence(v0_5: Any, licence: str, folder: Path) -> Any:
    """Return one licence by its SPDX name; an expression of several as a file."""
    with contextlib.suppress(ValueError):
        return v0_5.LicenseId(licence)
    (folder / "LICENCE.txt").write_text(f"SPDX-License-Identifier: {licence}\n", encoding="utf-8")
    return v0_5.FileDescr(source=folder / "LICENCE.txt")


def _input(v0_5: Any, config: ModelConfig, test: Any) -> Any:
    size = v0_5.ParameterizedSize(min=2 * config.stride, step=config.stride)
    names = [f"channel{n}" for n in range(config.in_channels)]
    low, high = config.percentiles
    axes = list(config.axes.lower())
    scale = v0_5.ScaleRangeKwargs(min_percentile=low, max_percentile=high, axes=axes, eps=_EPS)
    return v0_5.InputTensorDescr(
        id=v0_5.TensorId("image"),
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=names),
            *(v0_5.SpaceInputAxis(id=v0_5.AxisId(axis), size=size) for axis in axes),
        ],
        test_tensor=test,
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        preprocessing=[
            v0_5.ScaleRangeDescr(kwargs=scale),
            v0_5.ClipDescr(kwargs=v0_5.ClipKwargs(min=-1.0, max=3.0)),
        ],
    )


def _output(v0_5: Any, config: ModelConfig, test: Any) -> Any:
    names = [f"embedding{n}" for n in range(config.embedding_dim)]

    def size(axis: str) -> Any:
        return v0_5.SizeReference(tensor_id="image", axis_id=axis)

    return v0_5.OutputTensorDescr(
        id=v0_5.TensorId("maps"),
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=[*names, "foreground", "distance"]),
            *(
                v0_5.SpaceOutputAxis(id=v0_5.AxisId(axis), size=size(axis))
                for axis in config.axes.lower()
            ),
        ],
        test_tensor=test,
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
    )


def _decoder(config: ModelConfig) -> dict[str, Any]:
    """Return what the output's channels mean, and with what they are clustered."""
    return {
        "weights": WEIGHTS,
        "embedding": list(range(config.embedding_dim)),
        "foreground": config.embedding_dim,
        "foreground_is": "probability",
        "distance": config.embedding_dim + 1,
        "coordinate_scale": config.coordinate_scale,
        "pull_window": config.pull_window,
        "space": config.space,
        "delta_var": config.delta_var,
        "delta_dist": config.delta_dist,
        "object_diameter": config.object_diameter,
        "cluster": {"method": "connected mean shift", **asdict(config.cluster_params())},
    }
