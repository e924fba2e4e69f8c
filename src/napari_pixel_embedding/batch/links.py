"""Links between objects of blocks: from ids within a block to numbers within the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.batch import payloads
from napari_pixel_embedding.batch.summary import Seam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.stages.merge import IdTable, Numbering
    from napari_pixel_embedding.core.runs.record_log import RecordIndex

_Unclear = tuple["NDArray[np.int64]", "NDArray[np.float64]", "NDArray[np.float64]"]
"""Blocks and ids of pairs, (N, 4), their intersections over union, and where they are."""


def read_links(
    edges: RecordIndex, numbering: Numbering
) -> tuple[NDArray[np.uint64], list[_Unclear]]:
    """Return the numbers of linked objects, (N, 2), and the pairs of which one cannot tell."""
    links, unclear = [np.zeros((0, 2), np.uint64)], []
    for key in range(len(edges.entries)):
        found: Any = payloads.unpack(edges.payload(key))
        links.append(numbering.numbers(found["links"]))
        if len(found["seams"]):
            unclear.append((found["seams"], found["iou"], found["places"]))
    return np.concatenate(links), unclear


def seams_of(
    unclear: Sequence[_Unclear],
    numbering: Numbering,
    table: IdTable,
    image: str,
    blocks_per_frame: int,
) -> list[Seam]:
    """Return pairs of which one cannot tell, with the ids that they have in the label image."""
    seams = []
    for pairs, iou, places in unclear:
        numbers = numbering.numbers(pairs)
        visible = (numbers < numbering.starts[-1]).all(axis=1)  # others are yet another block's
        for pair, labels, agreement, place in zip(
            pairs[visible],
            table.final(numbers[visible].ravel()).reshape(-1, 2).tolist(),
            iou[visible].tolist(),
            places[visible],
            strict=True,
        ):
            frame = int(pair[0]) // blocks_per_frame
            where = tuple(np.round(place, 1).tolist())
            seams.append(Seam(image, frame, where, (labels[0], labels[1]), agreement))
    return seams
