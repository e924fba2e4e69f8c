"""What an ONNX file says of its input and outputs, for the form that declares the rest."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.io.files import read_whole
from napari_pixel_embedding.core.model.declaration import MAX_NETWORK_BYTES

if TYPE_CHECKING:
    import os


class NetworkShapes(NamedTuple):
    """Sizes that are fixed in a network's file; None where the file does not say.

    Parameters
    ----------
    ndim : int
        Number of spatial axes.
    in_channels, channels : int, optional
        Channels of the input, and of all outputs together.
    """

    ndim: int
    in_channels: int | None
    channels: int | None


def read_shapes(path: str | os.PathLike[str]) -> NetworkShapes | None:
    """Read the sizes; None where the file or the package ``onnx`` cannot be read.

    No other file is opened, and nothing is run.
    """
    path = Path(path)
    try:
        model = importlib.import_module("onnx").ModelProto()
        model.ParseFromString(read_whole(path, MAX_NETWORK_BYTES))
        image = _sizes(model.graph.input[0])
        outputs = [_sizes(one) for one in model.graph.output]
    except Exception:  # loading tells what is wrong with it
        return None
    ndim = len(image) - 2
    if ndim not in (2, 3):
        return None
    counts = [_count(sizes, ndim) for sizes in outputs]
    known = [count for count in counts if count is not None]
    total = sum(known) if len(known) == len(counts) and known else None
    return NetworkShapes(ndim, image[1], total)


def _sizes(value: Any) -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]


def _count(sizes: list[int | None], ndim: int) -> int | None:
    """Return the number of channels of an output; 1 where it has no axis for them."""
    if len(sizes) == ndim + 1:
        return 1
    return sizes[1] if len(sizes) == ndim + 2 else 0
