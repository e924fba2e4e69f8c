"""Results of stages as bytes: safetensors, packed. Nothing in them is a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
from safetensors.numpy import load, save

from napari_pixel_embedding.batch.stages.measure import PartialSums
from napari_pixel_embedding.batch.stages.segment import BlockLabels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LEVEL = 1


def pack(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Return arrays as bytes."""
    plain = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    return bytes(imagecodecs.zstd_encode(plain, _LEVEL))


def unpack(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that :func:`pack` was given."""
    found: dict[str, NDArray[np.generic]] = load(bytes(imagecodecs.zstd_decode(content)))
    return found


def pack_labels(found: BlockLabels) -> bytes:
    """Return the labels of a block as bytes."""
    return pack(
        {"labels": found.labels, "cut_off": found.cut_off, "all": np.array([found.all], np.int64)}
    )


def unpack_labels(content: bytes, own: int) -> BlockLabels:
    """Return the labels of a block with ``own`` objects of its own."""
    arrays = unpack(content)
    labels = arrays["labels"].astype(np.uint32, copy=False)
    cut_off = arrays["cut_off"].astype(np.uint32, copy=False)
    return BlockLabels(labels, own, int(arrays["all"][0]), cut_off)


def pack_sums(sums: PartialSums) -> bytes:
    """Return the sums of a block as bytes."""
    return pack(sums.arrays)


def unpack_sums(content: bytes) -> PartialSums:
    """Return the sums of a block."""
    return PartialSums(unpack(content))
