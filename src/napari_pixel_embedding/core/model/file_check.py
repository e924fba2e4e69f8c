"""A check of a model file that loads neither torch nor weights: for the moment it is chosen.

Loading checks everything, see :func:`~.model_file.load_model`; this finds what can be found in
milliseconds: a file that is cut off, and weights of another network than its configuration says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.model.config import (
    ModelFileError,
    damaged,
    find_model,
    read_config,
)
from napari_pixel_embedding.core.model.declaration import SUFFIX as ONNX
from napari_pixel_embedding.core.model.declaration import declared_config

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from napari_pixel_embedding.core.model.config import ModelConfig

    Shapes = dict[str, tuple[int, ...]]


def check_model_file(name_or_path: str | os.PathLike[str]) -> ModelConfig:
    """Check a bundled model or a model file, and return its configuration.

    Of an ONNX file only its declaration is read: the rest is checked when it is loaded.

    Raises
    ------
    ModelFileError
        When there is no such file, or it cannot be read, is pickled, damaged, cut off, of another
        program or version, or holds another network than it says.
    """
    path = find_model(name_or_path)
    if path.suffix == ONNX:
        return declared_config(path)
    try:
        config = read_config(path)
        stored = _stored_shapes(path)
    except OSError as error:
        raise ModelFileError(
            f"{path.name} cannot be read: {error.strerror or error}. Choose another model, or "
            "copy it to a place that you may read."
        ) from error
    expected = end_shapes(config)
    wrong = [name for name, shape in expected.items() if stored.get(name) != shape]
    deeper = f"backbone.encoder.{config.depth + 1}.0.weight"
    wrong += [deeper] if deeper in stored else []
    if wrong:
        raise damaged(path, f"weights that do not fit its architecture, first {wrong[0]!r}")
    return config


def _stored_shapes(path: Path) -> Shapes:
    """Return the shape of each tensor; the file must be as long as its header says."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except SafetensorError as error:
        raise damaged(path, str(error)) from error


def end_shapes(config: ModelConfig) -> Shapes:
    """Return the shapes of a configured network's first, deepest and last kernels, by name.

    They depend on each size in the configuration, so that another network differs in one of them.
    """
    width, ndim, stride = config.base_width, config.ndim, config.stem_stride
    kernel, deepest = (3,) * ndim, width * 2**config.depth
    image = config.in_channels if stride == 1 else width
    shapes: Shapes = {} if stride == 1 else {"stem.0.weight": (width, config.in_channels, *kernel)}
    inputs = {"backbone": image}
    if config.architecture == "wnet":
        inputs = {"backbone": image + width, "distance_backbone": image}
    for part, channels in inputs.items():
        shapes[f"{part}.encoder.0.0.weight"] = (width, channels, *kernel)
        shapes[f"{part}.encoder.{config.depth}.0.weight"] = (deepest, deepest // 2, *kernel)
        shapes[f"{part}.up.{config.depth - 1}.weight"] = (deepest, deepest // 2, *(2,) * ndim)
    for head, count in (("embedding", config.embedding_dim), ("foreground", 1), ("distance", 1)):
        ends = (count, width) if stride == 1 else (width, count)
        shapes[f"{head}.3.weight"] = (*ends, *(stride,) * ndim)
    return shapes
