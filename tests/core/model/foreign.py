"""Small ONNX networks, made by hand: brightness times ten is the vector, bright is foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

DECLARATION = """\
axes = "YX"
embedding = [0]
foreground = 1
foreground_is = "logit"
bandwidth = 1.0
normalisation = "none"
size_multiple = 8
"""


def network(
    path: Path,
    *,
    shape=("n", 1, "y", "x"),
    apart=False,
    nodes=(),
    functions=(),
    domains=(),
    kind=TensorProto.FLOAT,
) -> Path:
    """Write a network whose outputs are 10 · image, and the logit 50 · (image − 0.05)."""
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("ten", 10.0), ("steep", 50.0), ("low", 0.05))
    ]
    steps = [
        helper.make_node("Mul", ["image", "ten"], ["vector"]),
        helper.make_node("Sub", ["image", "low"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["where"]),
    ]
    names = ["vector", "where"]
    if not apart:
        steps.append(helper.make_node("Concat", names, ["maps"], axis=1))
        names = ["maps"]
    free = [None] * len(shape)
    graph = helper.make_graph(
        [*steps, *nodes],
        "small",
        [helper.make_tensor_value_info("image", kind, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, free) for name in names],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(name, 1) for name in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions)
    onnx.save_model(model, str(path))
    return path


def declared(path: Path, text: str = DECLARATION) -> Path:
    """Write the declaration beside a network."""
    path.with_suffix(".toml").write_text(text, encoding="utf-8")
    return path


def drawn_image(shape=(64, 96)):
    """Return a label image of pairs of touching rectangles, and an image of their brightness."""
    labels = np.zeros(shape, np.int32)
    for number in range(6):
        row, column = divmod(number, 2)
        box = (slice(4 + 20 * row, 20 + 20 * row), slice(10 + 30 * column, 40 + 30 * column))
        labels[(..., *box)] = number + 1
    return labels, (0.15 * labels).astype(np.float32)
