"""The table of parts that are added is that of whole objects."""

import numpy as np
import pytest

from napari_pixel_embedding.batch.payloads import pack_sums, unpack_sums
from napari_pixel_embedding.batch.stages.measure import added, sum_block, table_columns
from napari_pixel_embedding.core.blockwise.block_plan import Layout, plan_blocks
from napari_pixel_embedding.core.measurement.measure import measure_objects

from .test_stitching import discs


@pytest.mark.parametrize(
    ("shape", "side", "spacing"),
    [((60, 70), (16, 24), (0.5, 0.25)), ((12, 30, 28), (5, 12, 16), (2.0, 0.5, 0.5))],
)
def test_parts_of_blocks_add_up_to_whole_objects(shape, side, spacing):
    labels = discs(shape, 0, 5)
    rng = np.random.default_rng(0)
    images = {"a": rng.integers(0, 60000, shape).astype(np.uint16), "b": rng.normal(size=shape)}
    parts = []
    for block in plan_blocks(shape, 1, Layout(side, 0, 0)):
        channels = {name: image[block.core] for name, image in images.items()}
        part = sum_block(labels[block.core], block.core, channels)
        parts.append(unpack_sums(pack_sums(part)))
    axes = "ZYX"[-len(shape) :]
    found = table_columns(added(parts), axes, spacing, shape, list(images))
    whole = measure_objects(labels, images, axes=axes, spacing=spacing)
    assert set(whole.columns) - set(found) == {"solidity"} | (
        {"perimeter"} if axes == "YX" else set()
    )
    for name, column in found.items():
        assert column.tolist() == pytest.approx(whole[name].tolist(), rel=1e-9, abs=1e-9), name
    exact = ("label", "pixels", "bbox_y_min", "bbox_x_max", "centroid_y", "a_sum", "a_max")
    for name in exact:
        assert found[name].tolist() == whole[name].tolist(), name


def test_a_block_without_objects_adds_nothing():
    empty = sum_block(np.zeros((4, 4), int), (slice(0, 4), slice(0, 4)), {"i": np.ones((4, 4))})
    some = sum_block(np.ones((4, 4), int), (slice(0, 4), slice(4, 8)), {"i": np.ones((4, 4))})
    assert empty.count == 0
    joined = added([empty, some])
    assert joined.ids().tolist() == [1]
    assert table_columns(joined, "YX", (1, 1), (4, 8), ["i"])["centroid_x"].tolist() == [5.5]
